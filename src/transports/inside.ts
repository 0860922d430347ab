/**
 * Who has come in and has not left: sockets, from the upgrade until the kernel has let go of them, and clients who have none to themselves. To be
 * waited for; sockets also to be dropped.
 */
import type { Duplex } from 'node:stream'

export class Inside implements Disposable {
  readonly #sockets = new Set<Duplex>()
  #size = 0
  #waiting: (() => void)[] = []

  /** @param leave called once, when it has closed */
  add(socket: Duplex, leave: () => void): void {
    this.#sockets.add(socket)
    const release = this.hold(leave)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      release()
    })
  }

  /**
   * One more, who has no socket.
   * @param leave called when he leaves
   * @returns to be called once, when he does
   */
  hold(leave: () => void): () => void {
    this.#size++
    return () => {
      this.#size--
      leave()
      if (this.#size > 0) return
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  /** Resolves when nobody is inside: what was written to them has been taken, and they have said goodbye or were dropped. */
  whenEmpty(): Promise<void> {
    if (this.#size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Drops all sockets. */
  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/**
 * Sockets that are connected and have not come in: in their TLS handshake, amid the head of their request, or refused and on their way out.
 * Their number is bounded, and at the bound the oldest goes: a browser needs a round trip or two here, whoever stays for long is up to
 * something. So half-open sockets, however many, keep nobody out.
 */
import type { Duplex } from 'node:stream'

/** What is known of a socket, be it the bare one or the TLS one around it. */
interface Addressed {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

export class Doorstep implements Disposable {
  #most: number
  readonly #evicted: (remote: string) => boolean
  /** In the order they came. By peer, since a TLS socket does not tell which bare one is below it. */
  readonly #sockets = new Map<string, Duplex>()

  /**
   * @param most sockets at one time; 0 = no bound
   * @param evicted asked for the oldest when there is one too many: false lets it stay
   */
  constructor(most: number, evicted: (remote: string) => boolean) {
    this.#most = most
    this.#evicted = evicted
  }

  /** Another bound, for those who come from now on. */
  set most(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#sockets.size
  }

  add(socket: Duplex & Addressed): void {
    const key = keyOf(socket)
    // Gone between the kernel's accept and ours.
    if (key === undefined) return void socket.destroy()
    if (this.#most > 0 && this.#sockets.size >= this.#most) this.#evict()
    this.#sockets.set(key, socket)
    socket.once('close', () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
    })
  }

  /** It has come in. */
  remove(socket: Addressed): void {
    const key = keyOf(socket)
    if (key !== undefined) this.#sockets.delete(key)
  }

  /**
   * It is busy with a request: it cannot be the oldest until what is returned is called; then it is the youngest.
   * @returns to be called once, also when it has gone
   */
  lend(socket: Addressed): () => void {
    const key = keyOf(socket)
    const found = key === undefined ? undefined : this.#sockets.get(key)
    if (key === undefined || found === undefined) return () => {}
    this.#sockets.delete(key)
    return () => {
      if (found.destroyed) return
      if (this.#most > 0 && this.#sockets.size >= this.#most) this.#evict()
      this.#sockets.set(key, found)
    }
  }

  /** Drops them all. */
  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  #evict(): void {
    const [oldest] = this.#sockets
    if (oldest === undefined) return
    const [key, socket] = oldest
    if (!this.#evicted((socket as Addressed).remoteAddress ?? '')) return
    this.#sockets.delete(key)
    socket.destroy()
  }
}

function keyOf({ remoteAddress, remotePort }: Addressed): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`
}

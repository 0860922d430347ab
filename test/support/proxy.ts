/** A TCP proxy on loopback that can hurt: what stands between an adapter and its broker in tests of lost connections. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

interface Pair {
  readonly near: Socket
  readonly far: Socket
  isMute: boolean
}

export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #isDown = false
  #accepted = 0

  /** @param target port on 127.0.0.1 */
  static async to(target: number): Promise<TcpProxy> {
    // A goodbye is passed on: answered here, it would seem to have reached the far side.
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, target)
  }

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', (near) => this.#join(near))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that stand now. */
  get connections(): number {
    return this.#pairs.size
  }

  /** Connections that were let in since it began. */
  get accepted(): number {
    return this.#accepted
  }

  /** Breaks all connections, without a goodbye. */
  sever(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    this.#pairs.clear()
  }

  /** Nothing more from the far side reaches the near one, on the connections there are now. */
  mute(): void {
    for (const pair of this.#pairs) pair.isMute = true
  }

  /** Severs, and lets nobody in until `up`. */
  down(): void {
    this.#isDown = true
    this.sever()
  }

  up(): void {
    this.#isDown = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sever()
    if (this.#server.listening) this.#server.close()
  }

  #join(near: Socket): void {
    near.on('error', () => {})
    if (this.#isDown) {
      near.resetAndDestroy()
      return
    }
    this.#accepted++
    const far = connect(this.#target, '127.0.0.1')
    const pair: Pair = { near, far, isMute: false }
    this.#pairs.add(pair)
    const part = (): void => {
      near.destroy()
      far.destroy()
      this.#pairs.delete(pair)
    }
    far.on('error', part)
    near.on('end', () => far.end())
    near.on('close', part)
    far.on('close', part)
    near.pipe(far, { end: false })
    far.on('data', (chunk) => {
      if (pair.isMute || near.write(chunk)) return
      far.pause()
      near.once('drain', () => far.resume())
    })
  }
}

/**
 * A TCP load balancer on loopback, as operators put one in front of several bridges: asks each of them for /readyz, gives new connections in turn to
 * those that are ready, and lets the old ones be. It sees bytes only; a bridge that goes must send its clients away itself.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Backend {
  /** `ws://127.0.0.1:PORT/ws` */
  readonly url: string
  /** `http://127.0.0.1:PORT`, the operator's port. */
  readonly ops: string
}

/** Milliseconds between two questions to one backend, and for its answer. */
const CHECK_MS = 50
const ANSWER_MS = 2_000

export class Balancer implements AsyncDisposable {
  readonly #server: Server
  readonly #path: string
  readonly #ready = new Map<Backend, boolean>()
  readonly #sockets = new Set<Socket>()
  readonly #checks = new Map<Backend, AbortController>()
  #turn = 0

  static async before(...backends: readonly Backend[]): Promise<Balancer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const balancer = new Balancer(server, new URL(backends[0]!.url).pathname)
    for (const backend of backends) balancer.add(backend)
    return balancer
  }

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
    server.on('connection', (socket) => this.#join(socket))
  }

  /** Where clients connect. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#path}`
  }

  /** Backends that get new connections now. */
  get ready(): readonly Backend[] {
    return [...this.#ready].filter(([, isReady]) => isReady).map(([backend]) => backend)
  }

  /** It gets connections once it is ready. */
  add(backend: Backend): void {
    const check = new AbortController()
    this.#ready.set(backend, false)
    this.#checks.set(backend, check)
    void this.#watch(backend, check.signal)
  }

  /** It gets none any more; those that it has stay. */
  remove(backend: Backend): void {
    this.#checks.get(backend)?.abort()
    this.#checks.delete(backend)
    this.#ready.delete(backend)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of [...this.#checks.keys()]) this.remove(backend)
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #watch(backend: Backend, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isReady = await answers(`${backend.ops}/readyz`, signal)
      if (signal.aborted) return
      this.#ready.set(backend, isReady)
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS).unref())
    }
  }

  #join(near: Socket): void {
    this.#keep(near)
    const { ready } = this
    const backend = ready[this.#turn++ % Math.max(1, ready.length)]
    // Nobody is there: as from a port that nobody listens on.
    if (backend === undefined) return void near.resetAndDestroy()
    const far = connect(Number(new URL(backend.url).port), '127.0.0.1')
    this.#keep(far)
    near.pipe(far)
    far.pipe(near)
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroySoon())
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

/**
 * The operator's port: takes requests, finds the endpoint, asks the doorman, writes the answer. What there is to see and to do stands in
 * endpoints.ts; how things are is told by the parts that src/bridge hands in.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Doorman } from './access.ts'
import { type Answer, errorAnswer, write } from './answer.ts'
import { type Call, type Endpoint, endpoints, type Methods } from './endpoints.ts'
import { OpsError } from './errors.ts'
import type { OpsParts } from './parts.ts'

export interface OpsOptions {
  readonly host: string
  /** 0 = any free port; `OpsServer.port` tells which. */
  readonly port: number
}

export interface OpsServer extends AsyncDisposable {
  /** `http://127.0.0.1:15680` */
  readonly address: string
  readonly port: number
  /** Other machines reach it: what is more than a probe needs a token. */
  readonly exposed: boolean
  /** Closes the port at once. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Milliseconds for the head of a request, and for all of it. */
const PATIENCE_MS = 5_000
/** Milliseconds that a connection may wait for its next request; Prometheus and kubelets come more rarely. */
const IDLE_MS = 5_000
/** Sockets at one time; the next one is dropped. */
const CONNECTIONS = 256

/** Binds the port and resolves once it listens; rejects with Node's own error. @param parts is asked for when the first request has come */
export async function serveOps(options: OpsOptions, parts: (server: OpsServer) => OpsParts): Promise<OpsServer> {
  const server = createServer({
    headersTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: IDLE_MS,
  })
  server.maxConnections = CONNECTIONS
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host: options.host, port: options.port }, resolve)
  await promise
  server.off('error', reject)
  const opened = opening(server)
  const desk = new Desk(parts(opened), opened.exposed)
  server.on('error', (cause) => desk.failed(cause))
  server.on('request', (request, response) => void desk.serve(request, response))
  return opened
}

function opening(server: Server): OpsServer {
  const { address, family, port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    exposed: !(address === '::1' || address.startsWith('127.')),
    [Symbol.asyncDispose]() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}

class Desk {
  readonly #parts: OpsParts
  readonly #doorman: Doorman
  readonly #endpoints: ReadonlyMap<string, Methods>

  constructor(parts: OpsParts, exposed: boolean) {
    this.#parts = parts
    this.#doorman = new Doorman(exposed, parts.settings, parts.refused)
    this.#endpoints = endpoints(parts)
  }

  failed(cause: unknown): void {
    this.#parts.failed(cause)
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A peer that leaves in the middle is no fault of ours.
    response.on('error', () => {})
    const answer = await this.#answer(request)
    // Who is kept alive would be cut off in the middle when the port closes; and what is left of a body would be taken for the next request.
    const last = this.#parts.readiness().draining || !request.complete
    if (!response.destroyed) write(request, response, answer, last)
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    try {
      const { endpoint, call } = this.#find(request)
      this.#doorman.check(request, endpoint.access)
      return await endpoint.answer(call)
    } catch (error) {
      if (!(error instanceof OpsError)) this.failed(error)
      return errorAnswer(error)
    }
  }

  /** @throws OpsError `not-found`, `method-not-allowed` */
  #find(request: IncomingMessage): { endpoint: Endpoint; call: Call } {
    const { url = '', method = '' } = request
    const at = url.indexOf('?')
    const path = at === -1 ? url : url.slice(0, at)
    const [known, id] = this.#known(path)
    const methods = this.#endpoints.get(known)
    if (methods === undefined) throw new OpsError('not-found', 'there is nothing here: see /api/info')
    const endpoint = methods[(method === 'HEAD' ? 'GET' : method) as keyof Methods]
    if (endpoint === undefined || !Object.hasOwn(methods, method === 'HEAD' ? 'GET' : method)) {
      const allowed = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]))
      throw new OpsError('method-not-allowed', allowed.join(' or '), { Allow: allowed.join(', ') })
    }
    const remote = request.socket.remoteAddress ?? ''
    return { endpoint, call: { request, query: at === -1 ? '' : url.slice(at + 1), id, remote } }
  }

  /** The path as it stands in the table, and what its `:id` is. */
  #known(path: string): readonly [path: string, id: string] {
    if (this.#endpoints.has(path)) return path.includes(':') ? ['', ''] : [path, '']
    const slash = path.lastIndexOf('/')
    const id = decoded(path.slice(slash + 1))
    return id === '' ? ['', ''] : [`${path.slice(0, slash)}/:id`, id]
  }
}

/** '' for what is no text. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}

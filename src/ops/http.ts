/**
 * The operator's port: is the process alive, should it get traffic. Answers from what it is given, without I/O.
 *
 * Knows neither brokers nor sessions: src/bridge hands in a function that tells how things stand.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface OpsOptions {
  readonly host: string
  /** 0 = any free port; `OpsServer.port` tells which. */
  readonly port: number
}

/** How things stand, at the moment of asking. */
export interface Readiness {
  /** New clients may be sent here. False while starting and draining, and when a broker has been away for longer than `maxOutage`. */
  readonly ready: boolean
  /** One line for the operator; undefined while ready. */
  readonly reason: string | undefined
  readonly brokers: readonly BrokerReadiness[]
}

export interface BrokerReadiness {
  readonly name: string
  /** `up`, `connecting`, `down`, `blocked`. */
  readonly state: string
  /** Milliseconds since 1970 of the last change. */
  readonly since: number
  /** One line; undefined while up. No addresses with credentials: this port asks nobody who he is. */
  readonly reason: string | undefined
}

export interface OpsServer extends AsyncDisposable {
  /** `http://127.0.0.1:15680` */
  readonly address: string
  readonly port: number
  /** Closes the port at once. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Binds the port and resolves once it listens; rejects with Node's own error.
 *
 * `GET /livez`: 200 as long as the event loop turns. `GET /readyz`: 200 or 503; `?verbose` adds the reason and a line per broker.
 * HEAD answers as GET, other methods get 405, other paths 404.
 */
export async function serveOps(options: OpsOptions, readiness: () => Readiness): Promise<OpsServer> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    if (path !== '/livez' && path !== '/readyz') return answer(response, 404, 'not found')
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'GET or HEAD', 'GET, HEAD')
    if (path === '/livez') return answer(response, 200, 'ok')
    const state = readiness()
    const verbose = new URLSearchParams(query).has('verbose')
    return answer(response, state.ready ? 200 : 503, verbose ? described(state) : verdict(state))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host: options.host, port: options.port }, resolve)
  await promise
  return opened(server)
}

function opened(server: Server): OpsServer {
  const { address, family, port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    [Symbol.asyncDispose]() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}

function verdict(state: Readiness): string {
  return state.ready ? 'ready' : 'not ready'
}

function described(state: Readiness): string {
  const brokers = state.brokers.map(({ name, state, since, reason }) => {
    return `${name}: ${state} since ${new Date(since).toISOString()}${reason === undefined ? '' : ` (${reason})`}`
  })
  return [state.reason === undefined ? verdict(state) : `${verdict(state)}: ${state.reason}`, ...brokers].join('\n')
}

function answer(response: ServerResponse, status: number, text: string, allow?: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    ...(allow === undefined ? {} : { Allow: allow }),
  })
  response.end(`${text}\n`)
}

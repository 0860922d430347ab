/** Node's HTTP server as the listener wants it: with or without TLS, with its times and its queue. Decides nothing about who may come in. */
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { ListenOptions } from './listen.ts'
import type { Certificate } from './tls.ts'

/** Milliseconds of silence before the first probe. */
const KEEPALIVE_MS = 60_000
/** Connections that the kernel keeps for us while we are busy: when a bridge comes back, so do all its clients. The system may allow fewer. */
const BACKLOG = 4_096
/** Milliseconds in which the body of a request must have come, over a slow line too. */
const BODY_MS = 60_000
/** Milliseconds that a connection between two requests stays: longer than proxies keep theirs, who would else send a request into a closing one. */
const IDLE_MS = 75_000

export interface ServerOfItsKind {
  readonly server: Server
  /** Handshakes from now on use this certificate. */
  renew(context: Readonly<SecureContextOptions>): void
}

/** @param bodies requests with bodies are served, and many on one connection */
export function serverFor(
  options: ListenOptions,
  certificate: Certificate | undefined,
  bodies: boolean,
): ServerOfItsKind {
  const { limits, probes = true } = options
  const { handshakeTimeoutMs } = limits
  const common: ServerOptions = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: bodies ? Math.max(handshakeTimeoutMs, BODY_MS) : handshakeTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, handshakeTimeoutMs),
    keepAlive: probes,
    keepAliveInitialDelay: KEEPALIVE_MS,
    ...(bodies ? { keepAliveTimeout: IDLE_MS } : {}),
  }
  if (certificate === undefined) return { server: createServer(common), renew() {} }
  const server = createTlsServer({ ...common, ...certificate.context, handshakeTimeout: handshakeTimeoutMs })
  return { server, renew: (context) => server.setSecureContext(context) }
}

/** Resolves once it listens; rejects with Node's own error. */
export function bound(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** An ops port with nothing behind it: what a test says stands for the bridge. And requests as raw as a test wants them. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { type OpsServer, serveOps } from '../../src/ops/http.ts'
import { type ListingOf, listing } from '../../src/ops/list.ts'
import type { OpsParts, Readiness, Row } from '../../src/ops/parts.ts'
import { Trace } from '../../src/ops/trace.ts'
import { hostMatcher } from '../../src/transports/origins.ts'

export const TOKEN = 'a-token-of-operators'
export const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` }

export const READY: Readiness = { ready: true, draining: false, reason: undefined, checks: [], brokers: [] }

/** A list of numbers. */
export function numbers(list: Iterable<number>): ListingOf<number> {
  return {
    entries: () => list,
    sorts: {
      size: { order: 'desc', key: (number) => number },
      last: { order: 'asc', key: (number) => String(number % 10) },
    },
    filters: { odd: (number, value) => String(number % 2 === 1) === value },
    row: (number) => ({ number }),
  }
}

export interface DeskOptions extends Partial<Pick<OpsParts, 'readiness' | 'metrics' | 'page'>> {
  readonly host?: string
  readonly tokens?: readonly string[]
  readonly hosts?: readonly string[]
  readonly list?: ListingOf<number>
  readonly info?: () => Row
}

export interface Desk {
  readonly server: OpsServer
  /** What was asked of the bridge, in order: `drain 127.0.0.1`. */
  readonly log: string[]
}

/** On a free port of loopback, until the test is over. */
export async function openDesk(options: DeskOptions = {}): Promise<Desk> {
  const log: string[] = []
  const list = listing(options.list ?? numbers([]))
  const server = await serveOps({ host: options.host ?? '127.0.0.1', port: 0 }, () => ({
    settings: () => ({ tokens: options.tokens ?? [], knowsHost: hostMatcher(options.hosts ?? []) }),
    readiness: options.readiness ?? (() => READY),
    views: {
      info: options.info ?? (() => ({ name: 'stomp-bridge' })),
      listings: { connections: list, users: list, subscriptions: list, routes: list, brokers: list },
      connection: (id) => (id === 'known' ? { id } : undefined),
      config: () => ({ items: [] }),
    },
    control: {
      end: (id, by) => log.push(`end ${id} ${by}`) > 0 && id === 'known',
      publish: async ({ destination, body }, by) => void log.push(`publish ${destination} ${body} ${by}`),
      drain: (by) => void log.push(`drain ${by}`),
      async reload(by) {
        log.push(`reload ${by}`)
        return { result: 'applied', faults: [], changes: ['routes +1'] }
      },
    },
    traces: {
      start(order, by) {
        log.push(`trace ${order.target.kind} ${order.target.value} ${by}`)
        return new Trace(order, 0)
      },
      all: () => [],
      remove: () => false,
    },
    metrics: options.metrics ?? { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
    page: options.page ?? { version: '1.2.3', websocket: undefined },
    failed: (cause) => void log.push(`failed ${String(cause)}`),
    refused: (remote) => void log.push(`refused ${remote}`),
  }))
  onTestFinished(() => server[Symbol.asyncDispose]())
  return { server, log }
}

/** The `error` of an answer, and its status: `403 unknown-host`; `200` for none. */
export async function outcome(response: Response): Promise<string> {
  if (response.ok) {
    await response.body?.cancel()
    return String(response.status)
  }
  const { error, message } = (await response.json()) as { error: string; message: string }
  if (typeof message !== 'string' || message === '') throw new Error('an error without a word')
  return `${response.status} ${error}`
}

/** Bytes as they are, and what comes back until the port closes the connection. */
export async function raw({ port }: OpsServer, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
  const closed = once(socket, 'close')
  socket.write(bytes)
  await closed
  return Buffer.concat(chunks).toString()
}

/**
 * What the ops port answers: each path with its methods, and who may use them. Knows neither sockets nor sessions: it reads what was asked, calls
 * the part that knows, and makes an answer of it.
 */
import type { IncomingMessage } from 'node:http'
import type { Access } from './access.ts'
import { type Answer, json, text } from './answer.ts'
import { OpsError } from './errors.ts'
import type { Listing } from './list.ts'
import { MESSAGE_BYTES, readMessage } from './message.ts'
import { page } from './page/index.ts'
import type { OpsParts, Readiness } from './parts.ts'
import { brief, readAsk, readBody, readParameters } from './query.ts'
import { readOrder } from './trace.ts'
import { stream } from './trace-stream.ts'

export interface Call {
  readonly request: IncomingMessage
  /** Behind the `?`, as received; '' for none. */
  readonly query: string
  /** What stands for `:id` in the path, decoded. */
  readonly id: string
  /** Who asks: an IP address. */
  readonly remote: string
}

export interface Endpoint {
  readonly access: Access
  /** @throws OpsError for what was asked wrongly */
  answer(call: Call): Answer | Promise<Answer>
}

/** By method. HEAD is GET without a body. */
export type Methods = Readonly<Partial<Record<'GET' | 'POST' | 'DELETE', Endpoint>>>

/** By path; `:id` is one segment. */
export function endpoints(parts: OpsParts): ReadonlyMap<string, Methods> {
  const { views, metrics } = parts
  const { connections, users, subscriptions, routes, brokers } = views.listings
  return new Map<string, Methods>([
    ['/', { GET: plain('page', () => page(parts.page)) }],
    ['/livez', { GET: { access: 'probe', answer: () => text(200, 'ok') } }],
    ['/readyz', { GET: { access: 'probe', answer: ({ query }) => ready(parts.readiness(), query) } }],
    [
      '/metrics',
      { GET: { access: 'read', answer: async () => exposition(metrics.contentType, await metrics.text()) } },
    ],
    ['/api/info', { GET: plain('read', () => json(views.info())) }],
    ['/api/config', { GET: plain('read', () => json(views.config())) }],
    ['/api/connections', { GET: list(connections) }],
    ['/api/connections/:id', connection(parts)],
    ['/api/users', { GET: list(users) }],
    ['/api/subscriptions', { GET: list(subscriptions) }],
    ['/api/routes', { GET: list(routes) }],
    ['/api/brokers', { GET: list(brokers) }],
    ['/api/messages', { POST: message(parts) }],
    ['/api/traces', traces(parts)],
    ['/api/traces/:id', trace(parts)],
    ['/api/drain', { POST: drain(parts) }],
    ['/api/reload', { POST: reload(parts) }],
  ])
}

/** Takes no parameters. */
function plain(access: Access, answer: () => Answer): Endpoint {
  return {
    access,
    answer({ query }) {
      readParameters(query, [])
      return answer()
    },
  }
}

function list(listing: Listing): Endpoint {
  return { access: 'read', answer: async ({ query }) => json(await listing.page(readAsk(query, listing))) }
}

function connection({ views, control }: OpsParts): Methods {
  const unknown = (id: string): OpsError => new OpsError('not-found', `no connection ${brief(id)}`)
  return {
    GET: {
      access: 'read',
      answer({ id, query }) {
        readParameters(query, [])
        const row = views.connection(id)
        if (row === undefined) throw unknown(id)
        return json(row)
      },
    },
    DELETE: {
      access: 'change',
      answer({ id, query, remote }) {
        readParameters(query, [])
        if (!control.end(id, remote)) throw unknown(id)
        return json({ ended: id })
      },
    },
  }
}

function traces({ traces }: OpsParts): Methods {
  return {
    GET: plain('private', () => json({ items: traces.all().map((each) => each.row()) })),
    POST: {
      access: 'change',
      async answer({ request, query, remote }) {
        readParameters(query, [])
        const trace = traces.start(readOrder(await readBody(request)), remote)
        return json(trace.row(), 201, { Location: `/api/traces/${trace.id}` })
      },
    },
  }
}

function trace({ traces }: OpsParts): Methods {
  const unknown = (id: string): OpsError => new OpsError('not-found', `no trace ${brief(id)}`)
  return {
    GET: {
      access: 'private',
      answer({ id, query }) {
        const follows = readParameters(query, ['follow']).has('follow')
        const found = traces.all().find((each) => each.id === id)
        if (found === undefined) throw unknown(id)
        const headers = { 'Content-Type': 'application/x-ndjson; charset=utf-8' }
        if (follows) return { status: 200, headers, body: stream(found) }
        return {
          status: 200,
          headers,
          body: found
            .lines()
            .map((line) => `${line}\n`)
            .join(''),
        }
      },
    },
    DELETE: {
      access: 'change',
      answer({ id, query, remote }) {
        readParameters(query, [])
        if (!traces.remove(id, remote)) throw unknown(id)
        return json({ removed: id })
      },
    },
  }
}

function message({ control }: OpsParts): Endpoint {
  return {
    access: 'change',
    async answer({ request, query, remote }) {
      readParameters(query, [])
      await control.publish(readMessage(await readBody(request, MESSAGE_BYTES)), remote)
      return json({ confirmed: true })
    },
  }
}

function drain({ control }: OpsParts): Endpoint {
  return {
    access: 'change',
    answer({ query, remote }) {
      readParameters(query, [])
      control.drain(remote)
      return json({ draining: true }, 202)
    },
  }
}

function reload({ control }: OpsParts): Endpoint {
  return {
    access: 'change',
    async answer({ query, remote }) {
      readParameters(query, [])
      const { result, faults, changes } = await control.reload(remote)
      // RFC 9110 §15.5.21, 422: "understands the content type … but was unable to process the contained instructions"
      return json({ result, faults, changes }, result === 'rejected' ? 422 : 200)
    },
  }
}

function exposition(contentType: string, body: string): Answer {
  return { status: 200, headers: { 'Content-Type': contentType }, body }
}

/** As the Kubernetes API server writes it: a line for each check, `[+]` where it has passed. Other parameters are a prober's own. */
function ready(state: Readiness, query: string): Answer {
  const status = state.ready ? 200 : 503
  const verdict = state.ready ? 'ready' : 'not ready'
  if (!new URLSearchParams(query).has('verbose')) return text(status, verdict)
  const mark = (passed: boolean): string => (passed ? '[+]' : '[-]')
  const checks = state.checks.map(({ name, passed }) => `${mark(passed)} ${name}`)
  const brokers = state.brokers.map(({ name, state, since, reason, required, missing }) => {
    const why = reason === undefined ? '' : ` (${reason})`
    const spared = required ? 'tolerated (outage.max)' : 'not required'
    const excuse = required && (missing || state === 'up') ? '' : `, ${spared}`
    return `${mark(!missing || !required)} broker ${name}: ${state} since ${new Date(since).toISOString()}${why}${excuse}`
  })
  const last = state.reason === undefined ? verdict : `${verdict}: ${state.reason}`
  return text(status, [...checks, ...brokers, last].join('\n'))
}

/** An explanation as it leaves the process: the same facts as text for a person and as JSON for a program, with the places of the rules. */
import { originMatcher, type Plan } from '../bridge/plan.ts'
import type { LoadResult } from '../config/load.ts'
import { durationText, sizeText } from '../config/read.ts'
import type { Config } from '../config/schema.ts'
import type { Explanation, Verdict } from '../routing/explain.ts'
import { pathOf } from '../routing/inner.ts'
import type { Route } from '../routing/route.ts'

export interface Report {
  readonly command: 'SEND' | 'SUBSCRIBE'
  readonly destination: string
  readonly user: string | null
  readonly verdict: ReportedVerdict
  /** The one that matches. */
  readonly route: ReportedRoute | null
  readonly target: string | null
  readonly receipt: string | null
  readonly acks: readonly string[]
  /** Where the MESSAGEs that come of it say they are for. */
  readonly message: string | null
  /** By the option that says it, from the root of the configuration or of the route. */
  readonly limits: Readonly<Record<string, string>>
  readonly other: ReportedVerdict & { readonly command: 'SEND' | 'SUBSCRIBE' }
  readonly near: readonly (ReportedRoute & { readonly reason: string })[]
  /** What else keeps such a client out, or has a say. */
  readonly notes: readonly string[]
}

interface ReportedVerdict {
  readonly allowed: boolean
  readonly code: string | null
  readonly reason: string
  /** `bridge.yaml:14`; null: nobody has written it. */
  readonly where: string | null
}

interface ReportedRoute {
  readonly pattern: string
  readonly preset: string | null
  readonly broker: string
  readonly where: string
}

export function reportOf(explained: Explanation, loaded: LoadResult, { brokers }: Plan): Report {
  const { verb, destination, who, route } = explained
  const { config } = loaded
  const reported = (each: Route): ReportedRoute => {
    const { pattern, broker } = each
    const preset = config.routes[each.entry]?.preset
    return {
      pattern,
      preset: typeof preset === 'string' ? preset : null,
      broker: broker.name,
      where: loaded.where(pathOf(each)),
    }
  }
  const verdict = ({ allowed, code, reason, rule }: Verdict): ReportedVerdict => {
    return { allowed, code: code ?? null, reason, where: ruleAt(rule, loaded) }
  }
  return {
    command: verb === 'send' ? 'SEND' : 'SUBSCRIBE',
    destination,
    user: who.name ?? null,
    verdict: verdict(explained.verdict),
    route: route === undefined ? null : reported(route),
    target: explained.target ?? null,
    receipt: explained.receipt ?? null,
    acks: explained.acks,
    message: explained.message ?? null,
    limits: limitsOf(explained, config),
    other: { command: verb === 'send' ? 'SUBSCRIBE' : 'SEND', ...verdict(explained.other) },
    near: explained.near.map((miss) => ({ ...reported(miss.route), reason: miss.reason })),
    notes: notesOf(
      explained,
      config,
      [...brokers.values()].some(({ credentials }) => credentials === 'client'),
    ),
  }
}

/** Of a rule that is not written, nowhere: it is the default. */
function ruleAt(rule: Verdict['rule'], { config, where }: LoadResult): string | null {
  if (rule === undefined) return null
  const [list, entry, key] = rule
  const isWritten = list !== 'routes' || key === undefined || config.routes[Number(entry)]?.[key] !== undefined
  return isWritten ? where(rule) : null
}

function limitsOf({ verb, route, traits }: Explanation, { limits }: Config): Record<string, string> {
  if (route === undefined || traits === undefined) return {}
  const { payload, sendRate, sendBytesRate, prefetch, slow, share, batch, onGap, holdMs } = route.policy
  const away = holdMs === 0 ? 'ERROR broker-unavailable at once' : `it waits ${durationText(holdMs)}`
  const hold = { holdMs: `${away} while the broker is away` }
  if (verb === 'send') {
    return {
      maxBytes:
        payload?.maxBytes === undefined
          ? `${sizeText(limits.frameBytes)} (limits.frameBytes)`
          : sizeText(payload.maxBytes),
      ...(payload?.contentTypes !== undefined && { contentTypes: payload.contentTypes.join(', ') }),
      ...rate('sendRate', sendRate, String),
      ...rate('sendBytesRate', sendBytesRate, sizeText),
      ...rate('limits.sendRate', limits.sendRate, String),
      ...rate('limits.sendBytesRate', limits.sendBytesRate, sizeText),
      ...hold,
    }
  }
  const isCopy = traits.distribution === 'copy'
  const kind = slow?.kind === 'conflate' ? `conflate by ${slow.header}` : slow?.kind
  return {
    prefetch:
      prefetch === undefined ? `${limits.prefetchAuto} with ack:auto, else ${limits.prefetchClient}` : String(prefetch),
    slow: isCopy ? (kind ?? 'disconnect') : slow?.kind === 'disconnect' ? 'disconnect' : 'waits at the broker',
    ...(isCopy && { share: String(share) }),
    ...(isCopy && batch !== undefined && { batch: `${durationText(batch.delayMs)} or ${sizeText(batch.bytes)}` }),
    onGap,
    ...hold,
  }
}

/** 0 is no bound. */
function rate(name: string, value: number, text: (value: number) => string): Record<string, string> {
  return value === 0 ? {} : { [name]: `${text(value)} a second` }
}

/** What is decided elsewhere than by the route. */
function notesOf({ who, origin, route }: Explanation, { auth, listen }: Config, asksLogin: boolean): string[] {
  const notes: string[] = []
  const chained = auth.chain.length > 0 && auth.chain.every(({ authenticator }) => authenticator !== 'anonymous')
  if (who.name === undefined && (chained || (auth.chain.length === 0 && asksLogin))) {
    notes.push(
      `without a login nobody can CONNECT here: ${chained ? 'auth.chain' : 'a broker with credentials: client'} asks for one`,
    )
  }
  if (origin !== undefined && !originMatcher(listen.origins)(origin)) {
    notes.push(
      `listen.origins does not list ${origin}: such a page may connect only if the bridge has the same host, or both are on loopback`,
    )
  }
  if (route?.broker.credentials === 'client') {
    notes.push(`broker ${route.broker.name} has credentials: client: it decides too, by the client's own login`)
  }
  return notes
}

const LABEL = 12

export function reportText(report: Report): string {
  const { command, destination, user, verdict, route, target, receipt, acks, message, limits, other, near, notes } =
    report
  const line = (label: string, text: string | null): string[] =>
    text === null || text === '' ? [] : [`  ${label.padEnd(LABEL)}${text}`]
  const width = Math.max(0, ...near.map(({ pattern }) => pattern.length))
  return [
    `${command} ${destination}, ${user === null ? 'anonymous' : `as ${user}`}`,
    '',
    ...line('verdict', verdictText(verdict)),
    ...line('route', route === null ? 'none' : routeText(route)),
    ...line('target', route === null || target === null ? null : `${target} on ${route.broker}`),
    ...line('RECEIPT', receipt),
    ...line('ack', acks.join(', ')),
    ...line('MESSAGE', message === null ? null : `destination: ${message}`),
    ...Object.entries(limits).flatMap(([name, text], index) => line(index === 0 ? 'limits' : '', `${name}: ${text}`)),
    ...line(other.command, route === null ? null : verdictText(other)),
    ...notes.flatMap((note) => line('note', note)),
    ...(near.length === 0 ? [] : ['', '  near misses']),
    ...near.map(({ pattern, where, reason }) => `    ${pattern.padEnd(width)}  ${where}  ${reason}`),
    '',
  ].join('\n')
}

function verdictText({ allowed, code, reason, where }: ReportedVerdict): string {
  return `${allowed ? 'permitted' : `refused, ${code}`}: ${reason}${where === null ? '' : `  (${where})`}`
}

function routeText({ pattern, preset, where }: ReportedRoute): string {
  return `${pattern}  (${preset === null ? '' : `preset ${preset}, `}${where})`
}

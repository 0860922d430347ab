/**
 * A route of handlers: from the variables of a destination to the path that is asked and the destinations that the answer goes to. Knows no
 * connection; what is asked of a handler, and when, is link.ts's affair.
 *
 * The path is made once for each destination string, and everything a client wrote is looked at here.
 */
import type { Route } from '../../broker/broker.ts'
import { BrokerError, FieldError } from '../../broker/errors.ts'
import { plainNames } from '../../broker/space.ts'
import type { Variables } from '../../broker/template.ts'
import {
  type Choice,
  compileChoice,
  compileDestination,
  type DestinationTemplate,
  isOwn,
  isReserved,
  manyOf,
} from './destinations.ts'
import { flag, integer, type Options, oneOf, refuseUnknown, routeFields, text, texts } from './fields.ts'
import { compilePath, type PathTemplate } from './paths.ts'

/** Keys of the bridge that handlers need to know: what they are told is the client's own destination, and its sender where the route lets it. */
export const POLICY_KEYS = ['destination', 'identity'] as const

/** Whom an answer goes to: everybody at a destination · the session that has sent · all sessions of its user. */
export interface Recipient {
  readonly kind: 'route' | 'sender' | 'user'
  /** Of `user` what follows the name: `/queue/x`. */
  readonly destination: string
}

/** What a route says about its requests. Frozen. */
export interface RouteRule {
  readonly ordered: boolean
  readonly retries: number
  readonly onError: 'error' | 'user'
  readonly errorBody: 'hide' | 'pass'
  /** The handler is told who has sent it. */
  readonly identity: boolean
  readonly choices: readonly Choice[]
}

export class HttpTarget {
  /** As it stands in the request line. */
  readonly path: string
  /** As a client writes it; of a route without a destination of its own, the path. */
  readonly destination: string
  readonly recipients: readonly Recipient[]
  readonly rule: RouteRule
  readonly variables: Variables

  constructor(target: Pick<HttpTarget, 'path' | 'destination' | 'recipients' | 'rule' | 'variables'>) {
    this.path = target.path
    this.destination = target.destination
    this.recipients = target.recipients
    this.rule = target.rule
    this.variables = target.variables
  }

  /** Whether an answer may go there instead. */
  allows(destination: string): boolean {
    return this.rule.choices.some((choice) => choice.allows(destination, this.variables))
  }
}

interface Reply {
  readonly kind: Recipient['kind']
  readonly template: DestinationTemplate
}

/**
 * @param base what every path begins with
 * @param names the variables of the route's destination pattern
 * @throws FieldError
 */
export function compileRoute(base: string, options: Options, names: readonly string[]): Route<HttpTarget> {
  refuseUnknown(options, routeFields, POLICY_KEYS)
  const pattern = text(options, 'destination')
  const many = pattern === undefined ? new Set<string>() : manyOf(pattern)
  const own = pattern === undefined ? undefined : compileDestination(pattern, ['destination'], names, many)
  const path = readPath(options, names, pattern)
  const replies = readReplies(options, names, many, pattern)
  const rule = readRule(options, names, many)
  const identity = oneOfIdentity(options.identity)
  return {
    target(variables) {
      const destination = own?.render(variables) ?? path.render(variables)
      const recipients = replies.map(({ kind, template }) => recipientOf(kind, template.render(variables)))
      return new HttpTarget({ path: base + path.render(variables) || '/', destination, recipients, rule, variables })
    },
    variables: (target) => (target.rule === rule ? target.variables : undefined),
    space: { kind: 'path', parts: [plainNames(`${base}${path.source}` || '/')] },
    spaceOf: (target) => ({ kind: 'path', parts: [[[target.path]]] }),
    special: '/',
    arguments: [],
    policy: { identity },
    // Without the host: parts of this reach clients.
    summary: `POST ${`${base}${path.source}` || '/'}${replyText(replies.map(({ kind, template }) => ({ kind, destination: template.source })))}`,
    describe: (target, verb) =>
      verb === 'send' ? `POST ${target.path}${replyText(target.recipients)}` : `GET ${target.path}, one answer`,
    receipt: receiptText,
  }
}

function replyText(recipients: readonly Recipient[]): string {
  const places = recipients.map(({ kind, destination }) => (kind === 'user' ? `/user/*${destination}` : destination))
  return places.length === 0 ? ', no reply' : `, reply to ${places.join(' and ')}`
}

function receiptText({ recipients, rule }: HttpTarget): string {
  const reply = recipients.length === 0 ? '' : ', and the broker of its reply has confirmed that'
  const failed = rule.onError === 'user' ? ', or its refusal has gone to /user/queue/errors' : ''
  return `the handler has answered 2xx${reply}${failed}; nothing of it is kept here`
}

function recipientOf(kind: Recipient['kind'], destination: string): Recipient {
  // The rest of the destination is the client's: what is no template of a reserved one may have become one.
  if (isReserved(destination))
    throw new BrokerError('bad-destination', 'its answer would go to a place of the bridge itself')
  return { kind, destination }
}

/** The destination without its first segment; undefined: it has no other. */
function restOf(pattern: string | undefined): string | undefined {
  const rest = pattern?.replace(/^\/?[^/]*/, '')
  return rest === '' ? undefined : rest
}

function readPath(options: Options, names: readonly string[], pattern: string | undefined): PathTemplate {
  const source = text(options, 'path') ?? restOf(pattern)
  if (source === undefined) throw new FieldError([], 'needs a path, for the destination has only one segment')
  return compilePath(source, ['path'], names)
}

function readReplies(
  options: Options,
  names: readonly string[],
  many: ReadonlySet<string>,
  pattern: string | undefined,
): readonly Reply[] {
  const rest = restOf(pattern)
  const given = texts(options, 'reply') ?? (rest === undefined ? undefined : [`/topic${rest}`])
  if (given === undefined) throw new FieldError([], 'needs a reply, for the destination has only one segment')
  if (given.includes('none') && given.length > 1) throw new FieldError(['reply'], 'none stands alone')
  return given.flatMap((source, index): Reply[] => {
    if (source === 'none') return []
    const field = Array.isArray(options.reply) ? ['reply', index] : ['reply']
    const compile = (template: string): DestinationTemplate => compileDestination(template, field, names, many)
    if (source === 'sender' || source === 'user') {
      if (rest === undefined) throw new FieldError(field, 'needs a destination of more than one segment')
      const place = `/queue${rest}`
      return [{ kind: source, template: compile(source === 'user' ? place : `/user${place}`) }]
    }
    checkLoop(source, field, pattern)
    return [{ kind: isOwn(source) ? 'sender' : 'route', template: compile(source) }]
  })
}

/** A handler that answers to itself would be asked for ever. */
function checkLoop(source: string, field: readonly (string | number)[], pattern: string | undefined): void {
  const first = pattern && /^\/?[^/{}]+\//.exec(pattern)?.[0]
  if (first && source.startsWith(first))
    throw new FieldError(field, `begins with ${first}, as its own destination does`)
}

function readRule(options: Options, names: readonly string[], many: ReadonlySet<string>): RouteRule {
  const choices = (texts(options, 'replyTo') ?? []).map((source, index) => {
    const field = Array.isArray(options.replyTo) ? ['replyTo', index] : ['replyTo']
    checkLoop(source, field, text(options, 'destination'))
    return compileChoice(source, field, names, many)
  })
  return Object.freeze({
    ordered: flag(options, 'ordered'),
    retries: integer(options, 'retries', 0, 100),
    onError: oneOf(options, 'onError', ['error', 'user']),
    errorBody: oneOf(options, 'errorBody', ['hide', 'pass']),
    identity: oneOfIdentity(options.identity) !== 'off',
    choices,
  })
}

const IDENTITIES = ['backend', 'public', 'off'] as const

function oneOfIdentity(value: unknown): (typeof IDENTITIES)[number] {
  const found = IDENTITIES.find((each) => each === (value ?? 'backend'))
  if (found === undefined) throw new FieldError(['identity'], `must be ${IDENTITIES.join(' or ')}`)
  return found
}

/**
 * The argument headers of SUBSCRIBE and SEND: which exist for which kind of route, how their texts become AMQP arguments, and what is
 * malformed. Checked here to the letter, because two of them (`x-stream-offset:soon`, `x-max-age:old`) make RabbitMQ 3.10 close the
 * whole connection.
 *
 * Knows nothing of targets and connections.
 */
import { BrokerError } from '../../broker/errors.ts'

export type ArgumentTexts = Readonly<Record<string, string>>

/** What an AMQP argument table may hold here. */
export type ArgumentValue =
  | string
  | number
  | boolean
  | readonly string[]
  | { readonly '!': 'timestamp'; readonly value: number }
export type ArgumentTable = Readonly<Record<string, ArgumentValue>>

export interface Arguments {
  /** Arguments of `queue.declare`. */
  readonly queue: ArgumentTable
  /** Arguments of `basic.consume`. */
  readonly consumer: ArgumentTable
  /** `durable` (alias `persistent`), `auto-delete`, `exclusive`: undefined = not said. */
  readonly durable: boolean | undefined
  readonly autoDelete: boolean | undefined
  readonly exclusive: boolean | undefined
  readonly queueName: string | undefined
  /** Something in here only a real declare can bring about. */
  readonly declares: boolean
}

type Reader = (name: string, text: string) => ArgumentValue

const text: Reader = (_, value) => value
const words: Reader = (_, value) => value.split(',')
const integer: Reader = (name, value) => {
  // A signed 64-bit integer in AMQP; below 2^53 here, and written as one.
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(value)) return Number(value)
  throw malformed(name, 'an integer in decimal digits')
}
const signed: Reader = (name, value) =>
  value.startsWith('-') ? -(integer(name, value.slice(1)) as number) : integer(name, value)
const boolean: Reader = (name, value) => readBoolean(name, value)
/** rabbitmq.com/streams.html: "Y, M, D, h, m, s". */
const age: Reader = (name, value) => {
  if (/^[1-9][0-9]{0,9}[YMDhms]$/.test(value)) return value
  throw malformed(name, 'a number and one of Y M D h m s, such as 7D')
}
const streamOffset: Reader = (name, value) => {
  if (/^(?:first|last|next)$/.test(value)) return value
  const [kind, count] = value.split('=', 2)
  if (kind === 'offset' && count !== undefined) return integer(name, count)
  if (kind === 'timestamp' && count !== undefined) return { '!': 'timestamp', value: integer(name, count) as number }
  throw malformed(name, 'first, last, next, offset=<number> or timestamp=<seconds>')
}

const QUEUE: ReadonlyMap<string, Reader> = new Map([
  ['x-queue-type', text],
  ['x-message-ttl', integer],
  ['x-expires', integer],
  ['x-max-length', integer],
  ['x-max-length-bytes', integer],
  ['x-max-priority', integer],
  ['x-overflow', text],
  ['x-dead-letter-exchange', text],
  ['x-dead-letter-routing-key', text],
  ['x-max-age', age],
  ['x-stream-max-segment-size-bytes', integer],
  ['x-stream-filter-size-bytes', integer],
  ['x-single-active-consumer', boolean],
  ['x-queue-mode', text],
])

const CONSUMER: ReadonlyMap<string, Reader> = new Map([
  ['x-stream-offset', streamOffset],
  ['x-stream-filter', words],
  ['x-stream-match-unfiltered', boolean],
  ['x-priority', signed],
])

const FLAGS = ['durable', 'persistent', 'auto-delete', 'exclusive'] as const

/** A queue that the bridge never declares: `durable` and `auto-delete` are accepted there without effect, the queue has its own. */
export const CONSUMER_ARGUMENTS: readonly string[] = [...FLAGS, ...CONSUMER.keys()]
/** A queue that the bridge may declare. */
export const QUEUE_ARGUMENTS: readonly string[] = [...CONSUMER_ARGUMENTS, ...QUEUE.keys()]
/** A queue that the bridge makes for a subscription. */
export const EXCHANGE_ARGUMENTS: readonly string[] = [...QUEUE_ARGUMENTS, 'x-queue-name']

const NONE: Arguments = Object.freeze({
  queue: Object.freeze(Object.create(null) as ArgumentTable),
  consumer: Object.freeze(Object.create(null) as ArgumentTable),
  durable: undefined,
  autoDelete: undefined,
  exclusive: undefined,
  queueName: undefined,
  declares: false,
})

/**
 * @param known the names that the route reads
 * @throws BrokerError `unsupported` for a name that is not known, `bad-message` for a malformed value; both name the header
 */
export function readArguments(texts: ArgumentTexts | undefined, known: readonly string[]): Arguments {
  if (texts === undefined) return NONE
  const queue: Record<string, ArgumentValue> = Object.create(null)
  const consumer: Record<string, ArgumentValue> = Object.create(null)
  const flags: Partial<Record<(typeof FLAGS)[number], boolean>> = {}
  for (const [name, value] of Object.entries(texts)) {
    if (!known.includes(name))
      throw new BrokerError('unsupported', `header "${name.slice(0, 80)}" is not supported here`)
    const flag = FLAGS.find((each) => each === name)
    if (flag !== undefined) flags[flag] = readBoolean(name, value)
    if (QUEUE.has(name)) queue[name] = QUEUE.get(name)!(name, value)
    if (CONSUMER.has(name)) consumer[name] = CONSUMER.get(name)!(name, value)
  }
  const durable = flags.durable ?? flags.persistent
  return {
    queue,
    consumer,
    durable,
    autoDelete: flags['auto-delete'],
    exclusive: flags.exclusive,
    queueName: texts['x-queue-name'],
    declares: Object.keys(queue).length > 0 || durable !== undefined || flags['auto-delete'] !== undefined,
  }
}

/** RabbitMQ's STOMP plugin takes `true`, `True`, `false`, `False`. */
function readBoolean(name: string, value: string): boolean {
  if (value === 'true' || value === 'True') return true
  if (value === 'false' || value === 'False') return false
  throw malformed(name, 'true or false')
}

function malformed(name: string, rule: string): BrokerError {
  return new BrokerError('bad-message', `header "${name}" must be ${rule}`)
}

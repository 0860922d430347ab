/** The command line: which command, which file, which flags. Does nothing. */
import { parseArgs } from 'node:util'
import { didYouMean } from '../broker/spelling.ts'
import type { Flags } from '../config/load.ts'
import { UsageError } from './command.ts'

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  rabbitmq: { type: 'string' },
  mqtt: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  connect: { type: 'boolean' },
  json: { type: 'boolean' },
  user: { type: 'string' },
  role: { type: 'string' },
  claim: { type: 'string' },
  anonymous: { type: 'boolean' },
  origin: { type: 'string' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

type Option = keyof typeof OPTIONS

/** What makes a configuration. */
const SETTINGS = ['config', 'rabbitmq', 'mqtt', 'host', 'port'] as const

/** By command: the options that mean something to it, and the words that follow it, for the error that they are missing. */
const COMMANDS = {
  serve: { options: SETTINGS, words: [] },
  check: { options: [...SETTINGS, 'connect'], words: [] },
  explain: {
    options: [...SETTINGS, 'user', 'role', 'claim', 'anonymous', 'origin', 'json'],
    words: ['SEND or SUBSCRIBE', 'a destination'],
  },
  config: { options: [...SETTINGS, 'json'], words: [] },
  schema: { options: [], words: [] },
  init: { options: ['output'], words: ['rabbitmq, mqtt, memory or spring'] },
  healthcheck: { options: SETTINGS, words: [] },
  passwd: { options: [], words: [] },
} as const satisfies Readonly<
  Record<string, { readonly options: readonly Option[]; readonly words: readonly string[] }>
>

type Command = keyof typeof COMMANDS

export interface Arguments {
  readonly command: Command | 'help' | 'version'
  /** The configuration; undefined = none was named. */
  readonly file: string | undefined
  readonly flags: Flags
  /** What follows the command, as many as it wants. */
  readonly words: readonly string[]
  readonly given: Given
}

/** Options of single commands. */
export interface Given {
  readonly connect?: boolean
  readonly json?: boolean
  readonly user?: string
  readonly anonymous?: boolean
  readonly origin?: string
  readonly output?: string
  readonly roles?: readonly string[]
  /** `name=value` as written. */
  readonly claims?: readonly string[]
}

/**
 * @param args without the program's name
 * @throws UsageError with a near miss for a command or flag that does not exist
 */
export function readArguments(args: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true })
  const written: string[] = []
  const values = new Map<Option, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') written.push(token.value)
    if (token.kind !== 'option') continue
    const name = optionOf(token)
    values.set(name, [...(values.get(name) ?? []), textOf(name, token)])
  }
  if (values.has('help')) return bare('help')
  if (values.has('version')) return bare('version')
  const [command, words] = split(written)
  if (command === 'help' || command === 'version') return bare(command)
  const last = (name: Option): string | undefined => values.get(name)?.at(-1)
  const file = command === 'check' ? (words.shift() ?? last('config')) : last('config')
  refuseStray(command, words, values)
  const flags = pick({ rabbitmq: last('rabbitmq'), mqtt: last('mqtt'), host: last('host'), port: last('port') })
  if (command === 'check' && file === undefined && flags.rabbitmq === undefined && flags.mqtt === undefined) {
    throw new UsageError('check needs a file')
  }
  return { command, file, flags, words, given: givenOf(values, last) }
}

function bare(command: Arguments['command']): Arguments {
  return { command, file: undefined, flags: {}, words: [], given: {} }
}

function givenOf(values: ReadonlyMap<Option, string[]>, last: (name: Option) => string | undefined): Given {
  const flag = (name: Option): true | undefined => (values.has(name) ? true : undefined)
  return pick({
    connect: flag('connect'),
    json: flag('json'),
    user: last('user'),
    anonymous: flag('anonymous'),
    origin: last('origin'),
    output: last('output'),
    roles: values.get('role'),
    claims: values.get('claim'),
  })
}

/** Without what is undefined. */
function pick<V extends object>(all: V): { [K in keyof V]?: Exclude<V[K], undefined> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof V]?: Exclude<V[K], undefined>
  }
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
}

function optionOf({ name, rawName }: OptionToken): Option {
  if (Object.hasOwn(OPTIONS, name)) return name as Option
  const known = Object.keys(OPTIONS).map((each) => `--${each}`)
  throw new UsageError(`there is no ${rawName}${didYouMean(rawName, known)}`)
}

function textOf(name: Option, { rawName, value }: OptionToken): string {
  if (OPTIONS[name].type === 'boolean') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`)
    return ''
  }
  if (value === undefined || value === '' || value.startsWith('--')) throw new UsageError(`${rawName} needs a value`)
  return value
}

function split(words: readonly string[]): [Arguments['command'], string[]] {
  const [first, ...rest] = words
  if (first === undefined) return ['serve', []]
  if (first === 'help' || first === 'version') return [first, rest]
  if (Object.hasOwn(COMMANDS, first)) return [first as Command, rest]
  throw new UsageError(`there is no command "${first}"${didYouMean(first, Object.keys(COMMANDS))}`)
}

function refuseStray(command: Command, words: readonly string[], values: ReadonlyMap<Option, unknown>): void {
  const { options, words: wanted } = COMMANDS[command]
  if (words.length > 0 && command === 'passwd') {
    throw new UsageError('passwd asks for the password: on the command line every user of this machine could read it')
  }
  const missing = wanted[words.length]
  if (missing !== undefined) throw new UsageError(`${command} needs ${missing}`)
  if (words.length > wanted.length) throw new UsageError(`"${words[wanted.length]}" is one word too many`)
  const stray = [...values.keys()].find((name) => !(options as readonly Option[]).includes(name))
  if (stray !== undefined) throw new UsageError(`${command} has no use for --${stray}`)
}

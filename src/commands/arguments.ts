/** The command line: which command, which file, which flags. Does nothing. */
import { parseArgs } from 'node:util'
import { didYouMean } from '../config/errors.ts'
import type { Flags } from '../config/load.ts'
import { UsageError } from './command.ts'

const COMMANDS = ['serve', 'check', 'healthcheck', 'passwd'] as const

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  rabbitmq: { type: 'string' },
  mqtt: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

export interface Arguments {
  readonly command: (typeof COMMANDS)[number] | 'help' | 'version'
  /** The configuration; undefined = none was named. */
  readonly file: string | undefined
  readonly flags: Flags
}

/**
 * @param args without the program's name
 * @throws UsageError with a near miss for a command or flag that does not exist
 */
export function readArguments(args: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true })
  const words: string[] = []
  const values = new Map<string, string>()
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind === 'option') values.set(token.name, readOption(token))
  }
  const { help, version, config, ...flags } = Object.fromEntries(values)
  if (help !== undefined) return { command: 'help', file: undefined, flags: {} }
  if (version !== undefined) return { command: 'version', file: undefined, flags: {} }
  const [command, files] = split(words)
  const file = command === 'check' ? (files.shift() ?? config) : config
  if (files.length > 0 && command === 'passwd') {
    throw new UsageError('passwd asks for the password: on the command line every user of this machine could read it')
  }
  if (files.length > 0) throw new UsageError(`"${files[0]}" is one word too many`)
  if (command === 'check' && file === undefined) throw new UsageError('check needs a file')
  return { command, file, flags }
}

function readOption({ name, rawName, value }: { name: string; rawName: string; value?: string | undefined }): string {
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof typeof OPTIONS] : undefined
  if (option === undefined) {
    throw new UsageError(
      `there is no ${rawName}${didYouMean(
        rawName,
        Object.keys(OPTIONS).map((known) => `--${known}`),
      )}`,
    )
  }
  if (option.type === 'boolean') {
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
  const command = COMMANDS.find((known) => known === first)
  if (command === undefined) throw new UsageError(`there is no command "${first}"${didYouMean(first, COMMANDS)}`)
  return [command, rest]
}

/** From a command line to the command, and from its end to an exit code. */
import { type Arguments, readArguments } from './arguments.ts'
import { check } from './check.ts'
import { EXIT, type Host, UsageError } from './command.ts'
import { config } from './config.ts'
import { explain } from './explain.ts'
import { healthcheck } from './healthcheck.ts'
import { help, version } from './help.ts'
import { init } from './init.ts'
import { passwd } from './passwd.ts'
import { schema } from './schema.ts'
import { serve } from './serve.ts'

const COMMANDS: Readonly<Record<Arguments['command'], (args: Arguments, host: Host) => number | Promise<number>>> = {
  serve,
  check,
  explain,
  config,
  schema,
  init,
  healthcheck,
  passwd,
  help: (_, host) => help(host),
  version: (_, host) => version(host),
}

/**
 * @param args without the program's name
 * @returns the exit code, when the command is done
 */
export async function run(args: readonly string[], host: Host): Promise<number> {
  try {
    const read = readArguments(args)
    return await COMMANDS[read.command](read, host)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    host.stderr.write(`stomp-bridge: ${error.message}\nstomp-bridge --help shows what there is\n`)
    return EXIT.usage
  }
}

#!/usr/bin/env node
/** The process: arguments, signals, exit codes. No logic; the only place that touches `process`. */
import { EXIT } from './commands/command.ts'
import { run } from './commands/run.ts'

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const
/** Milliseconds from the end of a command to the end of the process. */
const LAST_MS = 500

async function main(): Promise<void> {
  const stop = new AbortController()
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      // The second one exits at once, with the code that a shell gives a process killed by it.
      if (stop.signal.aborted) process.exit(128 + number)
      stop.abort(name)
    })
  }
  let report = (error: Error): void => {
    process.stderr.write(`stomp-bridge: ${error.stack ?? error.message}\n`)
  }
  // An unhandled rejection comes here too: Node raises it as an uncaught exception.
  process.on('uncaughtException', (error) => {
    report(error)
    process.exit(EXIT.internal)
  })
  process.exitCode = await run(process.argv.slice(2), {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    // Looked at by one command only, and to look at it opens it.
    get stdin() {
      return process.stdin
    },
    stop: stop.signal,
    onHangup: (reload) => void process.on('SIGHUP', reload),
    onCrash: (next) => {
      report = next
    },
  })
  // All is closed, and Node ends by itself. What would hold it all the same is a fault of ours, and nothing to be killed for.
  setTimeout(() => process.exit(), LAST_MS).unref()
}

void main()

/** `stomp-bridge serve`: checks everything, starts the bridge, says what it does, and takes it down again when the process is asked to stop. */
import { type Bridge, createLog, startBridge } from '../bridge/index.ts'
import { ConfigError } from '../config/errors.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { loadAndCheck, tellFaults } from './configuration.ts'

type Log = ReturnType<typeof createLog>

export async function serve(args: Arguments, host: Host): Promise<number> {
  const loaded = await loadAndCheck(args, host)
  if (loaded.faults.length > 0) return tellFaults(loaded, host)
  const { config } = loaded
  const log = createLog(config.log)
  host.onCrash((error) => log.fatal({ err: error }, 'an error that nobody caught'))
  let bridge: Bridge
  try {
    bridge = await startBridge(config, { log, signal: host.stop })
  } catch (error) {
    if (host.stop.aborted) return EXIT.ok
    if (error instanceof ConfigError) return tellFaults({ ...loaded, faults: error.faults }, host)
    return notStarted(error, host)
  }
  try {
    tellStart(bridge, config.log.format, log, host)
    await aborted(host.stop)
    log.info({ reason: String(host.stop.reason) }, 'stopping')
    await bridge.drain()
  } finally {
    await bridge[Symbol.asyncDispose]()
  }
  log.info('stopped')
  return EXIT.ok
}

/** A page for a person; one record for a machine. */
function tellStart(bridge: Bridge, format: 'auto' | 'json' | 'pretty', log: Log, { stdout }: Host): void {
  if (format === 'pretty' || (format === 'auto' && stdout.isTTY === true)) stdout.write(`${bridge.lines.join('\n')}\n`)
  else log.info({ ...bridge.addresses, routes: bridge.lines }, 'listening')
}

/** What an operator can mend is one line; anything else is a fault of ours and goes to main.ts. */
function notStarted(error: unknown, { stderr }: Host): number {
  const { code, message } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || !['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND'].includes(code)) throw error
  stderr.write(`cannot listen: ${message}\n`)
  return EXIT.failed
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

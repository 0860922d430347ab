/**
 * `stomp-bridge serve`: checks everything, starts the bridge, says what it does, reads the configuration again when it is asked to, and takes the
 * bridge down when the process is asked to stop.
 */
import { type Bridge, type ConfigSource, createLog, startBridge } from '../bridge/index.ts'
import { ConfigError } from '../config/errors.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { load, loadAndCheck, tellFaults } from './configuration.ts'
import { unmet } from './expectations.ts'
import { nextLines } from './next.ts'

type Log = ReturnType<typeof createLog>

export async function serve(args: Arguments, host: Host): Promise<number> {
  const hangups = new Hangups()
  host.onHangup(() => hangups.come())
  const loaded = await loadAndCheck(args, host)
  if (loaded.faults.length > 0) return tellFaults(loaded, host)
  const { config } = loaded
  const log = createLog(config.log)
  host.onCrash((error) => log.fatal({ err: error }, 'an error that nobody caught'))
  let bridge: Bridge
  try {
    bridge = await startBridge(config, { log, signal: host.stop, loaded, source: sourceOf(args, host) })
  } catch (error) {
    if (host.stop.aborted) {
      log.info({ reason: String(host.stop.reason) }, 'stopped before it listened')
      return EXIT.ok
    }
    if (error instanceof ConfigError) return tellFaults({ ...loaded, faults: error.faults }, host)
    return notStarted(error, host)
  }
  try {
    tellStart(bridge, config.log.format, log, host)
    hangups.reload = () => void bridge.reload('SIGHUP')
    // By a signal, or through the API: then the signal that follows finds it draining.
    const stopped = aborted(host.stop).then(() => bridge.drain(String(host.stop.reason)))
    await Promise.race([stopped, bridge.drained])
  } finally {
    await closed(bridge, log)
  }
  log.info('stopped')
  return EXIT.ok
}

function sourceOf(args: Arguments, host: Host): ConfigSource {
  return { read: () => load(args, host), verify: ({ tests }, routes, inner) => unmet(tests, routes, inner) }
}

/** One that comes while the bridge starts is kept until it can be answered. */
class Hangups {
  #isDue = false
  #reload: (() => void) | undefined

  set reload(reload: () => void) {
    this.#reload = reload
    if (this.#isDue) reload()
  }

  come(): void {
    this.#isDue = true
    this.#reload?.()
  }
}

/** Milliseconds for links, brokers and ports to be closed in good order, when every client has gone. */
const CLOSE_MS = 3_000

/** A broker that does not answer our goodbye learns of it from the end of its connections: what was not settled goes back all the same. */
async function closed(bridge: Bridge, log: Log): Promise<void> {
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(late.resolve, CLOSE_MS, 'late')
  const first = await Promise.race([bridge[Symbol.asyncDispose](), late.promise])
  clearTimeout(timer)
  if (first === 'late') log.warn(`a broker did not answer the goodbye within ${CLOSE_MS} ms`)
}

/** A page for a person, who is told how to go on too; one record for a machine. */
function tellStart(
  { lines, startup }: Bridge,
  format: 'auto' | 'json' | 'pretty',
  log: Log,
  { stdout, env }: Host,
): void {
  const isRead = format === 'pretty' || (format === 'auto' && stdout.isTTY === true)
  if (isRead) stdout.write(`${[...lines, ...nextLines(startup, env)].join('\n')}\n`)
  else log.info(startup, 'listening')
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

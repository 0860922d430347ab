/**
 * `stomp-bridge healthcheck`: asks the bridge of this machine whether it lives, for Docker's HEALTHCHECK (which has no curl). Reads the same
 * configuration as the bridge it asks, to know the ops port; checks nothing else of it.
 */
import type { Config } from '../config/schema.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { load, tellFaults } from './configuration.ts'

/** Milliseconds; Docker's own default for the whole check is 30 s. */
const PATIENCE_MS = 3000

export async function healthcheck(args: Arguments, host: Host): Promise<number> {
  const loaded = load(args, host)
  if (loaded.faults.length > 0) return tellFaults(loaded, host)
  const { ops } = loaded.config
  if (!ops.enabled) return failed(host, 'ops is not enabled: there is nothing to ask')
  const url = livezUrl(ops)
  try {
    const response = await fetch(url, { signal: AbortSignal.any([host.stop, AbortSignal.timeout(PATIENCE_MS)]) })
    await response.body?.cancel()
    return response.ok ? EXIT.ok : failed(host, `${url} answered ${response.status}`)
  } catch (error) {
    const { cause, message } = error as Error
    return failed(host, `${url} did not answer: ${cause instanceof Error ? cause.message : message}`)
  }
}

/** An address that means "all of them" is asked on loopback. */
function livezUrl({ host, port }: Config['ops']): string {
  const name = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/livez`
}

function failed({ stderr }: Host, text: string): number {
  stderr.write(`${text}\n`)
  return EXIT.failed
}

/** `stomp-bridge config`: the configuration that counts, as YAML with the origin of each value beside it, or as JSON. Secrets are masked. */
import type { Entry } from '../config/effective.ts'
import { pathText } from '../config/errors.ts'
import { listing } from '../config/listing.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { loadAndCheck, tellFaults } from './configuration.ts'

export async function config(args: Arguments, host: Host): Promise<number> {
  const loaded = await loadAndCheck(args, host)
  if (loaded.faults.length > 0) return tellFaults(loaded, host)
  const entries = loaded.effective()
  host.stdout.write(args.given.json === true ? jsonText(entries) : listing(entries))
  return EXIT.ok
}

function jsonText(entries: readonly Entry[]): string {
  const list = entries.map(({ path, value, origin }) => ({ path: pathText(path), value, origin }))
  return `${JSON.stringify(list, undefined, 2)}\n`
}

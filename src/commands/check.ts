/** `stomp-bridge check FILE`: every fault of a configuration on one line each, exit code 78; or that there is none. */
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { loadAndCheck, tellFaults } from './configuration.ts'

export async function check(args: Arguments, host: Host): Promise<number> {
  const loaded = await loadAndCheck(args, host)
  if (loaded.faults.length > 0) return tellFaults(loaded, host)
  const { brokers, routes } = loaded.config
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
  host.stdout.write(
    `${args.file}: no faults (${count(Object.keys(brokers).length, 'broker')}, ${count(routes.length, 'route')})\n`,
  )
  return EXIT.ok
}

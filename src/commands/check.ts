/**
 * `stomp-bridge check FILE`: every fault of a configuration on one line each, then every expectation of its `tests:` that does not come true, exit
 * code 78; or that there is none. With --connect it dials the brokers too, exit code 1 when one is not there.
 */
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'
import { loadAndPlan, tellFaults } from './configuration.ts'
import { dial } from './connect.ts'
import { unmet } from './expectations.ts'

export async function check(args: Arguments, host: Host): Promise<number> {
  const { loaded, plan } = await loadAndPlan(args, host)
  if (plan === undefined) return tellFaults(loaded, host)
  const { brokers, routes, tests } = loaded.config
  const failures = unmet(tests, plan.routes, plan.inner)
  tellFaults({ ...loaded, faults: failures }, host)
  const missed = args.given.connect === true ? await tellBrokers([...plan.brokers.values()], host) : 0
  const failed = new Set(failures.map(({ path }) => path[1])).size
  const summary = [
    count(Object.keys(brokers).length, 'broker'),
    count(routes.length, 'route'),
    ...(tests.length === 0 ? [] : [`${count(tests.length, 'test')}${failed === 0 ? '' : `, ${failed} failed`}`]),
  ].join(', ')
  const out = failed === 0 ? host.stdout : host.stderr
  out.write(`${args.file ?? 'flags'}: ${failed === 0 ? 'no faults' : 'not as its tests expect'} (${summary})\n`)
  if (failed > 0) return EXIT.config
  return missed > 0 ? EXIT.failed : EXIT.ok
}

async function tellBrokers(brokers: Parameters<typeof dial>[0], host: Host): Promise<number> {
  const dialled = await dial(brokers, host)
  for (const { broker, up, text } of dialled) (up ? host.stdout : host.stderr).write(`broker ${broker}: ${text}\n`)
  return dialled.filter(({ up }) => !up).length
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

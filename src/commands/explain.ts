/**
 * `stomp-bridge explain SEND|SUBSCRIBE DESTINATION`: what the bridge would make of such a frame, of this client, and why. Asks no broker.
 * Exit code 0: permitted; 1: not, or there is no such place.
 */
import { flatClaims } from '../auth/identity.ts'
import { didYouMean } from '../broker/spelling.ts'
import type { Verb } from '../routing/access.ts'
import { explain as explanation } from '../routing/explain.ts'
import type { Who } from '../routing/permit.ts'
import type { Arguments, Given } from './arguments.ts'
import { EXIT, type Host, UsageError } from './command.ts'
import { loadAndPlan, tellFaults } from './configuration.ts'
import { reportOf, reportText } from './report.ts'

/** @throws UsageError for words that make no question */
export async function explain(args: Arguments, host: Host): Promise<number> {
  const [command = '', destination = ''] = args.words
  const question = { verb: verbOf(command), destination, who: whoOf(args.given), origin: args.given.origin }
  const { loaded, plan } = await loadAndPlan(args, host)
  if (plan === undefined) return tellFaults(loaded, host)
  const report = reportOf(explanation(plan.routes, question, plan.inner), loaded, plan)
  host.stdout.write(args.given.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report))
  return report.verdict.allowed ? EXIT.ok : EXIT.failed
}

function verbOf(command: string): Verb {
  const verb = command.toLowerCase()
  if (verb === 'send' || verb === 'subscribe') return verb
  throw new UsageError(`explain needs SEND or SUBSCRIBE, not "${command}"${didYouMean(command, ['SEND', 'SUBSCRIBE'])}`)
}

/** Roles and claims belong to somebody. */
function whoOf({ user, roles = [], claims = [], anonymous }: Given): Who {
  if (user === undefined && roles.length + claims.length > 0) throw new UsageError('--role and --claim need a --user')
  if (user !== undefined && anonymous === true) throw new UsageError('--user and --anonymous contradict each other')
  const values: Record<string, string[]> = {}
  for (const text of claims) {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`--claim needs name=value, not "${text}"`)
    const name = text.slice(0, at)
    values[name] = [...(values[name] ?? []), text.slice(at + 1)]
  }
  return { name: user, roles: new Set(roles), claims: flatClaims(values) }
}

/** The configuration of a command: from its arguments and the environment, checked as deep as it can be without starting anything. */

import { silentAuthObserver } from '../auth/context.ts'
import { authenticators } from '../auth/index.ts'
import { adapters } from '../bridge/index.ts'
import { type Plan, plan } from '../bridge/plan.ts'
import { silentBrokerObserver } from '../broker/observer.ts'
import { faultsOf } from '../config/faults.ts'
import { type LoadResult, loadConfig } from '../config/load.ts'
import { routingFields } from '../routing/build.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host } from './command.ts'

/** Environment variable that names the file when no flag does. */
const CONFIG_VARIABLE = 'STOMP_BRIDGE_CONFIG'

/** Reads the file and checks its shape and its scalar options. */
export function load({ file, flags }: Arguments, { env }: Host): LoadResult {
  return loadConfig({
    file: file ?? (env[CONFIG_VARIABLE] || undefined),
    env,
    flags,
    fragments: adapters,
    routing: routingFields,
    authenticators,
  })
}

/** … and what its adapters say about brokers and routes. */
export async function loadAndCheck(args: Arguments, host: Host): Promise<LoadResult> {
  return (await loadAndPlan(args, host)).loaded
}

export interface Planned {
  /** With all faults, those of the plan too. */
  readonly loaded: LoadResult
  /** Brokers that nobody has started, and routes; undefined: there are faults. */
  readonly plan: Plan | undefined
}

/** … for those who look at what was made of it. Nothing is dialled, and nothing has to be taken down. */
export async function loadAndPlan(args: Arguments, host: Host): Promise<Planned> {
  const loaded = load(args, host)
  const faults = [...loaded.faults]
  try {
    const made = await plan(loaded.config, { broker: silentBrokerObserver, auth: silentAuthObserver })
    await made.authenticator[Symbol.asyncDispose]()
    return { loaded, plan: faults.length > 0 ? undefined : made }
  } catch (error) {
    faults.push(...faultsOf(error))
    return { loaded: { ...loaded, faults }, plan: undefined }
  }
}

/** One line per fault, to stderr. */
export function tellFaults(loaded: LoadResult, { stderr }: Host): number {
  for (const line of loaded.describe(loaded.faults)) stderr.write(`${line}\n`)
  return EXIT.config
}

/** `stomp-bridge check` on a file that something else has made. */
import { readArguments } from '../../src/commands/arguments.ts'
import { EXIT } from '../../src/commands/command.ts'
import { load } from '../../src/commands/configuration.ts'
import { run } from '../../src/commands/run.ts'
import type { Config } from '../../src/config/schema.ts'
import { FakeHost } from '../commands/host.ts'
import { Dockerfile } from './dockerfile.ts'

/**
 * @param env beside that of the image
 * @returns what the bridge would run with
 * @throws with what `check` says, unless it says that there are no faults
 */
export async function checked(file: string, env: Readonly<Record<string, string>>): Promise<Config> {
  const host = new FakeHost({ ...Object.fromEntries(new Dockerfile().environment), ...env })
  // a test's bridge listens anywhere, this one where it says
  delete host.env.STOMP_BRIDGE_LISTEN_PORT
  delete host.env.STOMP_BRIDGE_OPS_PORT
  if ((await run(['check', file], host)) !== EXIT.ok) throw new Error(host.err)
  return load(readArguments(['check', file]), host).config
}

/** The longest that a bridge takes from SIGTERM to its end; docs/operations.md, "Draining". */
export function drainMs({ delayMs, graceMs, spreadMs }: Config['drain']): number {
  return delayMs + graceMs + spreadMs + 6_000
}

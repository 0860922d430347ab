/**
 * A bridge in this process, on a free port, from the same YAML that a user would write. Its log is collected, so that tests can look for what
 * must be in it and what must not.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { authenticators } from '../../src/auth/index.ts'
import { adapters, type Bridge, createLog, startBridge } from '../../src/bridge/index.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

export interface TestBridge extends AsyncDisposable {
  /** `ws://127.0.0.1:PORT/ws` */
  readonly url: string
  readonly port: number
  readonly ops: string
  readonly bridge: Bridge
  /** Everything that was logged, one JSON record a line. */
  log(): string
}

/** Brokers and routes of the zero-configuration start. */
export const MEMORY = `
brokers: { local: { adapter: memory } }
routes: [{ preset: memory, broker: local }]
`

/**
 * @param yaml what a user's file says; ports of 0 and short times are put in by `flags`
 * @param port to come back on, when a bridge is restarted
 */
export async function startTestBridge(yaml: string = MEMORY, port = 0): Promise<TestBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  const file = join(folder, 'bridge.yaml')
  await writeFile(file, yaml)
  const env = { STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_DRAIN_SPREAD: '100ms', STOMP_BRIDGE_DRAIN_GRACE: '2s' }
  const loaded = loadConfig({
    file,
    env,
    flags: { port: String(port) },
    fragments: adapters,
    routing: routingFields,
    authenticators,
  })
  await rm(folder, { recursive: true })
  if (loaded.faults.length > 0) throw new Error(loaded.describe(loaded.faults).join('\n'))
  const records: string[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      records.push(String(chunk))
      done()
    },
  })
  const log = createLog({ level: 'debug', format: 'json' }, sink)
  const bridge = await startBridge(loaded.config, { log, signal: new AbortController().signal, loaded })
  const url = bridge.addresses.websocket
  return {
    url,
    port: Number(new URL(url).port),
    ops: bridge.addresses.ops!,
    bridge,
    log: () => records.join(''),
    [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose](),
  }
}

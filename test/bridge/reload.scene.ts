/** A bridge in this process that can be reloaded as `serve` would: from a file in a folder of its own, which a test rewrites. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type Bridge, createLog, type ReloadReport, startBridge } from '../../src/bridge/index.ts'
import { load } from '../../src/commands/configuration.ts'
import { unmet } from '../../src/commands/expectations.ts'
import { FakeHost } from '../commands/host.ts'

export interface Record {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export class Reloadable {
  readonly folder: string
  readonly file: string
  readonly bridge: Bridge
  readonly #records: Record[]

  constructor(file: string, bridge: Bridge, records: Record[]) {
    this.folder = join(file, '..')
    this.file = file
    this.bridge = bridge
    this.#records = records
  }

  get url(): string {
    return this.bridge.addresses.websocket
  }

  /** What was logged since the start, oldest first. */
  get log(): readonly Record[] {
    return this.#records
  }

  logged(text: string): readonly Record[] {
    return this.#records.filter(({ msg }) => msg.includes(text))
  }

  /** Another text for the file, all at once. */
  async write(yaml: string): Promise<void> {
    await writeFile(`${this.file}.new`, yaml)
    await rename(`${this.file}.new`, this.file)
  }

  /** The file with this text, read again. */
  async reload(yaml: string): Promise<ReloadReport> {
    await this.write(yaml)
    return await this.bridge.reload('a test')
  }
}

export interface ReloadableOptions {
  /** Environment variables beside those for free ports and short times. */
  readonly env?: { readonly [name: string]: string }
  /** Where in its folder the file is. Default: `bridge.yaml`. */
  readonly prepare?: (folder: string) => Promise<string>
}

/** It is disposed when the test is over. Files are not watched unless `env` says so. */
export async function openReloadable(yaml: string, options: ReloadableOptions = {}): Promise<Reloadable> {
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = (await options.prepare?.(folder)) ?? join(folder, 'bridge.yaml')
  if (options.prepare === undefined) await writeFile(file, yaml)
  const host = new FakeHost({
    STOMP_BRIDGE_DRAIN_SPREAD: '50ms',
    STOMP_BRIDGE_DRAIN_GRACE: '2s',
    STOMP_BRIDGE_RELOAD_WATCH: 'false',
    ...options.env,
  })
  const args = { command: 'serve', file, flags: {}, words: [], given: {} } as const
  const loaded = load(args, host)
  if (loaded.faults.length > 0) throw new Error(loaded.describe(loaded.faults).join('\n'))
  const records: Record[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      records.push(JSON.parse(String(chunk)))
      done()
    },
  })
  const bridge = await startBridge(loaded.config, {
    log: createLog({ level: 'debug', format: 'json' }, sink),
    signal: new AbortController().signal,
    loaded,
    source: { read: () => load(args, host), verify: ({ tests }, routes) => unmet(tests, routes) },
  })
  onTestFinished(() => bridge[Symbol.asyncDispose]())
  return new Reloadable(file, bridge, records)
}

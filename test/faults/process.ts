/** A bridge as a process of its own, from the command line that a user would write: to be killed, asked to stop, and weighed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/until.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname
const START_MS = 30_000

/** Resolves when it listens. */
export async function spawnBridge(yaml: string, env: Record<string, string> = {}): Promise<BridgeProcess> {
  const bridge = await launchBridge(yaml, env)
  try {
    await until('the bridge listens', () => bridge.listens || bridge.exit !== undefined, START_MS)
    if (!bridge.listens) throw new Error(`the bridge ended with ${bridge.exit?.code}: ${bridge.log()}`)
    return bridge
  } catch (error) {
    await bridge[Symbol.asyncDispose]()
    throw error
  }
}

/** Does not wait for anything: it may still read its configuration. */
export async function launchBridge(yaml: string, env: Record<string, string> = {}): Promise<BridgeProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  const file = join(folder, 'bridge.yaml')
  await writeFile(file, yaml)
  const child = spawn(process.execPath, [MAIN, '--config', file, '--port', '0'], {
    env: { PATH: process.env.PATH, STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return new BridgeProcess(child, file)
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class BridgeProcess implements AsyncDisposable {
  exit: Exit | undefined
  readonly #child: ChildProcess
  readonly #file: string
  readonly #printed: string[] = []
  readonly #orphan = (): void => {
    this.#child.kill('SIGKILL')
  }

  /** @param file of its configuration; left out: no test rewrites it */
  constructor(child: ChildProcess, file = '') {
    this.#child = child
    this.#file = file
    process.on('exit', this.#orphan)
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.#printed.push(text))
    }
    child.once('exit', (code, signal) => {
      this.exit = { code, signal }
      process.off('exit', this.#orphan)
    })
  }

  /** Everything it has printed, one JSON record a line. */
  log(): string {
    return this.#printed.join('')
  }

  get listens(): boolean {
    return this.#start !== undefined
  }

  get url(): string {
    return this.#start!.websocket
  }

  get ops(): string {
    return this.#start!.ops
  }

  /** Bytes of memory that it has now. */
  async rss(): Promise<number> {
    // proc(5), statm: "resident set size", in pages
    const pages = (await readFile(`/proc/${this.#child.pid}/statm`, 'utf8')).split(' ')[1]
    return Number(pages) * 4096
  }

  /** What /readyz answers. */
  async readiness(): Promise<number> {
    return (await fetch(`${this.ops}/readyz`)).status
  }

  /** Another text for its configuration, all at once. */
  async rewrites(yaml: string): Promise<void> {
    await writeFile(`${this.#file}.new`, yaml)
    await rename(`${this.#file}.new`, this.#file)
  }

  /** SIGHUP, with another configuration; resolves with what it says of it when it is done. */
  async reloads(yaml: string): Promise<string> {
    const said = this.#reloads.length
    await this.rewrites(yaml)
    this.signal('SIGHUP')
    await until('the end of a reload', () => this.#reloads.length > said)
    return this.#reloads[said]!
  }

  /** Sends a signal and goes on. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async ended(): Promise<Exit> {
    if (this.exit === undefined) await once(this.#child, 'exit')
    return this.exit!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.exit === undefined) this.#child.kill('SIGKILL')
    await this.ended()
  }

  /** What was said of each reload: a line for each fault. */
  get #reloads(): string[] {
    const lines = this.log().split('\n').slice(0, -1)
    return lines.filter((line) => /"msg":"configuration (?:reloaded|not reloaded|read again)/.test(line))
  }

  get #start(): { readonly websocket: string; readonly ops: string } | undefined {
    const line = this.log()
      .split('\n')
      .find((each) => each.includes('"msg":"listening"') && each.endsWith('}'))
    return line === undefined ? undefined : JSON.parse(line)
  }
}

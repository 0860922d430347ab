/** A Caddy of a test's own: the web server of deploy/compose.yaml, and an engine for Go templates. It keeps nothing outside of its folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../support/until.ts'

const PROGRAM = '/usr/bin/caddy'

export class Caddy implements AsyncDisposable {
  /** Deleted with it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'caddy-'))
  #child: ChildProcess | undefined
  #log = ''
  readonly #orphan = (): void => {
    this.#child?.kill('SIGKILL')
  }

  /** Everything that it has printed. */
  get log(): string {
    return this.#log
  }

  /**
   * Resolves when it answers.
   * @param config a Caddyfile or, with the ending .json, what Caddy makes of one
   * @param answers whether it does
   */
  async start(config: string, answers: () => Promise<boolean>, env: Record<string, string> = {}): Promise<void> {
    const adapter = config.endsWith('.json') ? [] : ['--adapter', 'caddyfile']
    const home = { HOME: this.folder, XDG_DATA_HOME: this.folder, XDG_CONFIG_HOME: this.folder }
    const child = spawn(PROGRAM, ['run', '--config', config, ...adapter], {
      env: { ...home, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    process.on('exit', this.#orphan)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (this.#log += text))
    await until('caddy answers', async () => child.exitCode !== null || (await answers()))
    if (child.exitCode !== null) throw new Error(this.#log)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child?.exitCode === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    process.off('exit', this.#orphan)
    rmSync(this.folder, { recursive: true })
  }
}

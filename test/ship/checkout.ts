/** The checkout that these tests run in, and what they make beside it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { productionOf } from '../../deploy/sbom.ts'

const ROOT = join(import.meta.dirname, '../..')

export function checkout(...path: string[]): string {
  return join(ROOT, ...path)
}

export const manifest = readJson('package.json')
/** What `npm ci --omit=dev --omit=optional` installs: the packages' folders, below the checkout as anywhere else. */
export const production = Object.keys(productionOf(readJson('package-lock.json')).packages).filter(
  (path) => path !== '',
)

export function readJson(...path: string[]) {
  return JSON.parse(readFileSync(checkout(...path), 'utf8'))
}

/** Whoever is not root may still read it: the bridge runs as somebody else. */
export class Place implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'stomp-bridge-ship-'))

  join(...path: string[]): string {
    return join(this.path, ...path)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** What `npm ci --omit=dev --omit=optional` would do there, without a registry: the same packages in the same places. */
export function installProduction(folder: string): void {
  mkdirSync(folder, { recursive: true })
  // those inside of others come with them
  const outer = production.filter((path) => path.lastIndexOf('node_modules/') === 0)
  run(ROOT, ['cp', '-R', '--parents', ...outer, folder])
}

/**
 * A command to its end, with this Node first on the PATH.
 * @returns what it printed on standard output
 * @throws with all that it printed, unless it ended with 0
 */
export function run(
  cwd: string,
  [command, ...args]: readonly [string, ...string[]],
  env: Record<string, string> = {},
): string {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`
  const done = spawnSync(command, args, { cwd, env: { ...process.env, PATH: path, ...env }, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.status}\n${done.stdout}${done.stderr}`)
  return done.stdout
}

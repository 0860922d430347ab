/** The npm package, as `npm publish` would send it: what is in it, and that it works where it is installed and nothing else is there. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { publint } from 'publint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { checkout, installProduction, manifest, Place, run } from './checkout.ts'

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

const SLOW = 60_000
const place = new Place()
const user = place.join('user')
const command = place.join('user/node_modules/.bin/stomp-bridge')
let packed: Packed

beforeAll(() => {
  // a copy, since packing builds: other tests read the checkout
  const source = place.join('source')
  mkdirSync(source)
  const files = [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'src',
    'config',
    ...globSync('*.md', { cwd: checkout() }),
  ]
  run(checkout(), ['cp', '-R', ...files, 'LICENSE', 'deploy', 'docs', source])
  symlinkSync(checkout('node_modules'), `${source}/node_modules`)
  mkdirSync(`${source}/dist`)
  writeFileSync(`${source}/dist/of-an-older-build.js`, '')
  const told = JSON.parse(run(source, ['npm', 'pack', '--json', '--silent', '--pack-destination', place.path]))
  packed = (Array.isArray(told) ? told : Object.values(told))[0]

  // what `npm install` does with it
  installProduction(user)
  const installed = `${user}/node_modules/stomp-bridge`
  mkdirSync(installed)
  run(installed, ['tar', '-xzf', place.join(packed.filename), '--strip-components=1'])
  mkdirSync(`${user}/node_modules/.bin`)
  symlinkSync(`../stomp-bridge/${manifest.bin['stomp-bridge']}`, command)
  chmodSync(command, 0o755)
}, SLOW)

afterAll(() => place[Symbol.dispose]())

test('has the program, the configuration files and what a person reads, and nothing else', () => {
  const program = globSync('**/*.ts', { cwd: checkout('src') }).map((path) => `dist/${path.replace(/\.ts$/, '.js')}`)
  const config = globSync('*', { cwd: checkout('config') }).map((name) => `config/${name}`)
  const rest = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
  expect(packed.files.map(({ path }) => path).sort()).toEqual([...program, ...config, ...rest].sort())
})

test('is what publint finds nothing wrong with', async () => {
  const tarball = readFileSync(place.join(packed.filename))
  const found = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, level: 'suggestion', strict: true })
  expect(found.messages).toEqual([])
})

test('has a command for npx: a file that is a program, for the Node that package.json asks for', () => {
  expect(readFileSync(command, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  expect(manifest.bin).toEqual({ [manifest.name]: 'dist/main.js' })
  expect(manifest.engines).toEqual({ node: '>=22.18' })
})

test('says its version, and checks an example that it brings', () => {
  expect(run(user, [command, '--version'])).toBe(`${manifest.version}\n`)
  expect(run(user, [command, 'check', 'node_modules/stomp-bridge/config/both.yaml'])).toContain('no faults')
})

test('starts where only production dependencies are, and ends when asked to', { timeout: SLOW }, async () => {
  const env = { ...process.env, STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_LOG_FORMAT: 'json', NODE_ENV: 'production' }
  const child = spawn(process.execPath, [command, '--port', '0'], {
    cwd: user,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (log += text))
  try {
    await until('it listens', () => log.includes('"msg":"listening"') || child.exitCode !== null, SLOW)
    const { ops } = JSON.parse(log.split('\n').find((line) => line.includes('"msg":"listening"'))!)
    expect((await fetch(`${ops}/readyz`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
    await ended
  }
})

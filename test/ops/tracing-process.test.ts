/** docs/tracing.md as a user would follow it: its file, loaded before the real process, prints the spans of a real client. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { until } from '../support/until.ts'
import { PARENT, TRACE, TRACEPARENT } from './tracing.stage.ts'

const root = join(import.meta.dirname, '../..')
let folder: string
let child: ChildProcessByStdio<null, Readable, Readable> | undefined
let printed = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tracing-'))
  // As if it stood beside the installed packages.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

async function start(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const ports = { STOMP_BRIDGE_LISTEN_PORT: '0', STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_DRAIN_SPREAD: '0' }
  const options = { env: { PATH: process.env.PATH, ...ports, ...env }, cwd: folder }
  child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)))
  await until('it listens', () => /"websocket":"[^"]+"/.test(printed))
  return /"websocket":"([^"]+)"/.exec(printed)![1]!
}

const main = join(root, 'src/main.ts')

test('the file of docs/tracing.md prints a span for a SEND and one for its delivery, the last of them after the drain', async () => {
  const page = await readFile(join(root, 'docs/tracing.md'), 'utf8')
  await writeFile(join(folder, 'tracing.mjs'), /```js\n(.*?)```/s.exec(page)![1]!)
  const url = await start(['--import', './tracing.mjs', main])
  await using client = await Client.connect(url)
  await client.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
  await client.do('SEND', { destination: '/topic/a', traceparent: TRACEPARENT }, 'x')
  expect((await client.message()).headers.traceparent).toBe(TRACEPARENT)
  const ended = once(child!, 'exit')
  child!.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  const found = [...printed.matchAll(/name: '((?:send|deliver) [^']+)'/g)].map(([, name]) => name)
  expect(found.toSorted()).toEqual(['deliver /topic/{name+}', 'send /topic/{name+}'])
  expect(printed.split(TRACE).length).toBeGreaterThan(4)
  expect(printed).toContain(`spanId: '${PARENT}'`)
})

test('asked for without an SDK, it says so and runs', async () => {
  const url = await start([main], { STOMP_BRIDGE_TRACING_ENABLED: 'true' })
  await using client = await Client.connect(url)
  await client.do('SEND', { destination: '/topic/a' }, 'x')
  expect(printed).toContain('no OpenTelemetry SDK is registered')
})

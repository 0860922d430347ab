/** `check --connect` where no broker is: each is tried, told apart, and left again. With real brokers: test/interop. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-connect-'))
const file = join(folder, 'bridge.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

async function check(...brokers: string[]) {
  writeFileSync(
    file,
    ['brokers:', ...brokers.map((each) => `  ${each}`), 'routes: [{ preset: memory, broker: local }]'].join('\n'),
  )
  const host = new FakeHost()
  const code = await run(['check', file, '--connect'], host)
  return { code, host }
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('a broker that is up', async () => {
  const { code, host } = await check('local: { adapter: memory }')
  expect({ code, err: host.err }).toEqual({ code: EXIT.ok, err: '' })
  expect(host.out).toContain('broker local: up')
})

test('brokers that are not there: exit code 1, and each says why', async () => {
  const port = await deadPort()
  const { code, host } = await check(
    'local: { adapter: memory }',
    `rabbit: { adapter: rabbitmq, url: "amqp://web:geheim@127.0.0.1:${port}" }`,
    `open: { adapter: rabbitmq, url: "amqp://127.0.0.1:${port}" }`,
    `plant: { adapter: mqtt, url: "mqtt://127.0.0.1:${port}" }`,
  )
  expect(code).toBe(EXIT.failed)
  expect(host.out).toContain('broker local: up')
  expect(host.out).toContain('no faults')
  for (const broker of ['rabbit', 'open', 'plant']) {
    expect(host.err).toMatch(new RegExp(`broker ${broker}: down: .*ECONNREFUSED`))
  }
  expect(host.err).not.toContain('geheim')
})

test('one that takes the connection and says nothing is given up in bounded time', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { code, host } = await check(
    'local: { adapter: memory }',
    `rabbit: { adapter: rabbitmq, connectTimeout: 200ms, url: "amqp://web:pw@127.0.0.1:${port}" }`,
    `plant: { adapter: mqtt, connectTimeout: 200ms, url: "mqtt://127.0.0.1:${port}" }`,
  )
  expect(code).toBe(EXIT.failed)
  expect(host.err).toContain('broker rabbit: down')
  expect(host.err).toContain('broker plant: down')
})

test('a configuration with faults dials nobody', async () => {
  const { code, host } = await check('local: { adapter: memori }')
  expect(code).toBe(EXIT.config)
  expect(host.err).not.toContain('broker local:')
})

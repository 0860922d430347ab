/** The files in config/ and the examples in the README: each passes every check that needs no broker; default.yaml is what the schema says. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { authenticators } from '../../src/auth/index.ts'
import { adapters, checkBridge } from '../../src/bridge/index.ts'
import { defaultYaml } from '../../src/config/defaults.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

const folder = new URL('../../config/', import.meta.url)
const defaults = new URL('default.yaml', folder)
const load = (file: string | undefined) =>
  loadConfig({ file, env: {}, flags: {}, fragments: adapters, routing: routingFields, authenticators })

test('config/default.yaml is made from the schema (UPDATE=1 makes it again)', () => {
  const made = defaultYaml(adapters, routingFields, authenticators)
  if (process.env.UPDATE === '1') writeFileSync(defaults, made)
  expect(readFileSync(defaults, 'utf8')).toBe(made)
})

test('config/default.yaml means the same as no file', () => {
  const { config, faults } = load(defaults.pathname)
  expect(faults).toEqual([])
  expect(config).toEqual(load(undefined).config)
})

test.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('config/%s has no faults', async (name) => {
  const loaded = load(new URL(name, folder).pathname)
  expect(loaded.describe(loaded.faults)).toEqual([])
  await checkBridge(loaded.config)
})

test.each(['spring', 'spring-chat'])('config/%s.yaml has the limits of Spring', (name) => {
  const { limits, heartbeat } = load(new URL(`${name}.yaml`, folder).pathname).config
  expect(limits).toMatchObject({
    frameBytes: 65_536,
    outboundBytes: 524_288,
    outboundAgeMs: 10_000,
    connectTimeoutMs: 60_000,
  })
  expect(heartbeat).toEqual({ outgoingMs: 10_000, incomingMs: 10_000 })
})

test.each([...adapters.keys()])('there is an example for the adapter %s', (adapter) => {
  const { config } = load(new URL(`${adapter}.yaml`, folder).pathname)
  // A handler's answers go to another one.
  const others = adapter === 'http' ? ['memory'] : []
  expect(Object.values(config.brokers).map((broker) => broker.adapter)).toEqual([adapter, ...others])
})

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const examples = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml!)

test('the README has examples', () => {
  expect(examples.length).toBeGreaterThan(1)
})

test.each(examples)('the README says something that works: %s', async (yaml) => {
  const place = mkdtempSync(join(tmpdir(), 'stomp-bridge-'))
  const file = join(place, 'bridge.yaml')
  writeFileSync(file, yaml)
  const env = { RABBITMQ_PASSWORD: 'secret' }
  const loaded = loadConfig({ file, env, flags: {}, fragments: adapters, routing: routingFields, authenticators })
  rmSync(place, { recursive: true })
  expect(loaded.describe(loaded.faults)).toEqual([])
  await checkBridge(loaded.config)
})

/** What an operator writes for the ops port and for brokers that may be away. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { authenticators } from '../../src/auth/index.ts'
import { adapters } from '../../src/bridge/index.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

const PLACES = '\nbrokers: { local: { adapter: memory } }\nroutes: [{ preset: memory, broker: local }]\n'

function load(yaml: string, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-'))
  const file = join(folder, 'bridge.yaml')
  writeFileSync(file, yaml)
  const options = { file, env, flags: {}, fragments: adapters, routing: routingFields, authenticators }
  const loaded = loadConfig(options)
  rmSync(folder, { recursive: true })
  return { ...loaded, lines: loaded.describe(loaded.faults) }
}

test('tokens: one, several, from the environment', () => {
  const [a, b] = ['a'.repeat(16), `${'b'.repeat(20)}==`]
  expect(load(`ops: { token: ${a} }${PLACES}`).config.ops.token).toEqual([a])
  expect(load(`ops: { token: [${a}, "${b}"] }${PLACES}`).config.ops.token).toEqual([a, b])
  expect(load(PLACES, { STOMP_BRIDGE_OPS_TOKEN: `${a},${b}` }).config.ops.token).toEqual([a, b])
  expect(load(PLACES).config.ops.token).toEqual([])
})

test.each(['hunter2', '"hunter2 hunter2 hunter2"', '["0123456789abcdef", hunter2]', '"hunter2-hunter2-hünter2"'])(
  'a token that could be guessed, or never be sent, is refused without being shown: %s',
  (token) => {
    const { faults, lines } = load(`ops: { token: ${token} }${PLACES}`)
    expect(faults.map(({ path }) => path)).toEqual([['ops', 'token']])
    expect(lines.join('\n')).not.toContain('unter2')
  },
)

test('the effective configuration has tokens only as a mask', () => {
  const { effective } = load(`ops: { token: [0123456789abcdef] }${PLACES}`)
  expect(JSON.stringify(effective())).not.toContain('0123456789abcdef')
})

test('a broker that is not required', () => {
  const broker = (required: string) =>
    load(`brokers: { local: { adapter: memory, required: ${required} } }\nroutes: [{ preset: memory, broker: local }]`)
  expect(broker('false').config.brokers.local).toMatchObject({ required: false })
  expect(broker('true').config.brokers.local).not.toMatchObject({ required: false })
  expect(broker('perhaps').faults.map(({ path }) => path)).toEqual([['brokers', 'local', 'required']])
})

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration replaces
/** config/schema.json: made from the schema, allows every example, refuses what an editor should underline. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { schemaText } from '../../src/commands/schema.ts'
import { FakeHost } from '../commands/host.ts'

const folder = new URL('../../config/', import.meta.url)
const file = new URL('schema.json', folder)
const validate = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  JSON.parse(schemaText()),
)

/** The places that an editor would underline. */
function underlined(yaml: string): string[] {
  validate(parse(yaml))
  return (validate.errors ?? []).map(({ instancePath }) => instancePath)
}

test('config/schema.json is made from the schema (UPDATE=1 makes it again)', () => {
  if (process.env.UPDATE === '1') writeFileSync(file, schemaText())
  expect(readFileSync(file, 'utf8')).toBe(schemaText())
})

test('stomp-bridge schema prints it', async () => {
  const host = new FakeHost()
  expect(await run(['schema'], host)).toBe(EXIT.ok)
  expect(host.out).toBe(schemaText())
})

const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

test.each(examples)('config/%s names the schema in its first line, and is allowed by it', (name) => {
  const text = readFileSync(new URL(name, folder), 'utf8')
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json')
  expect(underlined(text)).toEqual([])
})

test.each([
  ['compose/bridge/bridge.yaml', '../../../config/schema.json'],
  ['kubernetes/bridge.yaml', '../../config/schema.json'],
])('deploy/%s does the same', (name, schema) => {
  const text = readFileSync(new URL(`../deploy/${name}`, folder), 'utf8')
  expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`)
  expect(underlined(text)).toEqual([])
})

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
test.each([...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml!))('the README too: %s', (yaml) => {
  expect(underlined(yaml)).toEqual([])
})

const routes = 'brokers: { m: { adapter: memory } }\nroutes: '

describe('what is right', () => {
  test.each([
    'listen: { port: "${PORT:-15674}" }',
    'heartbeat: { incoming: "${BEAT}", outgoing: 10000 }',
    'limits: { connectionsPerIp: auto, frameBytes: "${file:/run/size}" }',
    'auth: { anonymous: true }',
    'listen: { origins: "https://a.example, https://b.example" }',
    'listen:',
    `${routes}[{ preset: memory, broker: m, holdMs: 5s, slow: { conflate: symbol } }]`,
    `${routes}[{ preset: rabbitmq, broker: m, allow: all, slashTopics: "\${SLASH:-true}" }]`,
    `${routes}[{ destination: /a, broker: m, topic: a, permit: { send: nobody }, batch: { delay: 20ms } }]`,
    `${routes}[{ destination: /a, broker: m, topic: a, nack: "dead/{x}" }]`,
    'tests: [{ send: /a, user: ann, claims: { a: [b] }, expect: { allowed: false, code: forbidden } }]',
  ])('%s', (yaml) => {
    expect(underlined(yaml)).toEqual([])
  })
})

describe('what is wrong', () => {
  test.each([
    ['lisen: {}', ''],
    ['listen: { prot: 1 }', '/listen'],
    ['listen: { port: many }', '/listen/port'],
    ['listen: { port: 70000 }', '/listen/port'],
    ['heartbeat: { incoming: often }', '/heartbeat/incoming'],
    ['limits: { frameBytes: 4MB }', '/limits/frameBytes'],
    ['log: { level: loud }', '/log/level'],
    ['auth: { chain: [{ authenticator: jot }] }', '/auth/chain/0/authenticator'],
    ['auth: { chain: [{ authenticator: jwt, isuer: x }] }', '/auth/chain/0'],
    ['brokers: { m: { adapter: memori } }', '/brokers/m/adapter'],
    ['brokers: { m: { adapter: memory, url: "amqp://x" } }', '/brokers/m'],
    ['brokers: { m: {} }', '/brokers/m'],
    ['brokers: { r: { adapter: rabbitmq, heartbeat: often } }', '/brokers/r/heartbeat'],
    [`${routes}[{ preset: memori, broker: m }]`, '/routes/0/preset'],
    [`${routes}[{ preset: memory, broker: m, slashTopics: true }]`, '/routes/0'],
    [`${routes}[{ preset: memory, broker: m, slow: paus }]`, '/routes/0/slow'],
    [`${routes}[{ destination: /a, broker: m, topik: a }]`, '/routes/0'],
    [`${routes}[{ destination: /a, topic: a }]`, '/routes/0'],
    [`${routes}[{ destination: /a, broker: m, queue: a, declare: maybe }]`, '/routes/0/declare'],
    [`${routes}{ preset: memory, broker: m }`, '/routes'],
    ['tests: [{ send: /a }]', '/tests/0'],
    ['tests: [{ send: /a, expect: { allow: true } }]', '/tests/0/expect'],
  ])('%s', (yaml, place) => {
    expect(underlined(yaml)).toContain(place)
  })
})

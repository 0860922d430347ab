// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration replaces
/** `stomp-bridge config`: where each value comes from; that it is valid YAML; that no secret is in it, wherever one was written. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { maskSecret, maskText } from '../../src/config/mask.ts'
import { FakeHost } from '../commands/host.ts'
import { makeAuthority } from '../support/certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-effective-'))
const file = join(folder, 'bridge.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

async function config(yaml: string | undefined, env: Record<string, string> = {}, ...flags: string[]) {
  if (yaml !== undefined) writeFileSync(file, yaml)
  const given = yaml === undefined ? flags : ['--config', file, ...flags]
  const [text, json] = [new FakeHost(env), new FakeHost(env)]
  for (const host of [text, json]) {
    for (const name of ['STOMP_BRIDGE_LISTEN_PORT', 'STOMP_BRIDGE_OPS_PORT']) if (!(name in env)) delete host.env[name]
  }
  expect({ code: await run(['config', ...given], text), err: text.err }).toEqual({ code: EXIT.ok, err: '' })
  expect(await run(['config', '--json', ...given], json)).toBe(EXIT.ok)
  const entries: { path: string; value: unknown; origin: string }[] = JSON.parse(json.out)
  const origins = Object.fromEntries(entries.map(({ path, origin }) => [path, origin.replace(`${folder}/`, '')]))
  const values = Object.fromEntries(entries.map(({ path, value }) => [path, value]))
  return { text: text.out, all: text.out + json.out, origins, values }
}

test('the origin of each value: flag, environment, file, default', async () => {
  const { origins, values, text } = await config(
    [
      'listen:',
      '  port: 1',
      '  host: 127.0.0.1',
      'limits: { sendRate: 5 }',
      'brokers: { local: { adapter: memory } }',
      'routes:',
      '  - preset: memory',
      '    broker: local',
    ].join('\n'),
    { STOMP_BRIDGE_LIMITS_SEND_RATE: '7', STOMP_BRIDGE_LOG_LEVEL: 'debug' },
    '--port',
    '3',
  )
  expect(origins).toMatchObject({
    'listen.port': '--port',
    'listen.host': 'bridge.yaml:3',
    'limits.sendRate': 'environment STOMP_BRIDGE_LIMITS_SEND_RATE',
    'log.level': 'environment STOMP_BRIDGE_LOG_LEVEL',
    'log.format': 'default',
    'brokers.local.adapter': 'bridge.yaml:5',
    'brokers.local.maxMessages': 'default',
    'routes[0].preset': 'bridge.yaml:7',
    'routes[0].holdMs': 'default',
  })
  expect(values).toMatchObject({
    'listen.port': 3,
    'limits.sendRate': 7,
    'log.level': 'debug',
    'routes[0].holdMs': '30s',
  })
  expect(text).toContain('  port: 3 # --port\n')
  expect(parse(text)).toMatchObject({ listen: { port: 3, origins: [] }, routes: [{ preset: 'memory', holdMs: '30s' }] })
})

test('without a file: brokers and routes come from a flag, or are the default', async () => {
  const bare = await config(undefined)
  expect(bare.origins).toMatchObject({ 'brokers.local.adapter': 'default', 'routes[0].preset': 'default' })
  const { origins, values } = await config(undefined, {}, '--mqtt', 'mqtt://web:geheim@h')
  expect(origins['brokers.mqtt.url']).toBe('--mqtt')
  expect(values).toMatchObject({ 'brokers.mqtt.url': 'mqtt://web:***@h', 'routes[0].holdMs': '0ms' })
})

test.each(readdirSync(new URL('../../config/', import.meta.url)).filter((name) => name.endsWith('.yaml')))(
  'config/%s: what is printed loads again and means the same',
  async (name) => {
    const path = new URL(`../../config/${name}`, import.meta.url).pathname
    const first = await config(undefined, {}, '--config', path)
    const again = await config(first.text)
    expect(again.values).toEqual(first.values)
  },
)

const ACCOUNT = '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'

test('no secret is shown, wherever one may stand', async () => {
  using authority = makeAuthority()
  const { cert, key } = authority.issue('client')
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'from-a-file-0123456789')
  const { all, values } = await config(
    [
      'listen: { origins: ["https://app.example.com"] }',
      'ops: { token: planted-ops-token-0123 }',
      'auth:',
      '  chain:',
      `    - { authenticator: users, users: { ann: { password: "${ACCOUNT}" } } }`,
      '    - authenticator: jwt',
      '      issuer: https://login.example.com/',
      '      audience: stomp',
      '      algorithms: [HS256]',
      '      keys:',
      '        - { secret: planted-jwt-secret-0123456789012345, kid: one }',
      '        - { secret: "${JWT_SECRET}", kid: two }',
      '        - { secret: "${JWT_OTHER:-planted-default-0123456789012345}", kid: three }',
      `        - { secret: "\${file:${secret}}-012345678901234567890123", kid: four }`,
      '    - { authenticator: http, url: "https://auth.example.com/?key=planted-query", onError: deny }',
      'brokers:',
      '  rabbit: { adapter: rabbitmq, url: "amqp://web:planted-rabbit@h" }',
      '  other: { adapter: rabbitmq, url: "amqp://web:${RABBIT_PASSWORD}@h" }',
      '  third: { adapter: rabbitmq, url: "${RABBIT_URL:-amqp://web:planted-in-default@h}" }',
      '  fourth: { adapter: rabbitmq, url: "amqp://web:planted@ss@h" }',
      `  secure: { adapter: rabbitmq, url: "amqps://web:\${file:${secret}}@h", cert: ${JSON.stringify(cert)}, key: ${JSON.stringify(key)} }`,
      '  token: { adapter: mqtt, url: "mqtt://planted-mqtt-token@h" }',
      '  plant: { adapter: mqtt, url: "mqtt://web:planted-mqtt@h" }',
      'routes: [{ preset: rabbitmq, broker: rabbit }]',
    ].join('\n'),
    {
      JWT_SECRET: 'secret-of-the-environment-01234567890',
      RABBIT_PASSWORD: 'rabbit-of-the-environment',
      STOMP_BRIDGE_OPS_TOKEN: 'ops-token-of-the-environment',
    },
  )
  for (const planted of ['planted', 'from-a-file', 'of-the-environment', 'aGFzaGhh', 'PRIVATE KEY', 'ss@h']) {
    expect(all).not.toContain(planted)
  }
  // What tells nothing stays, and the rest of a URL is what the operator looks for.
  expect(values).toMatchObject({
    'ops.token': '***',
    'auth.chain[0].users.ann.password': '***',
    'auth.chain[1].keys[0].secret': '***',
    'auth.chain[1].keys[0].kid': 'one',
    'auth.chain[1].keys[1].secret': '${JWT_SECRET}',
    'auth.chain[1].keys[2].secret': '${JWT_OTHER:-***}',
    'auth.chain[2].url': 'https://auth.example.com/?key=***',
    'brokers.rabbit.url': 'amqp://web:***@h',
    'brokers.other.url': 'amqp://web:${RABBIT_PASSWORD}@h',
    'brokers.third.url': '${RABBIT_URL:-amqp://web:***@h}',
    'brokers.secure.url': `amqps://web:\${file:${secret}}@h`,
    'brokers.secure.key': '***',
    'brokers.token.url': 'mqtt://***@h',
  })
})

describe('a mask', () => {
  test.each([
    ['no url', 'no url'],
    ['https://app.example.com', 'https://app.example.com'],
    ['amqp://u:${P}@h/v', 'amqp://u:${P}@h/v'],
    ['amqp://u:${file:/run/secrets/p}@h/v', 'amqp://u:${file:/run/secrets/p}@h/v'],
    ['amqp://u:${P:-x}@h', 'amqp://u:***@h'],
    ['amqp://u:a${P}@h', 'amqp://u:***@h'],
    ['amqp://:pw@h', 'amqp://:***@h'],
    ['amqp://${USER}@h', 'amqp://${USER}@h'],
    ['https://h/?a=1&b=${B}', 'https://h/?a=***&b=${B}'],
    [`amqp://${'${A'.repeat(2000)}`, `amqp://${'${A'.repeat(2000)}`],
  ])('of %s', (text, masked) => {
    expect(maskText(text)).toBe(masked)
  })

  test.each([
    ['', ''],
    ['x', '***'],
    [5, '***'],
    ['${A}', '${A}'],
    ['${file:/a}', '${file:/a}'],
    ['${A}b', '***'],
    ['${A:-b}', '${A:-***}'],
  ])('of the secret %s', (value, masked) => {
    expect(maskSecret(value)).toBe(masked)
  })
})

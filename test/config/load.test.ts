// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration replaces
/** From a file, the environment and flags to a Config, or to faults with positions. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { adapters } from '../../src/adapters/index.ts'
import { authenticators } from '../../src/auth/index.ts'
import { type Flags, type LoadResult, loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Given {
  /** The file's text; undefined = no file. */
  readonly yaml?: string
  readonly env?: Record<string, string>
  readonly flags?: Flags
  readonly name?: string
}

function load({ yaml, env = {}, flags = {}, name = 'bridge.yaml' }: Given): LoadResult {
  const file = yaml === undefined ? undefined : join(folder, name)
  if (file !== undefined) writeFileSync(file, yaml!)
  return loadConfig({ file, env, flags, fragments: adapters, routing: routingFields, authenticators })
}

/** The lines an operator sees, without the folder. */
function lines(given: Given): string[] {
  const loaded = load(given)
  return loaded.describe(loaded.faults).map((line) => line.replace(`${folder}/`, ''))
}

/** Only where: `bridge.yaml:1:1`, `--port`. */
const places = (given: Given): string[] => lines(given).map((line) => line.replace(/: .*/, ''))

test('without a file: the memory broker on loopback', () => {
  const { config, faults } = load({})
  expect(faults).toEqual([])
  expect(config).toEqual({
    listen: {
      host: '127.0.0.1',
      port: 15674,
      websocket: { path: '/ws', compression: false, pingMs: 10_000 },
      origins: [],
      missingOrigin: undefined,
      hosts: [],
      trustedProxies: [],
      tls: undefined,
    },
    ops: { enabled: true, host: '127.0.0.1', port: 15680, token: [] },
    auth: { anonymous: undefined, chain: [] },
    limits: {
      dryRun: false,
      connections: 20_000,
      connectionsPerIp: undefined,
      connectionsPerUser: 0,
      connectRate: 1000,
      connectBurst: 5000,
      connectRatePerIp: undefined,
      handshakes: 8192,
      handshakeTimeoutMs: 10_000,
      frameBytes: 4_194_304,
      headerBytes: 16_384,
      headerCount: 100,
      connectBytes: 65_536,
      connectTimeoutMs: 10_000,
      subscriptions: 1000,
      unacked: 1_000_000,
      sessionMs: 0,
      sendRate: 0,
      sendBytesRate: 0,
      sendPatienceMs: 30_000,
      transactions: 16,
      transactionFrames: 1024,
      transactionBytes: 4_194_304,
      pendingFrames: 256,
      pendingBytes: 1_048_576,
      outboundBytes: 1_048_576,
      outboundAgeMs: 10_000,
      prefetchAuto: 200,
      prefetchClient: 1000,
      prefetchBytes: 8_388_608,
      unsubscribeGraceMs: 10_000,
    },
    user: {
      broker: undefined,
      absent: 'ignore',
      permit: { send: ['nobody'], subscribe: ['anyone'] },
      errors: 'close',
      onGap: 'mark',
      identity: 'backend',
      holdMs: 30_000,
    },
    events: {
      broker: undefined,
      permit: { subscribe: ['nobody'] },
      aliveMs: 10_000,
      queue: 10_000,
      http: undefined,
    },
    heartbeat: { outgoingMs: 10_000, incomingMs: 10_000 },
    drain: { delayMs: 0, graceMs: 10_000, spreadMs: 5000 },
    reload: { watch: true },
    tracing: { enabled: 'auto' },
    log: { level: 'info', format: 'auto' },
    unmapped: 'error',
    outage: { maxMs: 0 },
    fanout: { lingerMs: 5000 },
    brokers: { local: { adapter: 'memory' } },
    routes: [{ preset: 'memory', broker: 'local' }],
    tests: [],
  })
})

test('--rabbitmq: the preset of that name', () => {
  const { config, faults } = load({ flags: { rabbitmq: 'amqp://rabbit' } })
  expect(faults).toEqual([])
  expect(config.brokers).toEqual({ rabbit: { adapter: 'rabbitmq', url: 'amqp://rabbit' } })
  expect(config.routes).toEqual([{ preset: 'rabbitmq', broker: 'rabbit' }])
})

test('defaults < file < environment < flags', () => {
  const yaml = 'listen: { port: 1 }'
  const env = { STOMP_BRIDGE_LISTEN_PORT: '2' }
  expect(load({ yaml }).config.listen.port).toBe(1)
  expect(load({ yaml, env }).config.listen.port).toBe(2)
  expect(load({ yaml, env, flags: { port: '3' } }).config.listen.port).toBe(3)
})

test('an empty environment variable is none', () => {
  expect(load({ env: { STOMP_BRIDGE_LISTEN_PORT: '' } }).config.listen.port).toBe(15_674)
})

test('the environment can say everything that is scalar', () => {
  const env = {
    STOMP_BRIDGE_LISTEN_WEBSOCKET_PATH: '/stomp',
    STOMP_BRIDGE_LISTEN_WEBSOCKET_COMPRESSION: 'true',
    STOMP_BRIDGE_LISTEN_ORIGINS: 'https://a.example, https://b.example:8443',
    STOMP_BRIDGE_LIMITS_CONNECT_TIMEOUT: '1.5s',
    STOMP_BRIDGE_LIMITS_FRAME_BYTES: '64KiB',
    STOMP_BRIDGE_AUTH_ANONYMOUS: 'false',
  }
  const { config, faults } = load({ env })
  expect(faults).toEqual([])
  expect(config.listen.websocket).toMatchObject({ path: '/stomp', compression: true })
  expect(config.listen.origins).toEqual(['https://a.example', 'https://b.example:8443'])
  expect(config.limits).toMatchObject({ connectTimeoutMs: 1500, frameBytes: 65_536 })
  expect(config.auth.anonymous).toBe(false)
})

test('where clients may come from, and through whom', () => {
  const yaml = `
listen:
  origins: ["https://*.example.com", "https://*.dev.example.com:8443", "http://*.localhost:5173"]
  missingOrigin: refuse
  trustedProxies: [loopback, 10.0.0.0/8, "2001:db8::/32", 192.0.2.1, "::1"]
  tls: { cert: /etc/tls/tls.crt, key: /etc/tls/tls.key }
`
  const { config, faults } = load({ yaml })
  expect(faults).toEqual([])
  expect(config.listen).toMatchObject({
    origins: ['https://*.example.com', 'https://*.dev.example.com:8443', 'http://*.localhost:5173'],
    missingOrigin: false,
    trustedProxies: ['loopback', '10.0.0.0/8', '2001:db8::/32', '192.0.2.1', '::1'],
    tls: { cert: '/etc/tls/tls.crt', key: '/etc/tls/tls.key', minVersion: 'TLSv1.2' },
  })
})

test.each([
  ['10s', 10_000],
  ['250ms', 250],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1500', 1500],
  ['0', 0],
])('a duration %s is %i ms', (text, ms) => {
  expect(load({ yaml: `heartbeat: { incoming: ${text} }` }).config.heartbeat.incomingMs).toBe(ms)
})

test.each([
  ['64KiB', 65_536],
  ['4MiB', 4_194_304],
  ['0.5GiB', 536_870_912],
  ['2048B', 2048],
  ['2048', 2048],
])('a size %s is %i bytes', (text, bytes) => {
  expect(load({ yaml: `limits: { frameBytes: ${text} }` }).config.limits.frameBytes).toBe(bytes)
})

test('durations of routes are milliseconds too', () => {
  const yaml = 'brokers: { m: { adapter: memory } }\nroutes: [{ preset: memory, broker: m, holdMs: 5s }]'
  expect(load({ yaml }).config.routes).toEqual([{ preset: 'memory', broker: 'm', holdMs: 5000 }])
})

test('and so are those of an option that holds options', () => {
  const route = '{ preset: memory, broker: m, batch: { delay: 0.5s, bytes: 16KiB }, slow: { conflate: symbol } }'
  const { config, faults } = load({ yaml: `brokers: { m: { adapter: memory } }\nroutes: [${route}]` })
  expect(faults).toEqual([])
  expect(config.routes[0]).toMatchObject({ batch: { delay: 500, bytes: 16_384 }, slow: { conflate: 'symbol' } })
})

test('the configuration is frozen all the way down', () => {
  const { config } = load({ yaml: 'listen: { origins: [https://a.example] }' })
  const parts = [config, config.listen, config.listen.websocket, config.listen.origins, config.routes, config.routes[0]]
  for (const part of [...parts, config.brokers, config.brokers.local]) expect(part).toSatisfy(Object.isFrozen)
})

test('JSON is read, with positions', () => {
  expect(load({ name: 'bridge.json', yaml: '{ "listen": { "port": 80 } }' }).config.listen.port).toBe(80)
  expect(places({ name: 'bridge.json', yaml: '{\n\t"listen": { "prot": 80 }\n}' })).toEqual(['bridge.json:2:14'])
})

describe('texts from elsewhere', () => {
  const rabbit = (url: string) =>
    `brokers:\n  r: { adapter: rabbitmq, url: '${url}' }\nroutes: [{ preset: rabbitmq, broker: r }]\n`
  const url = (text: string, env: Record<string, string> = {}) =>
    load({ yaml: rabbit(text), env }).config.brokers.r?.url

  test.each<[string, Record<string, string>, string]>([
    ['amqp://${HOST}', { HOST: 'h' }, 'amqp://h'],
    ['amqp://${HOST:-d}', {}, 'amqp://d'],
    ['amqp://${HOST:-d}', { HOST: '' }, 'amqp://d'],
    ['${URL:-amqp://a:5672}', {}, 'amqp://a:5672'],
    ['amqp://${A}${B}', { A: '1', B: '$&' }, 'amqp://1$&'],
    ['amqp://$${A}', {}, 'amqp://${A}'],
    ['amqp://$A', { A: '1' }, 'amqp://$A'],
  ])('%s with %o is %s', (text, env, value) => {
    expect(url(text, env)).toBe(value)
  })

  test('a secret file loses its last line break', () => {
    const file = join(folder, 'secret')
    writeFileSync(file, 's3cret\n')
    expect(url(`amqp://u:\${file:${file}}@h`)).toBe('amqp://u:s3cret@h')
  })

  test('what is not there is told where it stands', () => {
    expect(places({ yaml: rabbit('${NOT_SET}') })).toEqual(['bridge.yaml:2:32'])
    expect(places({ yaml: rabbit('${file:/nowhere}') })).toEqual(['bridge.yaml:2:32'])
    expect(places({ yaml: rabbit('${1x}') })).toEqual(['bridge.yaml:2:32'])
    expect(places({ yaml: rabbit('${OPEN') })).toEqual(['bridge.yaml:2:32'])
  })

  test('a number or a truth from the environment is one', () => {
    const yaml = `
listen: { port: "\${PORT}", websocket: { compression: "\${ZIP}" } }
brokers: { m: { adapter: memory, maxMessages: "\${MOST}" } }
routes: [{ preset: memory, broker: m, resend: "\${RESEND}", holdMs: "\${HOLD}" }]`
    const { config, faults } = load({ yaml, env: { PORT: '80', ZIP: 'true', MOST: '5', RESEND: 'false', HOLD: '2s' } })
    expect(faults).toEqual([])
    expect(config.listen).toMatchObject({ port: 80, websocket: { compression: true } })
    expect(config.brokers.m?.maxMessages).toBe(5)
    expect(config.routes[0]).toMatchObject({ resend: false, holdMs: 2000 })
  })

  test('no fault shows what came from outside, or the user part of a url', () => {
    const loaded = load({ yaml: "listen: { host: '${SECRET}' }", env: { SECRET: 'hunter2 and more' } })
    const faults = [
      ...loaded.faults,
      { path: ['brokers'], message: 'amqp://user:pa55word@host is down, hunter2 and more' },
    ]
    const text = loaded.describe(faults).join('\n')
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain('pa55word')
    expect(text).toContain('${SECRET}')
  })
})

describe('a fault has a place', () => {
  const memory = 'brokers: { m: { adapter: memory } }\n'
  test.each<[string, Given, string[]]>([
    ['an unknown key', { yaml: 'listen:\n  prot: 1' }, ['bridge.yaml:2:3']],
    ['an unknown key at the top', { yaml: 'lisen: {}' }, ['bridge.yaml:1:1']],
    ['__proto__', { yaml: '__proto__: {}' }, ['bridge.yaml:1:1']],
    ['constructor', { yaml: 'constructor: { prototype: 1 }' }, ['bridge.yaml:1:1']],
    ['a wrong value', { yaml: 'listen:\n  port: http' }, ['bridge.yaml:2:9']],
    ['a number for a text', { yaml: 'listen:\n  host: 7' }, ['bridge.yaml:2:9']],
    ['a duration without unit', { yaml: 'drain: { grace: 10 s }' }, ['bridge.yaml:1:17']],
    ['a size out of bounds', { yaml: 'limits: { frameBytes: 2GiB }' }, ['bridge.yaml:1:23']],
    ['no value', { yaml: 'listen:\n  host:' }, ['bridge.yaml:2:3']],
    ['a value where a group belongs', { yaml: 'listen: 80' }, ['bridge.yaml:1:9']],
    ['a group where a value belongs', { yaml: 'listen: { host: { a: { b: 1 } } }' }, ['bridge.yaml:1:11']],
    ['a list where a value belongs', { yaml: 'listen: { host: [a] }' }, ['bridge.yaml:1:11']],
    ['an origin with two stars', { yaml: 'listen: { origins: ["https://*.*.example.com"] }' }, ['bridge.yaml:1:11']],
    ['an origin over a whole domain', { yaml: 'listen: { origins: ["https://*.com"] }' }, ['bridge.yaml:1:11']],
    ['an origin that is a star', { yaml: 'listen: { origins: ["*"] }' }, ['bridge.yaml:1:11']],
    ['a star within a name', { yaml: 'listen: { origins: ["https://a*.example.com"] }' }, ['bridge.yaml:1:11']],
    ['a proxy by name', { yaml: 'listen: { trustedProxies: [proxy.example] }' }, ['bridge.yaml:1:11']],
    ['a network that is too narrow', { yaml: 'listen: { trustedProxies: [10.0.0.0/33] }' }, ['bridge.yaml:1:11']],
    ['a network of nothing', { yaml: 'listen: { trustedProxies: ["10.0.0.0/"] }' }, ['bridge.yaml:1:11']],
    ['a TLS version that is broken', { yaml: 'listen: { tls: { minVersion: TLSv1.1 } }' }, ['bridge.yaml:1:30']],
    ['an origin with a path', { yaml: 'listen: { origins: [https://a.example/] }' }, ['bridge.yaml:1:11']],
    ['bad YAML', { yaml: 'listen:\n  host: "x' }, ['bridge.yaml:2:11']],
    ['a key twice', { yaml: 'ops: {}\nops: {}' }, ['bridge.yaml:2:1']],
    ['a list as the whole file', { yaml: '- a' }, ['bridge.yaml:1:1']],
    [
      'an environment variable',
      { env: { STOMP_BRIDGE_LISTEN_PORT: 'http' } },
      ['environment STOMP_BRIDGE_LISTEN_PORT'],
    ],
    ['a flag', { flags: { port: '65536' }, env: { STOMP_BRIDGE_LISTEN_PORT: '1' } }, ['--port']],
    ['a broker that is none', { yaml: 'brokers: { a: memory }\nroutes: []' }, ['bridge.yaml:1:15']],
    ['a broker without adapter', { yaml: 'brokers:\n  a: { url: x }\nroutes: []' }, ['bridge.yaml:2:3']],
    ['an adapter that does not exist', { yaml: 'brokers:\n  a: { adapter: memry }\nroutes: []' }, ['bridge.yaml:2:17']],
    ['a broker name with a dot', { yaml: 'brokers:\n  a.b: { adapter: memory }\nroutes: []' }, ['bridge.yaml:2:3']],
    ['brokers as a list', { yaml: 'brokers: [a]\nroutes: []' }, ['bridge.yaml:1:1']],
    [
      'an unknown option of a broker',
      { yaml: 'brokers: { a: { adapter: memory, maxMesages: 1 } }\nroutes: []' },
      ['bridge.yaml:1:34'],
    ],
    ['brokers without routes', { yaml: memory }, ['bridge.yaml:1:1']],
    ['routes that are no list', { yaml: `${memory}routes: { a: 1 }` }, ['bridge.yaml:2:1']],
    ['a route that is none', { yaml: `${memory}routes:\n  - memory` }, ['bridge.yaml:3:5']],
    [
      'an unknown option of a route',
      { yaml: `${memory}routes:\n  - { broker: m, destination: /a, tpic: a }` },
      ['bridge.yaml:3:35'],
    ],
    [
      'an option of another preset',
      { yaml: `${memory}routes:\n  - { broker: m, preset: memory, slashTopics: true }` },
      ['bridge.yaml:3:34'],
    ],
    [
      'an option of another adapter',
      { yaml: `${memory}routes:\n  - { broker: m, destination: /a, exchange: x }` },
      ['bridge.yaml:3:35'],
    ],
    [
      'a broker that does not exist',
      { yaml: `${memory}routes:\n  - { broker: n, preset: memory }` },
      ['bridge.yaml:3:15'],
    ],
    [
      'a preset that does not exist',
      { yaml: `${memory}routes:\n  - { broker: m, preset: memry }` },
      ['bridge.yaml:3:26'],
    ],
    [
      'a bad duration in a route',
      { yaml: `${memory}routes:\n  - { broker: m, preset: memory, holdMs: soon }` },
      ['bridge.yaml:3:42'],
    ],
    [
      'an unknown key within an option',
      { yaml: `${memory}routes:\n  - { broker: m, preset: memory, batch: { dely: 1s } }` },
      ['bridge.yaml:3:43'],
    ],
    [
      'a bad duration within an option',
      { yaml: `${memory}routes:\n  - { broker: m, preset: memory, batch: { delay: soon } }` },
      ['bridge.yaml:3:50'],
    ],
    [
      '--rabbitmq beside brokers',
      { yaml: `${memory}routes: []`, flags: { rabbitmq: 'amqp://x' } },
      ['bridge.yaml:1:1'],
    ],
  ])('%s', (_, given, expected) => {
    expect(places(given)).toEqual(expected)
  })

  test('a file that is not there', () => {
    const loaded = loadConfig({
      file: '/nowhere.yaml',
      env: {},
      flags: {},
      fragments: adapters,
      routing: routingFields,
      authenticators,
    })
    expect(loaded.describe(loaded.faults)).toEqual(['/nowhere.yaml:1:1: cannot be read: no such file'])
  })

  test.each([
    ['listen:\n  prot: 1', 'port'],
    ['lisetn: {}', 'listen'],
    ['limits: { framebytes: 1 }', 'frameBytes'],
    ['brokers: { a: { adapter: rabitmq } }\nroutes: []', 'rabbitmq'],
    ['brokers: { a: { adaptr: rabbitmq } }\nroutes: []', 'adapter'],
    ['auth: { chain: [{ autenticator: anonymous }] }', 'authenticator'],
    [`${memory}routes: [{ broker: m, destinaton: /a, topic: a }]`, 'destination'],
    [`brokers: { rabbit: { adapter: rabbitmq } }\nroutes: [{ broker: rabit, preset: rabbitmq }]`, 'rabbit'],
  ])('a near miss is told: %s', (yaml, meant) => {
    expect(lines({ yaml })).toEqual([expect.stringContaining(`did you mean ${meant}?`)])
  })

  test('what is nothing near is not guessed', () => {
    expect(lines({ yaml: 'listen: { zzzzz: 1 }' })).toEqual([expect.not.stringContaining('did you mean')])
  })

  test('all of them at once, in the order of the file, one line for a path', () => {
    const loaded = load({ yaml: 'ops: { port: x }\nlisten:\n  prot: 1\n  host: 7\nlog: { level: loud }' })
    const again = { path: ['ops', 'port'], message: 'something else' }
    const found = loaded.describe([...loaded.faults, again]).map((line) => line.match(/:(\d+:\d+):/)?.[1])
    expect(found).toEqual(['1:14', '3:3', '4:9', '5:15'])
  })

  test('what is faulty has its default, so that the rest can be checked', () => {
    expect(load({ yaml: 'listen: { port: x, host: localhost }' }).config.listen).toMatchObject({
      port: 15_674,
      host: 'localhost',
    })
  })
})

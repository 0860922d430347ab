/**
 * Names that are chosen to make work, or to reach what is no entry: destinations that patterns could choke on, headers that expressions could,
 * and keys of a configuration that objects of JavaScript have by themselves.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { authenticators } from '../../src/auth/index.ts'
import { adapters, startBridge } from '../../src/bridge/index.ts'
import { ConfigError } from '../../src/config/errors.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/ops/log.ts'
import { routingFields } from '../../src/routing/build.ts'
import { startTestBridge } from '../support/bridge.ts'
import { Client } from './driver.ts'
import { answerTo, bearer, jwt } from './login.ts'

/** Characters: the longest that a destination may have. */
const LONGEST = 2048
const COUNT = 1_000

/** Wide patterns of every kind, each with a permission that looks at what stands in the destination. */
const WIDE = `
brokers: { local: { adapter: memory } }
routes:
  - { destination: "/mid/{a}/{rest+}/{b}/end", broker: local, topic: "mid/{a}/{rest+}/{b}", errors: keep, permit: { where: { a: user-name } } }
  - { destination: "/dots/{rest+}", broker: local, topic: "dots/{rest+}", slash: dot, errors: keep, permit: { where: { rest: user-name } } }
  - { destination: "/pre-{a}-mid/x-{b}-post", broker: local, topic: "pre/{a}/{b}", errors: keep }
  - { destination: "/{any+}", broker: local, topic: "any/{any+}", errors: keep, except: ["/mid/{a}/{rest+}/{b}/end", "/dots/{rest+}", "/pre-{a}-mid/x-{b}-post"] }
auth: { chain: [${jwt()}] }
`

const BEGINNINGS = ['/', '/mid/ann/', '/dots/', '/pre-', '/pre-ann-mid/x-', '/topic/bridge', '/any/']
const MIDDLES = [
  ...[
    '/',
    '//',
    'a/',
    './',
    '%',
    '%2',
    '%2F',
    '%25',
    '%252F',
    '%2F%25',
    '*',
    '*/',
    '#/',
    '.',
    'a.',
    '**.',
    '..',
    '-',
    '-mid',
    '-post',
  ],
  ...[
    '{',
    '}',
    '{a}',
    '{a+}/',
    '{rest+}',
    ' ',
    '\\',
    '\\n',
    'ä',
    '\u{1f4a3}',
    '\u0301',
    '\u202e',
    '\u0001',
    'end/',
    '/end',
    'user-name',
  ],
]
const ENDINGS = ['', '/end', '/x/end', '-mid/x-', '-post', '*', '#', '.', '%', '/']

function* hostile(): Generator<string> {
  for (const middle of MIDDLES) {
    for (const beginning of BEGINNINGS) {
      for (const ending of ENDINGS) {
        const room = LONGEST - beginning.length - ending.length
        yield beginning + middle.repeat(Math.floor(room / middle.length)).padEnd(room, 'a') + ending
      }
    }
  }
}

describe('work is bounded', () => {
  test('1,000 destinations of 2,048 characters, through wide routes: each has its answer', async () => {
    await using bridge = await startTestBridge(WIDE)
    const all = [...hostile()]
    const destinations = all.filter((_, at) => at % Math.floor(all.length / COUNT) === 0).slice(0, COUNT)
    expect([destinations.length, new Set(destinations.map(({ length }) => length))]).toEqual([
      COUNT,
      new Set([LONGEST]),
    ])
    const answers = new Map<string, number>()
    let client = await Client.connect(bridge.url, await bearer('ann'))
    for (const destination of destinations) {
      for (const command of ['SEND', 'SUBSCRIBE']) {
        const { headers } = await client.ask(command, { id: 's', destination }, '')
        const answer = headers['bridge-code'] ?? 'RECEIPT'
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        if (command === 'SUBSCRIBE' && answer === 'RECEIPT') await client.do('UNSUBSCRIBE', { id: 's' })
        if (answer !== 'no-route' && answer !== 'forbidden') continue
        // What no route takes, or belongs to the bridge, is under no route's errors: keep.
        await client[Symbol.asyncDispose]()
        client = await Client.connect(bridge.url, await bearer('ann'))
      }
    }
    await client.do('SEND', { destination: '/any/a' }, 'still here')
    await client[Symbol.asyncDispose]()
    expect([...answers.keys()].sort()).toEqual(['bad-destination', 'forbidden', 'no-route'])
    expect(bridge.log()).not.toContain('internal error')
  })

  test.each([
    ['a token that never ends', 'Authorization', `Bearer eyJ${'a'.repeat(16_000)}`],
    ['a token of dots', 'Authorization', `Bearer eyJ${'.'.repeat(16_000)}`],
    ['a scheme of spaces', 'Authorization', `Bearer${' '.repeat(16_000)}`],
    ['a passcode that looks like a token', 'passcode', `eyJ${'-_'.repeat(8_000)}.${'a'.repeat(10)}!`],
    ['heart-beats', 'heart-beat', `${'1'.repeat(8_000)},${'1'.repeat(8_000)}`],
    ['versions', 'accept-version', '1.9,'.repeat(4_000)],
  ])('CONNECT with %s is refused', async (_, name, value) => {
    await using bridge = await startTestBridge(WIDE)
    const answer = await answerTo(Client.connect(bridge.url, { login: 'ann', [name]: value }))
    expect(['login-refused', 'login-required', 'bad-value', 'version-not-supported']).toContain(answer)
  })
})

const MEMORY_BROKER = 'brokers: { local: { adapter: memory } }'
const CATCH_ALL = 'routes: [{ preset: memory, broker: local }]'

/** Where a configuration has keys of the operator's own choice, and where it has none. */
const PLACES: readonly (readonly [where: string, yaml: (key: string) => string])[] = [
  ['the root', (key) => `${MEMORY_BROKER}\n${CATCH_ALL}\n${key}: { polluted: yes }`],
  ['listen', (key) => `${MEMORY_BROKER}\n${CATCH_ALL}\nlisten: { ${key}: { polluted: yes } }`],
  ['limits', (key) => `${MEMORY_BROKER}\n${CATCH_ALL}\nlimits: { ${key}: { polluted: yes } }`],
  ['names of brokers', (key) => `brokers: { ${key}: { adapter: memory, polluted: yes } }\n${CATCH_ALL}`],
  ['kinds of brokers', (key) => `brokers: { local: { adapter: ${key} } }\n${CATCH_ALL}`],
  ['options of a broker', (key) => `brokers: { local: { adapter: memory, ${key}: { polluted: yes } } }\n${CATCH_ALL}`],
  ['a route', (key) => `${MEMORY_BROKER}\nroutes: [{ preset: memory, broker: local, ${key}: { polluted: yes } }]`],
  ['presets', (key) => `${MEMORY_BROKER}\nroutes: [{ preset: ${key}, broker: local }]`],
  ['brokers of routes', (key) => `${MEMORY_BROKER}\nroutes: [{ preset: memory, broker: ${key} }]`],
  ['permit', (key) => `${MEMORY_BROKER}\nroutes: [{ preset: memory, broker: local, permit: { ${key}: anyone } }]`],
  [
    'where',
    (key) =>
      `${MEMORY_BROKER}\nroutes: [{ destination: "/a/{b}", broker: local, topic: "{b}", permit: { where: { ${key}: user-name } } }]`,
  ],
  ['slow', (key) => `${MEMORY_BROKER}\nroutes: [{ preset: memory, broker: local, slow: { ${key}: a } }]`],
  ['authenticators', (key) => `${MEMORY_BROKER}\n${CATCH_ALL}\nauth: { chain: [{ authenticator: ${key} }] }`],
  [
    'options of an authenticator',
    (key) =>
      `${MEMORY_BROKER}\n${CATCH_ALL}\nauth: { chain: [{ authenticator: anonymous, ${key}: { polluted: yes } }] }`,
  ],
  [
    'a user',
    (key) =>
      `${MEMORY_BROKER}\n${CATCH_ALL}\nauth: { chain: [{ authenticator: users, users: { ann: { ${key}: { password: x } } } }] }`,
  ],
]

describe.each(['__proto__', 'constructor', 'prototype', 'toString', '"constructor.prototype"'])('the key %s', (key) => {
  test.each(PLACES)('among %s is a fault of the configuration, and pollutes nothing', async (_, yaml) => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    expect(await faultsOf(yaml(key))).not.toEqual([])
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

/** As the command line finds them; nothing is left running. */
async function faultsOf(yaml: string): Promise<readonly unknown[]> {
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  const file = join(folder, 'bridge.yaml')
  await writeFile(file, yaml)
  const flags = { port: '0' }
  const env = { STOMP_BRIDGE_OPS_ENABLED: 'false' }
  const loaded = loadConfig({ file, env, flags, fragments: adapters, routing: routingFields, authenticators })
  await rm(folder, { recursive: true })
  if (loaded.faults.length > 0) return loaded.faults
  try {
    await using _bridge = await startBridge(loaded.config, {
      log: createLog({ level: 'silent', format: 'json' }),
      signal: new AbortController().signal,
    })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

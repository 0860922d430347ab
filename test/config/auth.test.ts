// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration replaces
/** `auth.chain` of a file: what may stand there, where its faults are told, and that no secret is told with them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadAndCheck } from '../../src/commands/configuration.ts'
import { FakeHost } from '../commands/host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-auth-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Every check that `stomp-bridge check` makes: the lines that an operator sees, and what was read. */
async function check(yaml: string, env: Record<string, string> = {}) {
  const file = join(folder, 'bridge.yaml')
  writeFileSync(file, yaml)
  const loaded = await loadAndCheck({ command: 'check', file, flags: {}, words: [], given: {} }, new FakeHost(env))
  const lines = loaded.describe(loaded.faults).map((line) => line.replace(`${folder}/`, ''))
  return { config: loaded.config, lines, places: lines.map((line) => line.split(': ', 2).join(' ')) }
}

/** A chain of one line each. */
const chain = (...entries: string[]): string =>
  ['auth:', '  chain:', ...entries.map((each) => `    - ${each}`)].join('\n')

const HASH = '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'
const USERS = `{ authenticator: users, users: { ann: { password: "${HASH}", roles: [editor] } } }`
const JWT =
  '{ authenticator: jwt, issuer: https://login.example.com/, audience: stomp, algorithms: [RS256], keys: [{ jwks: "https://login.example.com/keys" }] }'

describe('a chain', () => {
  test('is read in its order, with units and numbers as everywhere', async () => {
    const { config, lines } = await check(
      chain(JWT, '{ authenticator: passthrough, failuresPerLogin: "${MOST}" }', '{ authenticator: anonymous }'),
      { MOST: '7' },
    )
    expect(lines).toEqual([])
    expect(config.auth.chain.map(({ authenticator }) => authenticator)).toEqual(['jwt', 'passthrough', 'anonymous'])
    expect(config.auth.chain[1]).toEqual({ authenticator: 'passthrough', failuresPerLogin: 7 })
  })

  test('durations and sizes are numbers', async () => {
    const { config, lines } = await check(
      chain(`${JWT.slice(0, -2)}, clockTolerance: 10s, tokenBytes: 8KiB, jwksMaxAge: "1h" }`),
    )
    expect(lines).toEqual([])
    expect(config.auth.chain[0]).toMatchObject({ clockTolerance: 10_000, tokenBytes: 8192, jwksMaxAge: 3_600_000 })
  })

  test('may be empty, or not there', async () => {
    for (const yaml of ['auth: { chain: [] }', 'auth: { chain: }', 'auth: {}', '']) {
      expect((await check(yaml)).config.auth.chain).toEqual([])
    }
  })
})

describe('a fault of the chain has a place', () => {
  test.each<[string, string, string[]]>([
    ['a kind that is near to one', chain('{ authenticator: jtw }'), ['bridge.yaml:3:24 auth.chain[0].authenticator']],
    ['no kind', chain('{ issuer: x }'), ['bridge.yaml:3:7 auth.chain[0].authenticator']],
    ['a word', chain('jwt'), ['bridge.yaml:3:7 auth.chain[0].authenticator']],
    ['__proto__', chain('{ authenticator: __proto__ }'), ['bridge.yaml:3:24 auth.chain[0].authenticator']],
    ['no list', 'auth:\n  chain: { authenticator: jwt }', ['bridge.yaml:2:3 auth.chain']],
    ['an unknown key', chain('{ authenticator: anonymous, form: x }'), ['bridge.yaml:3:35 auth.chain[0].form']],
    [
      'one that comes after a faulty one',
      chain('{ authenticator: jtw }', '{ authenticator: http, url: "https://a.example", onError: maybe }'),
      ['bridge.yaml:3:24 auth.chain[0].authenticator', 'bridge.yaml:4:65 auth.chain[1].onError'],
    ],
    [
      'a duration',
      chain('{ authenticator: http, url: "https://a.example", onError: deny, timeout: soon }'),
      ['bridge.yaml:3:80 auth.chain[0].timeout'],
    ],
    [
      'deep within a kind',
      chain('{ authenticator: users, users: { ann: { password: plain } } }'),
      ['bridge.yaml:3:57 auth.chain[0].users.ann.password'],
    ],
    [
      'of a key in a list',
      chain('{ authenticator: jwt, issuer: a, audience: b, algorithms: [HS256], keys: [{ secret: short }] }'),
      ['bridge.yaml:3:91 auth.chain[0].keys[0].secret'],
    ],
    [
      'an unknown key beside another fault',
      chain('{ authenticator: users, usres: {}, users: { ann: { password: plain } } }'),
      ['bridge.yaml:3:31 auth.chain[0].usres', 'bridge.yaml:3:68 auth.chain[0].users.ann.password'],
    ],
    [
      'anonymous that is not the last',
      chain('{ authenticator: anonymous }', USERS),
      ['bridge.yaml:3:24 auth.chain[0].authenticator'],
    ],
    [
      'a cookie without a list of origins',
      chain(USERS, `${JWT.slice(0, -2)}, from: ["cookie:session", passcode] }`),
      ['bridge.yaml:4:7 auth.chain[1]'],
    ],
    [
      'a backend that is sent cookies, likewise',
      chain('{ authenticator: http, url: "https://a.example", onError: deny, cookies: [sid] }'),
      ['bridge.yaml:3:7 auth.chain[0]'],
    ],
    [
      'a chain and anonymous: true, which contradict each other',
      `${chain(USERS)}\n  anonymous: true`,
      ['bridge.yaml:4:14 auth.anonymous'],
    ],
  ])('%s', async (_, yaml, expected) => {
    expect((await check(yaml)).places).toEqual(expected)
  })

  test('a near miss is told', async () => {
    expect((await check(chain('{ authenticator: jtw }'))).lines[0]).toContain('did you mean jwt?')
    expect((await check(chain('{ authenticator: users, usres: {} }'))).lines.join()).toContain('did you mean users?')
  })

  test('a cookie with a list of origins has none', async () => {
    const yaml = chain(`${JWT.slice(0, -2)}, from: ["cookie:session"] }`)
    const { lines } = await check(`listen: { origins: ["https://app.example.com"] }\n${yaml}`)
    expect(lines).toEqual([])
  })
})

describe('no fault shows a secret', () => {
  const SECRET = 'hunter2hunter2'
  test.each([
    ['in its place, too short', `algorithms: [HS256], keys: [{ secret: ${SECRET} }]`],
    ['as a PEM', `algorithms: [RS256], keys: [{ pem: "${SECRET}" }]`],
    ['as an algorithm', `algorithms: [${SECRET}], keys: [{ pem: x }]`],
    ['as a source', `algorithms: [HS256], keys: [{ secret: "${'x'.repeat(32)}" }], from: [${SECRET}]`],
    ['as the URL of keys', `algorithms: [RS256], keys: [{ jwks: "https://user:${SECRET}@login.example.com" }]`],
    ['as a duration', `algorithms: [RS256], keys: [{ jwks: "https://a.example" }], clockTolerance: ${SECRET}`],
  ])('%s', async (_, options) => {
    const { lines } = await check(chain(`{ authenticator: jwt, issuer: a, audience: b, ${options} }`))
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toContain(SECRET)
  })

  test.each([
    ['a password instead of its hash', `{ authenticator: users, users: { ann: { password: ${SECRET} } } }`],
    ['a list of users', `{ authenticator: users, users: [${SECRET}] }`],
    ['a URL with a password', `{ authenticator: http, onError: deny, url: "https://u:${SECRET}@a.example" }`],
  ])('%s', async (_, entry) => {
    const { lines } = await check(chain(entry))
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toContain(SECRET)
  })

  test('nor one from the environment', async () => {
    const { lines } = await check(chain('{ authenticator: "${KIND}" }'), { KIND: SECRET })
    expect(lines.join()).not.toContain(SECRET)
  })
})

describe('an address that others can reach', () => {
  const open = (auth: string): string => `listen: { host: 0.0.0.0 }\n${auth}`

  test('needs somebody who asks: a chain is enough, even one that lets everybody in', async () => {
    expect((await check(open(''))).places).toEqual(['bridge.yaml:1:17 listen.host'])
    expect((await check(open('auth: { chain: [] }'))).places).toEqual(['bridge.yaml:1:17 listen.host'])
    for (const entry of [JWT, USERS, '{ authenticator: anonymous }']) {
      expect((await check(open(chain(entry)))).lines).toEqual([])
    }
  })

  test('a chain with a fault has its own fault, and no other', async () => {
    expect((await check(open(chain('{ authenticator: jtw }')))).places).toEqual([
      'bridge.yaml:4:24 auth.chain[0].authenticator',
    ])
  })
})

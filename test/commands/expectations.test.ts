/** `tests:` of a configuration: their shape is checked wherever it is loaded, their truth by `stomp-bridge check`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-tests-'))
const file = join(folder, 'bridge.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

const ROUTES = `brokers: { local: { adapter: memory }, other: { adapter: memory } }
routes:
  - { destination: "/topic/{name+}", broker: local, topic: "{name+}", permit: { send: role:editor } }
  - { destination: "/in/{user}", broker: local, queue: "in.{user}", permit: { where: { user: user-name } } }
  - { destination: "/of/{tenant}", broker: other, topic: "of.{tenant}", permit: { where: { tenant: org.tenant } } }
tests:
`

async function check(...tests: string[]) {
  writeFileSync(file, ROUTES + tests.map((each) => `  - ${each}\n`).join(''))
  const host = new FakeHost()
  const code = await run(['check', file], host)
  return { code, out: host.out, lines: host.err.replaceAll(`${folder}/`, '').split('\n').filter(Boolean) }
}

test('what comes true is counted', async () => {
  const { code, out, lines } = await check(
    '{ send: /topic/a, user: ann, roles: [editor], expect: { allowed: true, route: "/topic/{name+}", broker: local, target: topic a } }',
    '{ send: /topic/a, user: ann, expect: { allowed: false, code: forbidden } }',
    '{ subscribe: "/topic/*", anonymous: true, expect: { allowed: true, target: "topic *" } }',
    '{ subscribe: /in/ann, user: ann, expect: { allowed: true } }',
    '{ subscribe: /in/bob, user: ann, expect: { code: forbidden } }',
    '{ send: /of/7, user: ann, claims: { org: { tenant: 7 } }, expect: { allowed: true } }',
    '{ send: /nowhere, expect: { code: no-route } }',
  )
  expect({ code, lines }).toEqual({ code: EXIT.ok, lines: [] })
  expect(out).toContain('no faults')
  expect(out).toContain('7 tests')
})

test('what does not: a line with the place, expected and actual', async () => {
  const { code, out, lines } = await check(
    '{ send: /topic/a, user: ann, expect: { allowed: true } }',
    '{ send: /topic/a, expect: { route: "/topic/{name}", target: topic b } }',
  )
  expect(code).toBe(EXIT.config)
  expect(out).toBe('')
  expect(lines.slice(0, 3)).toEqual([
    expect.stringMatching(/^bridge\.yaml:7:53: tests\[0\]\.expect\.allowed: expected true, is false: role:editor/),
    expect.stringMatching(
      /^bridge\.yaml:8:40: tests\[1\]\.expect\.route: expected "\/topic\/\{name\}", is "\/topic\/\{name\+\}".*did you mean \/topic\/\{name\+\}\?/,
    ),
    expect.stringMatching(/tests\[1\]\.expect\.target: expected "topic b", is "topic a"/),
  ])
  expect(lines[3]).toContain('2 tests, 2 failed')
})

describe('the shape', () => {
  test.each([
    ['{ send: /topic/a, expect: { allow: true } }', 'tests[0].expect.allow', 'did you mean allowed?'],
    [
      '{ send: /topic/a, expct: { allowed: true }, expect: { allowed: true } }',
      'tests[0].expct',
      'did you mean expect?',
    ],
    ['{ send: /topic/a }', 'tests[0]', 'at least one of'],
    ['{ send: /topic/a, expect: {} }', 'tests[0].expect', 'at least one of'],
    ['{ send: /topic/a, expect: { allowed: perhaps } }', 'tests[0].expect.allowed', 'true or false'],
    ['{ send: /topic/a, expect: { allowed: true, code: forbidden } }', 'tests[0].expect.code', 'no code'],
    ['{ expect: { allowed: true } }', 'tests[0]', 'either send or subscribe'],
    ['{ send: /a, subscribe: /a, expect: { allowed: true } }', 'tests[0]', 'either send or subscribe'],
    ['{ send: /a, roles: [x], expect: { allowed: true } }', 'tests[0].roles', 'a user'],
    ['{ send: /a, user: ann, roles: x, expect: { allowed: true } }', 'tests[0].roles', 'list'],
    ['{ send: /a, user: ann, anonymous: true, expect: { allowed: true } }', 'tests[0].anonymous', 'a user'],
    ['/topic/a', 'tests[0]', 'send or subscribe'],
  ])('%s', async (line, path, words) => {
    const { code, lines } = await check(line)
    expect(code).toBe(EXIT.config)
    expect(lines).toEqual([expect.stringContaining(`: ${path}: `)])
    expect(lines[0]).toContain(words)
  })

  test('is checked by serve too, which does not run them', async () => {
    writeFileSync(file, `${ROUTES}  - { send: /topic/a, expect: { allwed: true } }\n`)
    const host = new FakeHost()
    expect(await run(['serve', '--config', file], host)).toBe(EXIT.config)
    writeFileSync(file, `${ROUTES}  - { send: /topic/a, expect: { allowed: true } }\n`)
    const other = new FakeHost({ STOMP_BRIDGE_LOG_LEVEL: 'error', STOMP_BRIDGE_LISTEN_HOST: '127.0.0.1' })
    other.stopNow()
    expect(await run(['serve', '--config', file], other)).toBe(EXIT.ok)
  })
})

test('unknown keys have a near miss, however deep', async () => {
  writeFileSync(
    file,
    [
      'listen: { websocket: { pth: /x } }',
      'auth: { chain: [{ authenticator: users, userss: {} }] }',
      'brokers: { local: { adapter: memory }, other: { adapter: memory, maxMesages: 1 } }',
      'routes:',
      '  - { destination: "/a/{n}", broker: local, topic: "a.{n}", permit: { sned: anyone } }',
      '  - { destination: "/b/{n}", broker: local, topic: "b.{n}", permit: { send: { rol: x } } }',
      '  - { destination: "/c/{n}", broker: local, topic: "c.{n}", batch: { delai: 20ms, delay: 20ms } }',
      '  - { destination: "/d/{nam}", broker: local, topic: "d.{nam}", permit: { where: { name: user-name } } }',
      '  - { destination: "/e/{n}", broker: local, topic: "e.{n}", except: ["/c/{nn}"] }',
    ].join('\n'),
  )
  const host = new FakeHost()
  await run(['check', file], host)
  for (const meant of ['path', 'users', 'maxMessages', 'send', 'role', 'delay', 'nam', '/c/{n}']) {
    expect(host.err).toContain(`did you mean ${meant}?`)
  }
})

/** The start-up page: a person finds the next step in 80 columns, and a log has the same facts. */
import { expect, test } from 'vitest'
import { nextLines } from '../../src/commands/next.ts'
import { startTestBridge } from '../support/bridge.ts'

const ROUTES = `
brokers: { local: { adapter: memory }, other: { adapter: memory } }
auth:
  chain:
    - authenticator: jwt
      issuer: https://login.example.com/
      audience: stomp
      algorithms: [HS256]
      keys: [{ secret: "0123456789abcdef0123456789abcdef" }]
routes:
  - { destination: "/topic/news/{subject}", broker: other, topic: "news.{subject}", permit: { send: "role:editor", subscribe: anyone } }
  - { destination: "/queue/inbox.{user}", broker: other, queue: "inbox.{user}", permit: { send: nobody, subscribe: { where: { user: user-name } } } }
  - { preset: memory, broker: local }
`

test('where it listens, what it was read from, and of each route the place and who may use it', async () => {
  await using bridge = await startTestBridge(ROUTES)
  const { startup, lines } = bridge.bridge
  expect(startup).toMatchObject({ websocket: bridge.url, ops: bridge.ops, opsOpenTo: 'this machine', console: true })
  expect(startup).toMatchObject({ config: expect.stringMatching(/bridge\.yaml$/), watched: true })
  const uses = Object.fromEntries(startup.routes.map(({ destination, ...use }) => [destination, use]))
  expect(uses).toEqual({
    '/topic/news/{subject}': use('other', 'topic news.{subject}', 'role:editor', 'anyone'),
    '/queue/inbox.{user}': use('other', 'queue inbox.{user}', 'nobody', '{user} = claim user-name'),
    '/topic/{name+}': use('local', 'topic {name+}', 'authenticated', 'authenticated'),
    '/queue/{name+}': use('local', 'queue {name+}', 'authenticated', 'authenticated'),
  })
  const text = lines.join('\n')
  for (const fact of [bridge.url, `${bridge.ops}/`, startup.config!, 'SEND by nobody']) expect(text).toContain(fact)
  for (const line of lines.filter((each) => !each.includes(startup.config!)))
    expect(line.length).toBeLessThanOrEqual(80)
})

function use(broker: string, target: string, send: string, subscribe: string) {
  return { broker, target, send, subscribe, opener: undefined }
}

test.each([
  ['off', '{ enabled: false }', { ops: undefined }],
  ['closed to all but probes', '{ host: 0.0.0.0 }', { opsOpenTo: 'nobody', console: false }],
  ['with a token', '{ host: 0.0.0.0, token: "0123456789abcdef" }', { opsOpenTo: 'token', console: false }],
])('an ops port that is %s', async (_, ops, facts) => {
  await using bridge = await startTestBridge(
    `ops: ${ops}\nbrokers: { local: { adapter: memory } }\nroutes: [{ preset: memory, broker: local }]`,
  )
  expect(bridge.bridge.startup).toMatchObject(facts)
})

test.each([
  ['start', undefined, 'npm start -- init '],
  ['npx', undefined, 'npx stomp-bridge init '],
  [undefined, undefined, 'stomp-bridge init '],
  ['start', 'bridge.yaml', 'npm start -- check bridge.yaml '],
])('what comes next is said in the words it was started with: %s, %s', (event, config, words) => {
  const startup = {
    version: '',
    websocket: '',
    sockjs: undefined,
    ops: undefined,
    opsOpenTo: 'nobody',
    console: false,
    watched: false,
    routes: [],
  } as const
  const lines = nextLines({ ...startup, config }, event === undefined ? {} : { npm_lifecycle_event: event })
  expect(lines.some((line) => line.startsWith(`  ${words}`))).toBe(true)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
})

/** `stomp-bridge explain`, as an operator types it: adapters and positions are the real ones, no broker is asked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-explain-'))
const file = join(folder, 'bridge.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

const YAML = `auth: { chain: [{ authenticator: users, users: { ann: { password: "$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g" } } }] }
brokers:
  rabbit: { adapter: rabbitmq, url: "amqp://web:pw@localhost" }
  plant: { adapter: mqtt }
  local: { adapter: memory }
routes:
  - destination: /sensors/{path+}
    broker: plant
    topic: plant/{path+}
  - destination: /jobs/{name}
    broker: plant
    topic: jobs/{name}
    group: workers
    qos: 1
    mandatory: true
  - destination: /local/{name+}
    broker: local
    topic: "{name+}"
  - destination: /todo/{name}
    broker: local
    queue: "{name}"
    deadLetter: "{name}.dead"
  - destination: /orders/{region}
    broker: rabbit
    queue: orders.{region}
    permit:
      send: role:trader
    maxBytes: 64KiB
    sendRate: 5
  - preset: rabbitmq
    broker: rabbit
    except: ["/orders/{region}"]
`
writeFileSync(file, YAML)

/** What it says, without the folder. */
async function explain(line: string, ...more: string[]) {
  const host = new FakeHost()
  const code = await run(['explain', '--config', file, ...line.split(' '), ...more], host)
  return { code, out: host.out.replaceAll(`${folder}/`, ''), err: host.err }
}

async function report(line: string, ...more: string[]) {
  const { code, out } = await explain(line, '--json', ...more)
  return { code, ...JSON.parse(out) }
}

test.each([
  ['SEND /topic/orders.eu', 'exchange amq.topic, key orders.eu', '/topic/{key}', 'bridge.yaml:30'],
  ['SUBSCRIBE /topic/orders.*', 'exchange amq.topic, key orders.*', '/topic/{key}', 'bridge.yaml:30'],
  ['SEND /queue/a%2Fb', 'queue a/b', '/queue/{name}', 'bridge.yaml:30'],
  ['SUBSCRIBE /orders/eu', 'queue orders.eu', '/orders/{region}', 'bridge.yaml:23'],
  ['SEND /sensors/7/temp', 'topic plant/7/temp, QoS 0 or 1', '/sensors/{path+}', 'bridge.yaml:7'],
  ['SUBSCRIBE /sensors/*/temp', 'topic plant/+/temp, QoS 1', '/sensors/{path+}', 'bridge.yaml:7'],
  ['SEND /jobs/mail', 'topic jobs/mail, QoS 1', '/jobs/{name}', 'bridge.yaml:10'],
  ['SUBSCRIBE /jobs/mail', 'queue $share/workers/jobs/mail, QoS 1', '/jobs/{name}', 'bridge.yaml:10'],
  ['SEND /local/a/b', 'topic a/b', '/local/{name+}', 'bridge.yaml:16'],
  ['SUBSCRIBE /todo/x', 'queue x, rejected to queue x.dead', '/todo/{name}', 'bridge.yaml:19'],
])('%s is %s', async (line, target, pattern, where) => {
  expect(await report(line, '--user', 'ann')).toMatchObject({
    code: EXIT.ok,
    target,
    route: { pattern, where: expect.stringContaining(where) },
    verdict: { allowed: true },
  })
})

test('what a RECEIPT means depends on the place', async () => {
  const receipt = async (line: string) => (await report(line, '--user', 'ann', '--role', 'trader')).receipt
  expect(await receipt('SEND /orders/eu')).toMatch(/^publisher confirm.*persistent.*mandatory/)
  expect(await receipt('SEND /topic/x')).toMatch(/^publisher confirm.*dropped/)
  expect(await receipt('SEND /jobs/x')).toMatch(/^PUBACK.*not-found/)
  expect(await receipt('SEND /sensors/x')).toMatch(/^PUBACK.*dropped/)
  expect(await receipt('SEND /local/x')).toContain('it survives nothing')
  expect(await receipt('SUBSCRIBE /local/x')).toBeNull()
})

test('a permission says where it stands, and exit code 1 that it refuses', async () => {
  expect(await report('SEND /orders/eu', '--user', 'ann')).toMatchObject({
    code: EXIT.failed,
    verdict: { allowed: false, code: 'forbidden', where: expect.stringMatching(/bridge\.yaml:27$/) },
    other: { command: 'SUBSCRIBE', allowed: true },
  })
  const trader = await report('SEND /orders/eu', '--user', 'ann', '--role', 'trader')
  expect(trader).toMatchObject({ code: EXIT.ok, limits: { maxBytes: '64KiB', sendRate: '5 a second' } })
})

test('a place that another route guards', async () => {
  expect(await report('SEND /queue/orders.eu', '--user', 'ann')).toMatchObject({
    code: EXIT.failed,
    verdict: { reason: expect.stringContaining('/orders/{region}'), where: expect.stringMatching(/bridge\.yaml:27$/) },
  })
})

test('a rule that nobody has written has no place', async () => {
  expect((await report('SEND /local/x', '--user', 'ann')).verdict.where).toBeNull()
})

test('who has no login is told what asks for one', async () => {
  const { code, out } = await explain('SEND /local/x')
  expect(code).toBe(EXIT.failed)
  expect(out).toContain('nobody has logged in')
  expect(out).toContain('auth.chain asks for one')
})

test('no route: the nearest one, with its line', async () => {
  const { code, out } = await explain('SEND /order/eu', '--user', 'ann')
  expect(code).toBe(EXIT.failed)
  expect(out).toMatch(/near misses\n\s+\/orders\/\{region\}\s+bridge\.yaml:23 {2}segment 1 is "order"/)
})

test('ack modes, limits and what a MESSAGE says', async () => {
  const said = await report('SUBSCRIBE /sensors/*/temp', '--user', 'ann')
  expect(said.acks).toEqual(['auto', 'client', 'client-individual'])
  expect(said.message).toContain('like /sensors/x/temp')
  expect(said.limits).toMatchObject({ slow: 'disconnect', share: 'true', onGap: 'mark' })
  expect(said.limits.holdMs).toContain('at once')
})

test('a handler answers where its route says', async () => {
  const handlers = join(folder, 'handlers.yaml')
  const broker = 'brokers: { backend: { adapter: http, url: "http://127.0.0.1:8080" } }'
  writeFileSync(handlers, `${broker}\nroutes: [{ destination: "/app/{path+}", broker: backend }]\n`)
  const host = new FakeHost()
  expect(await run(['explain', 'SEND', '/app/hello', '--config', handlers], host)).toBe(EXIT.ok)
  expect(host.out).toMatch(/target .*reply to \/topic\/hello/)
  expect(host.out).toMatch(/MESSAGE .*see the target/)
})

test('the page of a person says the same', async () => {
  const { out } = await explain('SEND /topic/orders.eu', '--user', 'ann', '--origin', 'https://app.example.com')
  for (const text of [
    'SEND /topic/orders.eu, as ann',
    'permitted: authenticated holds',
    '/topic/{key}  (preset rabbitmq, bridge.yaml:30)',
    'exchange amq.topic, key orders.eu on rabbit',
    'listen.origins does not list https://app.example.com',
  ])
    expect(out).toContain(text)
})

test('without a file: what the flags or the defaults say', async () => {
  const host = new FakeHost()
  expect(await run(['explain', '--mqtt', 'mqtt://h', 'SEND', '/a/b', '--json'], host)).toBe(EXIT.ok)
  expect(JSON.parse(host.out)).toMatchObject({ target: 'topic a/b, QoS 0 or 1', route: { where: '--mqtt' } })
})

test('a configuration with faults is not explained', async () => {
  const host = new FakeHost({ STOMP_BRIDGE_HEARTBEAT_INCOMING: 'often' })
  expect(await run(['explain', 'SEND', '/a'], host)).toBe(EXIT.config)
  expect(host.out).toBe('')
})

/** Another configuration while the bridge runs: what is applied, what is refused, what goes on, and what an operator reads about it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hashOf } from '../../src/auth/users/phc.ts'
import { Client, type Headers } from '../faults/driver.ts'
import { openReloadable, type Reloadable } from './reload.scene.ts'

const BROKERS = 'brokers: { local: { adapter: memory } }'
const QUEUES = '  - { destination: "/queue/{name}", broker: local, queue: "{name}", errors: keep }'
const TOPICS = '  - { destination: "/topic/{name}", broker: local, topic: "{name}", errors: keep }'

/** A file with these routes, and what stands before them. */
function file(routes: readonly string[], head = BROKERS): string {
  return [head, 'routes:', ...routes, ''].join('\n')
}

const PLAIN = file([QUEUES, TOPICS])

async function connect({ url }: Reloadable, headers: Record<string, string> = {}, upgrade = {}): Promise<Client> {
  const client = await Client.connect(url, headers, '1.2', upgrade)
  onTestFinished(() => client[Symbol.asyncDispose]())
  return client
}

const to = (destination: string, headers: Record<string, string> = {}): Headers => ({ destination, ...headers })

async function codeOf(answer: ReturnType<Client['ask']>): Promise<string | undefined> {
  return (await answer).headers['bridge-code']
}

describe('a configuration that can be used', () => {
  test('holds at once, and the log says what is different', async () => {
    const place = await openReloadable(PLAIN)
    const client = await connect(place)
    const before = place.bridge.info.hash
    expect(await codeOf(client.ask('SEND', to('/new/a')))).toBe('no-route')
    const route = '  - { destination: "/new/{name}", broker: local, queue: "new.{name}" }'
    const limits = 'limits: { sendRate: 1000, frameBytes: 2MiB }'
    const second = await connect(place)
    const report = await place.reload(file([route, QUEUES, TOPICS], `${BROKERS}\n${limits}`))
    expect(report).toMatchObject({ result: 'applied', faults: [] })
    expect(report.changes).toEqual(['routes +1', 'limits.frameBytes', 'limits.sendRate'])
    expect(place.logged('configuration reloaded')[0]).toMatchObject({ changes: report.changes, by: 'a test' })
    await second.do('SEND', to('/new/a'))
    expect(place.bridge.info.hash).toMatch(/^[0-9a-f]{12}$/)
    expect(place.bridge.info.hash).not.toBe(before)
  })

  test('leaves connections, subscriptions, unacknowledged messages and stored ones alone', async () => {
    const place = await openReloadable(PLAIN)
    const client = await connect(place)
    await client.do('SUBSCRIBE', to('/queue/work', { id: 'w', ack: 'client-individual' }))
    await client.do('SUBSCRIBE', to('/topic/news', { id: 'n' }))
    await client.do('SEND', to('/queue/work'), 'one')
    await client.do('SEND', to('/queue/stored'), 'kept')
    const one = await client.message()
    await place.reload(file([TOPICS, QUEUES], `${BROKERS}\nheartbeat: { outgoing: 5s }`))
    await client.acks(one)
    await client.do('SEND', to('/topic/news'), 'two')
    expect((await client.message(2)).body.toString()).toBe('two')
    await client.do('SUBSCRIBE', to('/queue/stored', { id: 's' }))
    expect((await client.message(3)).body.toString()).toBe('kept')
    expect(client.errors).toEqual([])
  })

  test('ends a subscription whose route is gone, and only that', async () => {
    const place = await openReloadable(PLAIN)
    const client = await connect(place)
    await client.do('SUBSCRIBE', to('/topic/news', { id: 'n' }))
    await client.do('SUBSCRIBE', to('/queue/work', { id: 'w' }))
    expect(await place.reload(file([QUEUES]))).toMatchObject({ result: 'applied', changes: ['routes -1'] })
    await client.until('the ERROR', () => client.errors.length > 0)
    expect(client.errors[0]!.headers).toMatchObject({ 'bridge-code': 'route-gone', subscription: 'n' })
    expect(client.errors[0]!.body.toString()).toContain('/topic/news')
    await client.do('SEND', to('/queue/work'), 'still')
    await client.message()
  })

  test('that says the same in other words changes nothing but its hash', async () => {
    const place = await openReloadable(PLAIN)
    const { hash } = place.bridge.info
    expect(await place.reload(`# the same\n${PLAIN}`)).toMatchObject({ result: 'unchanged', changes: [] })
    expect(place.bridge.info.hash).not.toBe(hash)
    expect(place.logged('nothing has changed')).toHaveLength(1)
  })

  test('may have another log level', async () => {
    const place = await openReloadable(PLAIN)
    await place.reload(`${PLAIN}log: { level: error }\n`)
    const lines = place.log.length
    await place.reload(PLAIN.replace('/topic/', '/other/').concat('log: { level: error }\n'))
    expect(place.log.length).toBe(lines)
  })

  test('may let in other pages, and larger frames of those who connect then', async () => {
    const place = await openReloadable(`${PLAIN}limits: { frameBytes: 1KiB }\n`)
    const page = { origin: 'https://app.example.com' }
    await expect(connect(place, {}, page)).rejects.toThrow('403')
    await place.reload(`${PLAIN}listen: { origins: ["https://app.example.com"] }\nlimits: { frameBytes: 1MiB }\n`)
    const client = await connect(place, {}, page)
    await client.do('SEND', to('/queue/a'), Buffer.alloc(900 * 1024))
  })

  test('may bring a broker and take it away again, with its subscriptions', async () => {
    const place = await openReloadable(PLAIN)
    const client = await connect(place)
    const both = 'brokers: { local: { adapter: memory }, extra: { adapter: memory } }'
    const route = '  - { destination: "/extra/{name}", broker: extra, topic: "{name}", errors: keep }'
    expect((await place.reload(file([QUEUES, TOPICS, route], both))).changes).toEqual(['routes +1', 'brokers +extra'])
    await client.do('SUBSCRIBE', to('/extra/a', { id: 'x' }))
    await client.do('SEND', to('/extra/a'), 'm')
    await client.message()
    expect((await place.reload(PLAIN)).changes).toEqual(['routes -1', 'brokers -extra'])
    await client.until('the ERROR', () => client.errors.length > 0)
    expect(client.errors[0]!.headers['bridge-code']).toBe('route-gone')
    await client.do('SEND', to('/queue/a'), 'm')
  })
})

describe('users', () => {
  async function place() {
    const [ann, bob, other] = await Promise.all(['ann', 'bob', 'other'].map((word) => hashOf(word)))
    const yaml = (users: readonly string[]) =>
      `${PLAIN.replace('errors: keep', 'errors: keep, permit: "role:staff"')}auth:\n  chain:\n    - authenticator: users\n      users: { ${users.join(', ')} }\n`
    const user = (name: string, hash: string, roles: string) => `${name}: { password: "${hash}", roles: [${roles}] }`
    const hashes = { ann: ann!, bob: bob!, other: other! }
    const opened = await openReloadable(yaml([user('ann', hashes.ann, 'staff'), user('bob', hashes.bob, 'staff')]))
    return { opened, yaml, user, hashes }
  }

  test('that are gone, or have another password, are sent away; roles hold at once', async () => {
    const { opened, yaml, user, hashes } = await place()
    const ann = await connect(opened, { login: 'ann', passcode: 'ann' })
    const bob = await connect(opened, { login: 'bob', passcode: 'bob' })
    await ann.do('SEND', to('/queue/a'))
    expect(
      await opened.reload(yaml([user('ann', hashes.ann, 'guest'), user('bob', hashes.bob, 'staff')])),
    ).toMatchObject({
      result: 'applied',
      changes: ['auth.chain'],
    })
    expect(await codeOf(ann.ask('SEND', to('/queue/a')))).toBe('forbidden')
    await bob.do('SEND', to('/queue/a'))
    await opened.reload(yaml([user('bob', hashes.other, 'staff')]))
    expect((await ann.gone()).code).toBe(4401)
    expect((await bob.gone()).code).toBe(4401)
    expect(bob.errors[0]!.headers['bridge-code']).toBe('login-refused')
    await connect(opened, { login: 'bob', passcode: 'other' })
  })
})

test('a durable subscription goes on, and is there when its client comes back', async () => {
  const users = `auth: { chain: [{ authenticator: users, users: { ann: { password: "${await hashOf('ann')}" } } }] }\n`
  const place = await openReloadable(PLAIN + users)
  const ann = { login: 'ann', passcode: 'ann', 'client-id': 'laptop' }
  const durable = to('/topic/news', { id: 'n', durable: 'true', ack: 'client' })
  const first = await connect(place, ann)
  await first.do('SUBSCRIBE', durable)
  await place.reload(`${file([TOPICS])}${users}`)
  await first.do('SEND', to('/topic/news'), 'one')
  await first.acks(await first.message())
  first.vanish()
  await first.gone()
  await place.reload(`${PLAIN}${users}heartbeat: { incoming: 20s }\n`)
  await (await connect(place, ann)).do('SEND', to('/topic/news'), 'two')
  const second = await connect(place, ann)
  await second.do('SUBSCRIBE', durable)
  expect((await second.message()).body.toString()).toBe('two')
})

describe('a configuration that cannot be used', () => {
  test('is told with file, line and column, one line a fault, and the old one goes on', async () => {
    const place = await openReloadable(PLAIN)
    const client = await connect(place)
    const { hash } = place.bridge.info
    const broken = file([QUEUES.replace('queue: ', 'queu: '), TOPICS], `${BROKERS}\nlimits: { frameBytes: lots }`)
    const report = await place.reload(broken)
    expect(report.result).toBe('rejected')
    expect(report.faults).toHaveLength(2)
    expect(report.faults[0]).toMatch(/bridge\.yaml:2:\d+: limits\.frameBytes: /)
    expect(report.faults[1]).toMatch(/bridge\.yaml:4:\d+: routes\[0\]\.queu: /)
    const told = place.logged('configuration not reloaded')
    expect(told.map(({ level }) => level)).toEqual(['error', 'error'])
    expect(told[0]!.msg).toContain(report.faults[0])
    await client.do('SEND', to('/queue/a'))
    expect(place.bridge.info.hash).toBe(hash)
  })

  test('half of a file, or none, is one', async () => {
    const place = await openReloadable(PLAIN)
    expect(await place.reload(PLAIN.slice(0, 60))).toMatchObject({ result: 'rejected' })
    expect((await place.reload('routes: [')).faults[0]).toMatch(/bridge\.yaml:1:\d+/)
    expect(await place.reload('')).toMatchObject({ result: 'applied' })
  })

  test('what a broker or a route says counts as what the file says', async () => {
    const place = await openReloadable(PLAIN)
    const [fault] = (await place.reload(file([QUEUES], 'brokers: { local: { adapter: memory, maxMessages: 0 } }')))
      .faults
    expect(fault).toMatch(/bridge\.yaml:1:\d+: brokers\.local\.maxMessages/)
  })

  test('and so does what its own tests expect', async () => {
    const place = await openReloadable(PLAIN)
    const tests = 'tests:\n  - { send: /queue/a, expect: { broker: elsewhere } }\n'
    const report = await place.reload(PLAIN + tests)
    expect(report.result).toBe('rejected')
    expect(report.faults[0]).toMatch(/bridge\.yaml:6:\d+: tests\[0\]/)
  })

  test('needs a restart for what is bound: by name, and nothing else of it is applied', async () => {
    const place = await openReloadable(PLAIN)
    const bound =
      'listen: { websocket: { ping: 30s } }\nlog: { format: pretty }\nlimits: { handshakeTimeout: 1s, sendRate: 5 }\n'
    const { result, faults } = await place.reload(file([QUEUES]) + bound)
    expect(result).toBe('rejected')
    expect(faults.map((line) => line.replace(/^.*?bridge\.yaml:/, ''))).toEqual([
      expect.stringMatching(/^4:\d+: listen\.websocket\.ping: needs a restart$/),
      expect.stringMatching(/^5:\d+: log\.format: needs a restart$/),
      expect.stringMatching(/^6:\d+: limits\.handshakeTimeout: needs a restart$/),
    ])
    await (await connect(place)).do('SEND', to('/topic/a'))
  })

  test('an option that a flag or the environment has said is not what the file says', async () => {
    const place = await openReloadable(PLAIN)
    expect(await place.reload(`${PLAIN}listen: { port: 1 }\nops: { port: 2 }\n`)).toMatchObject({ result: 'unchanged' })
  })
})

describe('those who ask', () => {
  test('while one is under way get the next one, all of them together', async () => {
    const place = await openReloadable(PLAIN)
    const reports = await Promise.all(['1', '2', '3', '4', '5'].map((by) => place.bridge.reload(by)))
    expect(reports.map(({ result }) => result)).toEqual(Array(5).fill('unchanged'))
    expect(place.logged('nothing has changed')).toHaveLength(2)
  })

  test('are counted by what came of it, and the hash is in the metrics', async () => {
    const place = await openReloadable(PLAIN)
    await place.reload(file([QUEUES]))
    await place.reload('routes: [')
    const text = await (await fetch(new URL('/metrics', place.bridge.addresses.ops))).text()
    expect(text).toMatch(/config_reloads_total\{result="applied"\} 1\n/)
    expect(text).toMatch(/config_reloads_total\{result="rejected"\} 1\n/)
    expect(text).toContain(place.bridge.info.hash!)
  })

  test('after the bridge has begun to go are refused', async () => {
    const place = await openReloadable(PLAIN)
    await place.bridge.drain('a test')
    expect(await place.reload(file([QUEUES]))).toMatchObject({ result: 'rejected' })
  })
})

test('a secret that the file names is read again with it', async () => {
  const place = await openReloadable('', {
    async prepare(folder) {
      await writeFile(join(folder, 'name'), 'first\n')
      const path = join(folder, 'bridge.yaml')
      await writeFile(
        path,
        file([`  - { destination: "/q/{name}", broker: local, queue: "\${file:${folder}/name}.{name}" }`]),
      )
      return path
    },
  })
  await writeFile(join(place.folder, 'name'), 'second\n')
  expect(await place.bridge.reload('a test')).toMatchObject({ result: 'applied', changes: ['routes +1 -1'] })
})

/** `user:` and `events:` while the bridge runs: what a reload changes, what it ends, and what only a restart brings. */
import { expect, onTestFinished, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { bearer, jwt } from '../faults/login.ts'
import { openReloadable, type Reloadable } from './reload.scene.ts'

const BROKERS = 'brokers: { local: { adapter: memory }, other: { adapter: memory } }'

function yaml(user: string, rest = ''): string {
  return `${BROKERS}
routes: [{ destination: "/topic/{name+}", broker: local, topic: "{name+}", errors: keep }]
auth: { chain: [${jwt()}, { authenticator: anonymous }] }
${user}
${rest}`
}

const OPEN = 'user: { broker: local, errors: keep, permit: { send: authenticated } }'
const CLOSED = 'user: { broker: local, errors: keep }'

async function listener(bridge: Reloadable, name: string): Promise<Client> {
  const made = await Client.connect(bridge.url, await bearer(name))
  onTestFinished(() => made[Symbol.asyncDispose]())
  await made.do('SUBSCRIBE', { id: 'own', destination: '/user/queue/x' })
  return made
}

test('who may SEND to users is another; who listens goes on', async () => {
  const bridge = await openReloadable(yaml(OPEN))
  const ann = await listener(bridge, 'ann')
  const send = (body: string) => ann.ask('SEND', { destination: '/user/ann/queue/x' }, body)
  expect((await send('one')).command).toBe('RECEIPT')
  expect(await bridge.reload(yaml(CLOSED))).toMatchObject({ result: 'applied', changes: ['user.permit.send'] })
  expect((await send('two')).headers['bridge-code']).toBe('forbidden')
  await bridge.reload(yaml(OPEN))
  expect((await send('three')).command).toBe('RECEIPT')
  await ann.message(2)
  expect(ann.messages.map(({ body }) => body.toString())).toEqual(['one', 'three'])
})

test('they travel elsewhere, or nowhere: whoever listens is told', async () => {
  for (const after of ['user: { broker: other, errors: keep }', '']) {
    const bridge = await openReloadable(yaml(OPEN))
    const ann = await listener(bridge, 'ann')
    expect(await bridge.reload(yaml(after))).toMatchObject({ result: 'applied' })
    await ann.until('the ERROR', () => ann.errors.length > 0)
    expect(ann.errors[0]!.headers).toMatchObject({ 'bridge-code': 'route-gone', subscription: 'own' })
    // What is over holds for the next one: there it is closed, or leads elsewhere.
    const again = ann.ask('SUBSCRIBE', { id: 'again', destination: '/user/queue/x' })
    expect((await again).headers['bridge-code']).toBe(after === '' ? 'forbidden' : undefined)
  }
})

test('a broker that cannot do it is a fault, and what was stays', async () => {
  const bridge = await openReloadable(yaml(OPEN))
  const report = await bridge.reload(yaml('user: { broker: locla }'))
  expect(report).toMatchObject({ result: 'rejected', faults: [expect.stringContaining('user.broker')] })
  const ann = await listener(bridge, 'ann')
  await ann.do('SEND', { destination: '/user/ann/queue/x' }, 'still')
})

test('events go where they are told to go next; how often `alive` comes needs a restart', async () => {
  const bridge = await openReloadable(yaml(''))
  const watcher = await listenerOfEvents(bridge, 'events: { broker: local, permit: { subscribe: anyone } }')
  await Client.connect(bridge.url, await bearer('bob')).then((bob) => bob[Symbol.asyncDispose]())
  await watcher.until('the end of bob', () => watcher.messages.some(({ body }) => body.includes('disconnect')))
  const report = await bridge.reload(yaml('', 'events: { broker: local, permit: { subscribe: anyone }, alive: 1s }'))
  expect(report).toMatchObject({
    result: 'rejected',
    faults: [expect.stringMatching(/events\.alive.*needs a restart/)],
  })
})

async function listenerOfEvents(bridge: Reloadable, events: string): Promise<Client> {
  expect(await bridge.reload(yaml('', events))).toMatchObject({ result: 'applied' })
  const made = await Client.connect(bridge.url)
  onTestFinished(() => made[Symbol.asyncDispose]())
  await made.do('SUBSCRIBE', { id: 'w', destination: '/topic/bridge.sessions' })
  return made
}

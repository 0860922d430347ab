/** Looking over a session's shoulder: all that goes over its wire from a moment on, and not the least when nobody looks. */
import { expect, test } from 'vitest'
import type { Session } from '../../src/session/session.ts'
import { type Direction, lookAt, type Onlooker } from '../../src/session/tap.ts'
import type { Frame } from '../../src/stomp/frame.ts'
import { crowd, joins, openStage } from './stage.ts'

/** What was seen: `in SEND`, `out MESSAGE m1`. */
class Notes implements Onlooker {
  readonly seen: string[] = []

  frame(_: Session, direction: Direction, { command, body }: Frame): void {
    this.seen.push([direction, command, ...(body.length === 0 ? [] : [body.toString()])].join(' '))
  }
}

test('a shared delivery that was collected before and written after is seen by whoever looks meanwhile', async () => {
  const stage = openStage()
  const [ann, bob] = await crowd(stage, 2)
  const notes = new Notes()
  stage.main.subscription().deliver('m1')
  lookAt(stage.sessions[0]!, notes)
  stage.main.subscription().deliver('m2')
  await ann!.getsMessages('m1', 'm2')
  await bob!.getsMessages('m1', 'm2')
  expect(notes.seen).toEqual(['out MESSAGE m1', 'out MESSAGE m2'])
})

test('while somebody looks the members of an audience still get the same bytes, made once', async () => {
  const stage = openStage()
  await crowd(stage, 3)
  lookAt(stage.sessions[1]!, new Notes())
  const packs = stage.framing.packs
  stage.main.subscription().deliver('m1')
  await stage.settles()
  expect(stage.framing.packs - packs).toBe(1)
})

test('own frames, refused frames, and nothing after it has looked away', async () => {
  const stage = openStage()
  const client = await joins(await stage.connected())
  const notes = new Notes()
  const other = new Notes()
  const lookAway = lookAt(stage.session, notes)
  const otherAway = lookAt(stage.session, other)
  client.sends('SEND', { destination: '/topic/a', receipt: 'r' }, 'hello')
  await stage.settles()
  stage.main.publishes.at(-1)?.give()
  await client.getsReceipts('r')
  lookAway()
  lookAway()
  client.sends('SEND', { destination: '/nowhere' })
  await client.isRefused('no-route', 1008)
  otherAway()
  expect(notes.seen).toEqual(['in SEND hello', 'out RECEIPT'])
  expect(other.seen).toEqual([...notes.seen, 'in SEND', expect.stringContaining('out ERROR')])
})

test('a client that reads too slowly is seen to get what it really gets', async () => {
  const stage = openStage()
  const client = await joins(await stage.connected())
  const notes = new Notes()
  lookAt(stage.session, notes)
  client.wire.stall()
  for (const body of ['a', 'b', 'c']) {
    stage.main.subscription().deliver(body.repeat(1500))
    await stage.settles()
  }
  client.wire.drains()
  await stage.settles()
  const heard = await client.getsMessages(...['a', 'b', 'c'].map((body) => body.repeat(1500)))
  expect(notes.seen).toEqual(heard.map(({ body }) => `out MESSAGE ${body}`))
})

test('the wire of a session that nobody looks at is its own', async () => {
  const stage = openStage()
  await stage.connected()
  const { session } = stage
  expect(session.outlet.wire).toBe(session.wire)
  const lookAway = lookAt(session, new Notes())
  expect(session.outlet.wire).not.toBe(session.wire)
  lookAway()
  expect([session.outlet.wire, session.tap]).toEqual([session.wire, undefined])
})

test('heart-beats are no frames', async () => {
  const stage = openStage({ heartbeat: { outgoingMs: 1000, incomingMs: 0 } })
  const client = await stage.connected('1.2', { 'heart-beat': '0,1000' })
  const notes = new Notes()
  lookAt(stage.session, notes)
  client.writes('\n')
  await stage.passes(1000)
  await client.gets('EOL')
  expect(notes.seen).toEqual([])
})

/** Order, holding and pausing (one lane per broker): who waits for whom, and when the wire is not read. */
import { describe, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { ackOf, LIMITS, openStage, type Stage } from './stage.ts'

const send = (client: Client, receipt: string, destination = '/queue/a', body = receipt) =>
  client.sends('SEND', { destination, receipt }, body)

describe('lanes', () => {
  test('one broker gets everything in the order of the frames', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    send(client, '1')
    client.sends('SUBSCRIBE', { id: 'a', destination: '/queue/b' })
    send(client, '2', '/topic/x')
    client.sends('SUBSCRIBE', { id: 'b', destination: '/queue/c' })
    send(client, '3')
    await client.getsReceipts('1')
    await client.getsNothing()
    stage.main.subscription(0).consent.give()
    await client.getsReceipts('2')
    stage.main.subscription(1).consent.give()
    await client.getsReceipts('3')
    expect(stage.main.log).toEqual([
      'link',
      'publish 1 to queue:a',
      'subscribe queue:b',
      'publish 2 to topic:x',
      'subscribe queue:c',
      'publish 3 to queue:a',
    ])
  })

  test("another broker's lane is not stalled: not by a SUBSCRIBE, not by a link, not by a publish", async () => {
    const stage = openStage()
    stage.main.holds('link', 'subscribe', 'publish')
    const client = await stage.connected()
    send(client, '1')
    client.sends('SUBSCRIBE', { id: 'a', destination: '/queue/b', receipt: '2' })
    send(client, '3', '/other/a')
    await client.getsReceipts('3')
    stage.main.linking[0]!.give()
    await stage.settles()
    send(client, '4', '/other/a')
    await client.getsReceipts('4')
    expect(stage.main.log).toEqual(['link', 'publish 1 to queue:a', 'subscribe queue:b'])
  })

  test('the link is asked for once, however many frames wait for it', async () => {
    const stage = openStage()
    stage.main.holds('link')
    const client = await stage.connected()
    for (const receipt of ['1', '2', '3']) send(client, receipt)
    await stage.settles()
    expect(stage.main.linking).toHaveLength(1)
    stage.main.linking[0]!.give()
    await client.getsReceipts('1', '2', '3')
  })
})

describe('a held publish', () => {
  const holding = async (limits = {}) => {
    const stage = openStage({ limits })
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/in', ack: 'client-individual', receipt: 's' })
    await client.getsReceipts('s')
    for (const body of ['m1', 'm2']) stage.main.subscription().deliver(body)
    const messages = await client.getsMessages('m1', 'm2')
    stage.main.holds('publish')
    return { stage, client, messages }
  }

  const fill = (stage: Stage, client: Client) => {
    for (let count = 0; count < LIMITS.pendingFrames; count++) send(client, String(count))
    return stage.settles()
  }

  test('does not hold back ACK, NACK, BEGIN or UNSUBSCRIBE', async () => {
    const { client, messages } = await holding()
    send(client, 'held')
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    client.sends('NACK', { ...ackOf(client, messages[1]!), receipt: 'n' })
    client.sends('BEGIN', { transaction: 't', receipt: 'b' })
    client.sends('UNSUBSCRIBE', { id: 's', receipt: 'u' })
    // Each in its own time: what asks no broker is first.
    await client.gets('RECEIPT', { 'receipt-id': 'b' })
    await client.getsReceipts('a', 'n', 'u')
    expect(client.wire.paused).toBe(false)
  })

  test('at the hold bound the wire pauses; what has come already waits, an ACK too', async () => {
    const { stage, client, messages } = await holding()
    for (let count = 1; count < LIMITS.pendingFrames; count++) send(client, String(count))
    await stage.settles()
    expect(client.wire.paused).toBe(false)
    send(client, 'last')
    expect(client.wire.paused).toBe(true)
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    send(client, 'over')
    await client.getsNothing()
    expect(stage.main.publishes).toHaveLength(LIMITS.pendingFrames)
    expect(stage.main.subscription().settled).toEqual([])
  })

  test('it resumes when half of it is drained, and not sooner', async () => {
    const { stage, client, messages } = await holding()
    await fill(stage, client)
    client.sends('ACK', { ...ackOf(client, messages[0]!), receipt: 'a' })
    const half = LIMITS.pendingFrames / 2
    for (let count = 0; count < half - 1; count++) stage.main.publishes[count]!.give()
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    stage.main.publishes[half - 1]!.give()
    await stage.settles()
    expect(client.wire.paused).toBe(false)
    for (let count = 0; count < half; count++) await client.getsReceipts(String(count))
    await client.getsReceipts('a')
  })

  test('what waited is answered after what it waited for', async () => {
    const { stage, client } = await holding({ pendingFrames: 1 })
    send(client, 'first')
    client.sends('BEGIN', { transaction: 't', receipt: 'second' })
    await client.getsNothing()
    stage.main.publish.give()
    await client.getsReceipts('first', 'second')
  })

  test('one that ends the connection ends the pause: the peer is heard when it closes', async () => {
    const { stage, client } = await holding()
    await fill(stage, client)
    expect(client.wire.paused).toBe(true)
    client.wire.stall()
    stage.main.publish.refuse('refused')
    await stage.settles()
    expect(client.wire.closing?.code).toBe(1013)
    expect(client.wire.paused).toBe(false)
    client.wire.drains()
    await client.isRefused('refused', 1013)
  })

  test('bytes count as well as frames, those of headers too', async () => {
    for (const where of ['body', 'headers']) {
      const { stage, client } = await holding()
      for (let count = 0; count < 2; count++) {
        const extra =
          where === 'headers'
            ? Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`k${at}`, 'x'.repeat(3500)]))
            : {}
        expect(client.wire.paused).toBe(false)
        client.sends('SEND', { destination: '/queue/a', ...extra }, 'x'.repeat(where === 'body' ? 17_000 : 0))
      }
      await stage.settles()
      expect(client.wire.paused).toBe(true)
    }
  })

  test('a refused one makes room too', async () => {
    const stage = openStage()
    stage.main.holds('publish')
    const client = await stage.connected()
    for (let count = 0; count < LIMITS.pendingFrames; count++) send(client, String(count), '/keep/a')
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    for (const publish of stage.main.publishes) publish.refuse('broker-unavailable')
    for (let count = 0; count < LIMITS.pendingFrames; count++)
      await client.getsError('broker-unavailable', { 'receipt-id': String(count) })
    expect(client.wire.paused).toBe(false)
  })

  test('a client that goes on sending is not lost, not reordered, not answered too early', async () => {
    const { stage, client } = await holding()
    const all = Array.from({ length: 5 * LIMITS.pendingFrames }, (_, index) => String(index))
    for (const receipt of all) send(client, receipt)
    await stage.settles()
    expect(stage.main.publishes.length).toBe(LIMITS.pendingFrames)
    for (let at = 0; at < all.length; at++) {
      stage.main.publishes[at]!.give()
      await client.getsReceipts(all[at]!)
      expect(stage.main.publishes.filter(({ settled }) => !settled).length).toBeLessThanOrEqual(LIMITS.pendingFrames)
    }
    expect(stage.main.published).toEqual(all)
  })

  test('heart-beats and MESSAGEs go on while the wire is paused', async () => {
    const stage = openStage({ heartbeat: { outgoingMs: 10_000, incomingMs: 0 } })
    const client = await stage.connected('1.2', { 'heart-beat': '0,10000' })
    client.sends('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 's' })
    await client.getsReceipts('s')
    stage.main.holds('publish')
    await fill(stage, client)
    stage.main.subscription().deliver('x')
    await client.getsMessages('x')
    await stage.passes(10_000)
    await client.gets('EOL')
  })

  test('frames that wait behind a SUBSCRIBE count too', async () => {
    const stage = openStage()
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', receipt: 's' })
    for (let count = 1; count < LIMITS.pendingFrames; count++) send(client, String(count))
    expect(client.wire.paused).toBe(true)
    stage.main.answers('subscribe')
    stage.main.subscriptions[0]?.consent.give()
    await stage.settles()
    stage.main.subscription().consent.give()
    await client.getsReceipts('s', ...Array.from({ length: LIMITS.pendingFrames - 1 }, (_, at) => String(at + 1)))
    expect(client.wire.paused).toBe(false)
  })

  test('many that wait do not pin the chunks they came in', async () => {
    const { stage, client } = await holding({ pendingFrames: 256 })
    for (let count = 0; count < 200; count++) {
      const chunk = Buffer.alloc(10_000, 10)
      Buffer.from(`SEND\ndestination:/queue/a\n\n${count}\0`).copy(chunk)
      client.writes(chunk)
    }
    await stage.settles()
    const pinned = new Set(stage.main.publishes.map(({ message }) => message.body.buffer))
    const bytes = [...pinned].reduce((sum, buffer) => sum + buffer.byteLength, 0)
    expect(stage.main.publishes).toHaveLength(200)
    expect(bytes).toBeLessThan(400_000)
  })
})

describe('what is asked of a handler', () => {
  const routes = [{ destination: '/app/{name}', broker: 'other', temp: '{name}' }]

  test('waits for the SUBSCRIBEs before it, on whichever broker, so that its answer finds them', async () => {
    const stage = openStage({ routes })
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'a', destination: '/topic/a' })
    client.sends('SUBSCRIBE', { id: 'b', destination: '/queue/b' })
    send(client, '1', '/app/x')
    send(client, '2', '/other/x')
    await stage.settles()
    expect(stage.other.published).toEqual([])
    stage.main.subscriptions[0]!.consent.give()
    await stage.settles()
    expect(stage.other.published).toEqual([])
    stage.main.subscriptions[1]!.consent.give()
    await client.getsReceipts('1', '2')
    send(client, '3', '/app/x')
    client.sends('SUBSCRIBE', { id: 'c', destination: '/topic/c' })
    await client.getsReceipts('3')
  })

  test('and for one that fails, no longer than it lives', async () => {
    const stage = openStage({ routes, policies: { '/topic/{name+}': { errors: 'keep' } } })
    stage.main.holds('subscribe')
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'a', destination: '/topic/a' })
    send(client, '1', '/app/x')
    await stage.settles()
    stage.main.subscriptions[0]!.consent.refuse('not-found')
    await client.getsError('not-found')
    await client.getsReceipts('1')
  })

  test('a broker that is away holds it back no more than others', async () => {
    const stage = openStage({ routes })
    stage.main.holds('subscribe')
    stage.main.health = { state: 'down', since: 0, reason: 'away' }
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 'a', destination: '/topic/a' })
    send(client, '1', '/app/x')
    await client.getsReceipts('1')
  })
})

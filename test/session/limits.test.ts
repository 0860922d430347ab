/** Each named bound of a session, at n and at n + 1. */
import { describe, expect, test } from 'vitest'
import { LIMITS, openStage, type StageOptions } from './stage.ts'

describe('before CONNECT', () => {
  const connect = (bytes: number) => {
    const line = 'accept-version:1.2\n'
    const filler = (size: number) => (size === 0 ? '' : `k:${'x'.repeat(size - 3)}\n`)
    return `CONNECT\n${line}${filler(bytes - 'CONNECT\n\n'.length - line.length)}\n\0`
  }

  test('a head of connectBytes is taken', async () => {
    const client = openStage().client('1.2')
    client.writes(connect(LIMITS.connectBytes))
    await client.gets('CONNECTED')
  })

  test('one byte more is not', async () => {
    const client = openStage().client('1.0')
    client.writes(connect(LIMITS.connectBytes + 1))
    await client.isRefused('frame-too-large', 1009)
  })

  test('a body is bounded likewise, announced or not', async () => {
    for (const head of [`content-length:${LIMITS.connectBytes + 1}\n\n`, `\n${'x'.repeat(LIMITS.connectBytes + 1)}`]) {
      const client = openStage().client('1.0')
      client.writes(`CONNECT\n${head}`)
      await client.isRefused('frame-too-large', 1009)
    }
  })

  test('after it larger frames may come, in the same chunk too', async () => {
    const stage = openStage()
    const client = stage.client('1.2')
    const body = 'x'.repeat(LIMITS.frameBytes)
    client.writes(`CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:/queue/a\nreceipt:r\n\n${body}\0`)
    await client.gets('CONNECTED')
    await client.getsReceipts('r')
    expect(stage.main.publish.message.body.length).toBe(LIMITS.frameBytes)
  })
})

describe('a frame', () => {
  test.each([
    [
      'frameBytes',
      { body: 'x'.repeat(LIMITS.frameBytes) },
      { body: 'x'.repeat(LIMITS.frameBytes + 1) },
      'frame-too-large',
    ],
    [
      'headerBytes',
      { k: 'x'.repeat(LIMITS.headerBytes - 2) },
      { k: 'x'.repeat(LIMITS.headerBytes - 1) },
      'header-too-long',
    ],
    ['headerCount', { more: LIMITS.headerCount - 2 }, { more: LIMITS.headerCount - 1 }, 'too-many-headers'],
  ] as const)('%s', async (_, allowed, over, code) => {
    const stage = openStage({ limits: { pendingBytes: 1e6 } })
    const client = await stage.connected()
    const frame = ({ body = '', k = '', more = 0 }: { body?: string; k?: string; more?: number }) => {
      const lines = [...(k === '' ? [] : [`k:${k}`]), ...Array.from({ length: more }, (_, at) => `h${at}:v`)]
      return `SEND\ndestination:/queue/a\nreceipt:r\n${lines.map((line) => `${line}\n`).join('')}\n${body}\0`
    }
    client.writes(frame(allowed))
    await client.getsReceipts('r')
    client.writes(frame(over))
    await client.isRefused(code, 1009)
  })
})

describe('subscriptions', () => {
  const full = async () => {
    const stage = openStage({ limits: { subscriptions: 3, pendingFrames: 100 } })
    const client = await stage.connected()
    for (const id of ['1', '2', '3']) {
      client.sends('SUBSCRIBE', { id, destination: '/keep/a', ack: 'client', receipt: id })
      await client.getsReceipts(id)
    }
    return { stage, client }
  }

  test('the last is allowed, one more is not', async () => {
    const { client } = await full()
    client.sends('SUBSCRIBE', { id: '4', destination: '/keep/a', receipt: 'r' })
    await client.getsError('too-many-subscriptions', { 'receipt-id': 'r', subscription: '4' })
  })

  test('UNSUBSCRIBE makes room at once', async () => {
    const { client } = await full()
    client.sends('UNSUBSCRIBE', { id: '1' })
    client.sends('SUBSCRIBE', { id: '4', destination: '/keep/a', receipt: 'r' })
    await client.getsReceipts('r')
  })

  test('but who leaves messages unacknowledged each time comes to an end of it', async () => {
    const { stage, client } = await full()
    for (let round = 0; round < 3; round++) {
      for (const subscription of stage.main.subscriptions)
        if (subscription.unsettled.length === 0) subscription.deliver('x')
      client.sends('UNSUBSCRIBE', { id: String(round + 1) })
      client.sends('SUBSCRIBE', { id: `again ${round}`, destination: '/keep/a', ack: 'client' })
      await stage.settles()
    }
    client.sends('UNSUBSCRIBE', { id: 'again 0' })
    client.sends('SUBSCRIBE', { id: 'over', destination: '/keep/a', receipt: 'r' })
    await stage.settles()
    expect(stage.main.open).toBeLessThanOrEqual(1 + 2 * 3)
    expect(stage.told).toContain('failed too-many-subscriptions')
    await stage.passes(LIMITS.unsubscribeGraceMs)
    client.sends('SUBSCRIBE', { id: 'later', destination: '/keep/a', receipt: 'later' })
    await stage.settles()
    expect(stage.told.filter((each) => each.startsWith('failed'))).toHaveLength(1)
  })
})

describe('a client that does not read', () => {
  const listening = async (options: StageOptions = {}) => {
    const stage = openStage(options)
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/queue/a', receipt: 's' })
    await client.getsReceipts('s')
    client.wire.stall()
    for (let count = 0; count < 20; count++) {
      stage.main.subscription().deliver('x'.repeat(1000))
      await stage.settles()
    }
    return { stage, client }
  }

  test('its own MESSAGEs: credit bounds what is under way, and nobody is sent away for it', async () => {
    const { stage, client } = await listening()
    expect(client.wire.buffered).toBeGreaterThan(LIMITS.outboundBytes)
    expect(stage.main.subscription().settled).toEqual([])
    client.sends('BEGIN', { transaction: 't', receipt: 'b' })
    await stage.passes(LIMITS.outboundAgeMs)
    client.wire.drains()
    await client.getsMessages(...Array.from({ length: 20 }, () => 'x'.repeat(1000)))
    await client.getsReceipts('b')
    expect(stage.main.subscription().unsettled).toEqual([])
  })

  test('slow: disconnect: its own MESSAGEs count', async () => {
    const { stage, client } = await listening({ policies: { '/queue/{name+}': { slow: { kind: 'disconnect' } } } })
    expect(client.wire.terminated).toBe(true)
    expect(stage.main.log.some((entry) => entry.startsWith('end queue:a with 1,2'))).toBe(true)
    expect(stage.told).toEqual(['connected 1.2', 'failed slow-consumer', 'closed 1006'])
  })

  test('its receipts: the same', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.wire.stall()
    for (let count = 0; count < 1000 && !client.wire.terminated; count++) {
      client.sends('BEGIN', { transaction: 't', receipt: 'x'.repeat(500) })
      client.sends('ABORT', { transaction: 't' })
      await stage.settles()
    }
    expect(client.wire.terminated).toBe(true)
    expect(client.wire.buffered).toBeLessThan(2 * LIMITS.outboundBytes)
  })

  test('its ERRORs: the same, and it is told once that it is too slow', async () => {
    const stage = openStage()
    const client = await stage.connected()
    client.sends('SUBSCRIBE', { id: 's', destination: '/keep/a', receipt: 's' })
    await client.getsReceipts('s')
    client.wire.stall()
    for (let count = 0; count < 1000 && !client.wire.terminated; count++) {
      client.sends('SUBSCRIBE', { id: 's', destination: '/keep/a', receipt: 'x'.repeat(500) })
      await stage.settles()
    }
    expect(client.wire.terminated).toBe(true)
    expect(client.wire.closing).toBeUndefined()
    expect(stage.told.filter((each) => each === 'failed slow-consumer')).toHaveLength(1)
    expect(stage.told.at(-1)).toBe('closed 1006')
  })
})

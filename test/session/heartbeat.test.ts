/** Heart-beats both ways, in the bridge's time. */
import { describe, expect, test } from 'vitest'
import { openStage } from './stage.ts'

const BOTH = { heartbeat: { outgoingMs: 10_000, incomingMs: 10_000 } }

describe('towards the client', () => {
  test('the larger of both periods holds', async () => {
    const stage = openStage(BOTH)
    const client = stage.client()
    await client.connects({ 'heart-beat': '0,20000' })
    await stage.passes(20_000)
    await client.gets('EOL')
  })

  test('there is never more than one period of silence', async () => {
    const stage = openStage(BOTH)
    const client = stage.client()
    const connected = await client.connects({ 'heart-beat': '0,10000' })
    expect(connected.headers['heart-beat']).toBe('10000,10000')
    for (let period = 0; period < 5; period++) {
      const before = client.wire.written
      await stage.passes(10_000)
      expect(client.wire.written).toBeGreaterThan(before)
    }
  })

  test('a frame counts as a heart-beat', async () => {
    const stage = openStage(BOTH)
    const client = await stage.connected('1.2', { 'heart-beat': '0,10000' })
    for (let half = 0; half < 4; half++) {
      client.sends('BEGIN', { transaction: `t${half}`, receipt: `r${half}` })
      await client.getsReceipts(`r${half}`)
      await stage.passes(4999)
    }
    await client.getsNothing()
  })

  test.each(['0,0', '10000,0'])('none with heart-beat:%s', async (offer) => {
    const stage = openStage(BOTH)
    const client = await stage.connected('1.2', { 'heart-beat': offer })
    for (let second = 0; second < 60; second++) {
      client.writes('\n')
      await stage.passes(1000)
    }
    await client.getsNothing()
  })

  test.each([
    ['0,10000', 10_000, true],
    ['10000,0', 10_000, false],
    ['0,0', 10_000, false],
    ['0,10000', 0, false],
  ])('the wire is told whether they are agreed: %s, and %i here', async (offer, outgoingMs, beats) => {
    const stage = openStage({ heartbeat: { outgoingMs, incomingMs: 10_000 } })
    const client = await stage.connected('1.2', { 'heart-beat': offer })
    expect(client.wire.beats).toBe(beats)
  })

  test('it ends with the connection', async () => {
    const stage = openStage(BOTH)
    const client = await stage.connected('1.2', { 'heart-beat': '10000,10000' })
    client.sends('DISCONNECT')
    await client.isClosed(1000)
    expect(stage.clock.pending).toBe(0)
  })
})

describe('from the client', () => {
  const silent = async (ms: number, offer = '10000,0', options = {}) => {
    const stage = openStage({ ...BOTH, ...options })
    const client = await stage.connected('1.2', { 'heart-beat': offer })
    await stage.passes(ms)
    return { stage, client }
  }

  test('silence of two periods is forgiven, but it is asked for a sign of life', async () => {
    const { client } = await silent(20_000)
    expect(client.wire.closing).toBeUndefined()
    expect(client.wire.pings).toBeGreaterThan(0)
  })

  test('silence of three is not', async () => {
    const { client } = await silent(30_000)
    await client.isRefused('heartbeat-timeout', 4408)
  })

  test.each(['an EOL', 'part of a frame', 'a pong'])('%s is life', async (sign) => {
    const { stage, client } = await silent(0)
    for (let second = 0; second < 100; second += 9) {
      if (sign === 'an EOL') client.writes('\n')
      if (sign === 'part of a frame') client.writes(second === 0 ? 'SEND\ndestination:' : '/')
      if (sign === 'a pong') client.wire.pongs()
      await stage.passes(9000)
    }
    await client.getsNothing()
    expect(client.wire.closing).toBeUndefined()
  })

  test('a client that promises none is pinged, and lives as long as it answers', async () => {
    const { stage, client } = await silent(0, '0,0', { pingMs: 10_000 })
    for (let second = 0; second < 100; second += 10) {
      const asked = client.wire.pings
      await stage.passes(10_000)
      if (client.wire.pings > asked) client.wire.pongs()
    }
    expect(client.wire.pings).toBeGreaterThan(5)
    await client.getsNothing()
    await stage.passes(30_000)
    await client.isRefused('heartbeat-timeout', 4408)
  })

  test('with heart-beat:0,0 and no pings, silence is no fault', async () => {
    const { stage, client } = await silent(3_600_000, '0,0')
    expect(client.wire.closing).toBeUndefined()
    expect(stage.clock.pending).toBe(0)
  })

  test('while the bridge does not read, silence is no death, but a ping finds a dead TCP', async () => {
    const stage = openStage({ ...BOTH, limits: { pendingFrames: 1 } })
    stage.main.holds('publish')
    const client = await stage.connected('1.2', { 'heart-beat': '10000,0' })
    client.sends('SEND', { destination: '/queue/a', receipt: 'r' }, 'x')
    await stage.settles()
    expect(client.wire.paused).toBe(true)
    await stage.passes(100_000)
    await client.getsNothing()
    expect(client.wire.pings).toBeGreaterThanOrEqual(10)
    stage.main.publish.give()
    await client.getsReceipts('r')
    await stage.passes(20_000)
    expect(client.wire.closing).toBeUndefined()
    await stage.passes(10_000)
    await client.isRefused('heartbeat-timeout', 4408)
  })
})

/** `/metrics` of a running bridge: scraped under load, compared with what was really sent and heard, and shown to Prometheus' own checker. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { Scrape } from '../ops/metrics.scene.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'

const PROMTOOL = '/usr/bin/promtool'

async function scrape(bridge: TestBridge): Promise<{ readonly text: string; readonly scrape: Scrape }> {
  const response = await fetch(`${bridge.ops}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await response.text()
  return { text, scrape: new Scrape(text) }
}

/** What it complains of. */
async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(PROMTOOL, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [[code], out, err] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  return { code: code as number, said: out + err }
}

describe('a scrape', () => {
  test('under load equals the ledger, and no counter ever falls', async () => {
    await using bridge = await startTestBridge()
    const LISTENERS = 20
    const SENDERS = 3
    const EACH = 200
    const listeners = await Promise.all(Array.from({ length: LISTENERS }, () => Client.connect(bridge.url)))
    const worker = await Client.connect(bridge.url, {}, '1.1')
    const senders = await Promise.all(Array.from({ length: SENDERS }, () => Client.connect(bridge.url)))
    for (const each of listeners) await each.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    await worker.do('SUBSCRIBE', { id: 'w', destination: '/queue/a', ack: 'client' })
    let isBusy = true
    const scraping = (async () => {
      let last = new Map<string, number>()
      while (isBusy) last = rising(last, (await scrape(bridge)).scrape)
    })()
    const conversations = senders.map(async (sender) => {
      for (let count = 0; count < EACH; count++) {
        sender.send('SEND', { destination: '/topic/a' }, 'x'.repeat(100))
        await sender.do('SEND', { destination: '/queue/a' }, 'y'.repeat(10))
      }
    })
    await Promise.all(conversations)
    const total = SENDERS * EACH
    await worker.message(total)
    await Promise.all(listeners.map((each) => each.message(total)))
    worker.ack(worker.messages.at(-1)!)
    for (const each of listeners.slice(5)) each.vanish()
    isBusy = false
    await scraping
    await until('the last ACK and the last end', async () => {
      const now = (await scrape(bridge)).scrape
      return now.of('connections') === 5 + 1 + SENDERS && now.of('unacked_messages') === 0
    })
    const now = (await scrape(bridge)).scrape
    expect(now.by('command', 'frames_total', { direction: 'in' })).toEqual({
      CONNECT: LISTENERS + 1 + SENDERS,
      SUBSCRIBE: LISTENERS + 1,
      SEND: 2 * total,
      ACK: 1,
    })
    expect(now.by('command', 'frames_total', { direction: 'out' })).toEqual({
      CONNECTED: LISTENERS + 1 + SENDERS,
      RECEIPT: LISTENERS + 1 + total,
      MESSAGE: LISTENERS * total + total,
    })
    expect(now.by('route', 'messages_total', { direction: 'in' })).toEqual({
      '/topic/{name+}': total,
      '/queue/{name+}': total,
    })
    expect(now.by('route', 'messages_total', { direction: 'out' })).toEqual({
      '/topic/{name+}': LISTENERS * total,
      '/queue/{name+}': total,
    })
    const local = { broker: 'local' }
    expect(now.of('broker_deliveries_total', local)).toBe(2 * total)
    expect(now.of('publish_confirm_seconds_count', local)).toBe(2 * total)
    expect(now.of('message_body_bytes_sum', { ...local, direction: 'in' })).toBe(110 * total)
    expect(now.of('message_body_bytes_count', { ...local, direction: 'out' })).toBe(2 * total)
    const timed = now.of('delivery_seconds_count', local)
    expect(timed).toBeGreaterThan(0)
    expect(timed).toBeLessThanOrEqual(2 * total)
    expect(now.by('kind', 'subscriptions', local)).toEqual({ shared: 5, own: 1 })
    expect(now.by('version', 'sessions')).toEqual({ '1.1': 1, '1.2': 5 + SENDERS })
    expect(now.of('connections_opened_total')).toBe(LISTENERS + 1 + SENDERS)
    expect(now.by('code', 'connections_closed_total')).toEqual({ '1006': LISTENERS - 5 })
    expect(now.by('outcome', 'auth_attempts_total', { authenticator: 'anonymous' })).toEqual({
      admitted: LISTENERS + 1 + SENDERS,
    })
    expect(now.of('errors_total', { code: 'internal' })).toBe(0)
    expect(now.by('hash', 'config_info')).toEqual({ [bridge.bridge.info.hash!]: 1 })
  })

  test('and a rule file have nothing that promtool would change', async () => {
    await using bridge = await startTestBridge()
    await using client = await Client.connect(bridge.url)
    await client.do('SUBSCRIBE', { id: 's', destination: '/topic/a' })
    await client.do('SEND', { destination: '/topic/a' }, 'x')
    await expect(Client.connect(bridge.url, { 'accept-version': '9' })).rejects.toThrow()
    await expect(Client.open(bridge.url.replace('/ws', '/nowhere'))).rejects.toThrow()
    await scrape(bridge)
    expect(await promtool(['check', 'metrics'], (await scrape(bridge)).text)).toEqual({ code: 0, said: '' })
    const rules = join(import.meta.dirname, '../../deploy/prometheus/alerts.yaml')
    expect(await promtool(['check', 'rules', rules])).toMatchObject({
      code: 0,
      said: expect.stringContaining('SUCCESS'),
    })
  })
})

/** @returns what the counters are at now; none is less than before */
function rising(before: ReadonlyMap<string, number>, { families }: Scrape): Map<string, number> {
  const counters = [...families.values()].filter(({ type }) => type === 'counter')
  const now = new Map(
    counters
      .flatMap(({ samples }) => samples)
      .map((each) => [`${each.name} ${JSON.stringify(each.labels)}`, each.value]),
  )
  const fallen = [...before].filter(([name, value]) => (now.get(name) ?? -1) < value)
  expect(fallen).toEqual([])
  return now
}

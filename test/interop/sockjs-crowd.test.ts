/** Many clients of SockJS on one topic, and one of them that does not read: the others get everything, and it costs them nothing. */
import { afterAll, expect, test } from 'vitest'
import { HttpPeer, type Polled } from '../contract/sockjs.scene.ts'
import { startTestBridge, type TestBridge } from '../support/bridge.ts'
import { until } from '../support/until.ts'
import { sockjsUrl } from './drivers/sockjs.ts'
import { stompjs } from './drivers/stompjs.ts'

const MESSAGES = 1_500
/** Published at once: what the readers must be able to have waiting. */
const BATCH = 50
const BODY = 'x'.repeat(4_000)
const started = new AsyncDisposableStack()

afterAll(() => started.disposeAsync())

async function startBridge(slow: string): Promise<TestBridge> {
  return started.use(
    await startTestBridge(`
brokers: { local: { adapter: memory } }
routes: [{ destination: "/topic/{name+}", broker: local, topic: "{name+}", slow: ${slow} }]
limits: { outboundBytes: 512KiB }
listen: { sockjs: { path: /ws } }
`),
  )
}

/** A subscriber, as bare as may be. */
class Reader {
  readonly peer: HttpPeer

  private constructor(peer: HttpPeer) {
    this.peer = peer
  }

  static async open(bridge: TestBridge, kind: Polled): Promise<Reader> {
    const reader = new Reader(started.adopt(new HttpPeer(sockjsUrl(bridge.url), kind), async (peer) => peer.vanish()))
    await reader.peer.open()
    reader.#says('CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n\0')
    await until('CONNECTED', () => reader.#heard('CONNECTED'))
    reader.#says('SUBSCRIBE\nid:s\ndestination:/topic/crowd\nreceipt:r\n\n\0')
    await until('RECEIPT', () => reader.#heard('RECEIPT'))
    return reader
  }

  /** How many messages it has. */
  get count(): number {
    // Beside CONNECTED and RECEIPT.
    return this.peer.received.length - 2
  }

  /** Their numbers. */
  get numbers(): number[] {
    return this.#messages().map((text) => Number(/\nnumber:(\d+)\n/.exec(text)![1]))
  }

  /** How many it was told are missing. */
  get dropped(): number {
    return this.#messages().reduce((sum, text) => sum + Number(/\nbridge-dropped:(\d+)\n/.exec(text)?.[1] ?? 0), 0)
  }

  #messages(): string[] {
    return this.peer.received.map(String).filter((text) => text.startsWith('MESSAGE\n'))
  }

  #heard(command: string): boolean {
    return this.peer.received.some((frame) => frame.toString().startsWith(`${command}\n`))
  }

  #says(frame: string): void {
    this.peer.send(Buffer.from(frame))
  }
}

/** Publishes them, as fast as the readers read. */
async function publish(bridge: TestBridge, readers: readonly Reader[]): Promise<void> {
  await using client = await stompjs('1.2').open(bridge.url)
  for (let number = 0; number < MESSAGES; number++) {
    client.send('/topic/crowd', BODY, { number: String(number) })
    if (number % BATCH < BATCH - 1) continue
    await until(`message ${number}`, () => readers.every(({ count }) => count === number + 1))
  }
}

const all = Array.from({ length: MESSAGES }, (_, number) => number)

async function crowd(bridge: TestBridge): Promise<{ readers: Reader[]; idle: Reader }> {
  const kinds = (['xhr_streaming', 'eventsource', 'xhr'] as const).flatMap((kind) => Array<Polled>(4).fill(kind))
  const readers = await Promise.all(kinds.map((kind) => Reader.open(bridge, kind)))
  const idle = await Reader.open(bridge, 'xhr_streaming')
  idle.peer.stall()
  return { readers, idle }
}

test('one that does not read is sent away', async () => {
  const bridge = await startBridge('disconnect')
  const { readers, idle } = await crowd(bridge)
  await publish(bridge, readers)
  for (const { numbers } of readers) expect(numbers).toEqual(all)
  await until('its end in the log', () => bridge.log().includes('slow-consumer'))
  idle.peer.proceed()
  await until('its end', () => idle.peer.closed !== undefined)
  expect(readers.map(({ peer }) => peer.closed)).toEqual(readers.map(() => undefined))
})

test('or it is told what it has missed, and goes on', async () => {
  const bridge = await startBridge('drop-oldest')
  const { readers, idle } = await crowd(bridge)
  await publish(bridge, readers)
  for (const { numbers } of readers) expect(numbers).toEqual(all)
  idle.peer.proceed()
  await until('its last message', () => idle.peer.received.at(-1)!.includes(`\nnumber:${MESSAGES - 1}\n`))
  const { numbers, dropped } = idle
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
  expect(dropped).toBeGreaterThan(0)
  expect(numbers.length + dropped).toBe(MESSAGES)
})

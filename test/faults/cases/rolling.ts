/**
 * A rolling restart: two bridges behind a load balancer are replaced one after the other, under load, while pages use them that come back as
 * stompjs does. Nobody stops to work, and the books are even.
 */
import { type IMessage, Client as Stompjs } from '@stomp/stompjs'
import { describe, expect, test } from 'vitest'
import { Balancer } from '../../support/balancer.ts'
import { until } from '../../support/until.ts'
import { Ledger } from '../ledger.ts'
import { depth, fresh, inFrontOf, LONG_MS, type Place } from '../place.ts'
import { type BridgeProcess, spawnBridge } from '../process.ts'

/** Receipts before, between and after the restarts. */
const PHASE = 500
/** SENDs of one page that wait for their RECEIPT. */
const WINDOW = 5
/** stompjs comes back after a fixed time; its 5 s are too long for a test. */
const RECONNECT_MS = 200
const GENTLE = {
  STOMP_BRIDGE_DRAIN_DELAY: '300ms',
  STOMP_BRIDGE_DRAIN_GRACE: '20s',
  STOMP_BRIDGE_DRAIN_SPREAD: '1s',
}

export function rolling(place: Place): void {
  describe('two bridges behind a load balancer are restarted one after the other, under load', () => {
    test('nothing receipted is lost, and what was acknowledged came once', { timeout: LONG_MS }, async () => {
      const rabbit = place()
      const queue = fresh('rolling')
      const topic = `/topic/${fresh('rolling')}`
      const books = new Books()
      await using parts = new AsyncDisposableStack()
      const bridges: BridgeProcess[] = []
      const start = async (): Promise<BridgeProcess> => parts.use(await spawnBridge(inFrontOf(rabbit.url), GENTLE))
      for (let count = 0; count < 2; count++) bridges.push(await start())
      const balancer = parts.use(await Balancer.before(...bridges))
      await until('both are ready', () => balancer.ready.length === 2)

      const pages = Array.from({ length: 12 }, () => parts.use(new Page(balancer.url)))
      const [senders, workers, readers] = [pages.slice(0, 4), pages.slice(4, 8), pages.slice(8)]
      for (const worker of workers) worker.works(`/queue/${queue}`, books)
      for (const reader of readers) reader.reads(topic)
      for (const [number, sender] of senders.entries()) sender.produces(`/queue/${queue}`, books, number)
      await until('all are connected', () => pages.every(({ connections }) => connections === 1))

      for (const [at, old] of bridges.entries()) {
        const before = books.ledger.receipted
        await until('enough is under way', () => books.ledger.receipted >= before + PHASE, LONG_MS)
        old.signal('SIGTERM')
        expect(await old.ended()).toEqual({ code: 0, signal: null })
        balancer.remove(old)
        balancer.add(await start())
        await until(`both are ready again after restart ${at + 1}`, () => balancer.ready.length === 2)
      }
      const before = books.ledger.receipted
      await until('the load goes on', () => books.ledger.receipted >= before + PHASE, LONG_MS)
      for (const sender of senders) sender.stops()

      await until('all that has a receipt is acknowledged', () => books.isEven, LONG_MS)
      await until('the queue is empty', async () => {
        const { ready, unacked } = await depth(rabbit, queue)
        return ready + unacked === 0
      })
      books.ledger.check()
      expect(books.ledger.duplicates).toBe(0)
      expect(books.givenAfterAck).toEqual([])
      // Everybody was sent away, with 1001 and without an ERROR, and has what he asked for again.
      for (const { connections, closes, errors } of pages) {
        expect(connections).toBeGreaterThan(1)
        expect(new Set(closes)).toEqual(new Set([1001]))
        expect(errors).toBe(0)
      }
      await senders[0]!.says(topic, 'the end')
      await until('all readers hear again', () => readers.every(({ last }) => last === 'the end'))
    })
  })
}

/** The ledger, and whose ACK had a RECEIPT. */
class Books {
  readonly ledger = new Ledger()
  readonly givenAfterAck: string[] = []
  readonly #acked = new Set<string>()

  /** Everything that has a RECEIPT was consumed, and every ACK is confirmed. */
  get isEven(): boolean {
    return this.ledger.outstanding.length === 0 && this.#acked.size === this.ledger.consumed
  }

  given({ headers, body }: IMessage): void {
    if (this.#acked.has(body)) this.givenAfterAck.push(body)
    this.ledger.consumes({ command: 'MESSAGE', headers, body: Buffer.from(body), binary: false })
  }

  acked(body: string): void {
    this.#acked.add(body)
  }
}

/** A page in a browser: it is connected as long as it is open, and does what it is for on each connection anew. */
class Page implements AsyncDisposable {
  connections = 0
  errors = 0
  readonly closes: number[] = []
  /** What a reader heard last. */
  last: string | undefined
  readonly #stomp: Stompjs
  #onConnect = (): void => {}
  #receipts = 0
  #isDone = false

  constructor(url: string) {
    this.#stomp = new Stompjs({
      brokerURL: url,
      reconnectDelay: RECONNECT_MS,
      onConnect: () => {
        this.connections++
        this.#onConnect()
      },
      onStompError: () => this.errors++,
      onWebSocketClose: ({ code }) => this.closes.push(code),
    })
  }

  /** Acknowledges each message when it has "worked" for a turn. */
  works(destination: string, books: Books): void {
    const headers = { ack: 'client-individual', 'prefetch-count': '20' }
    this.#does(() =>
      this.#stomp.subscribe(
        destination,
        (message) => {
          books.given(message)
          setImmediate(() => {
            if (this.#stomp.connected) message.ack({ receipt: this.#whenReceipted(() => books.acked(message.body)) })
          })
        },
        headers,
      ),
    )
  }

  reads(topic: string): void {
    this.#does(() =>
      this.#stomp.subscribe(topic, ({ body }) => {
        this.last = body
      }),
    )
  }

  /** A closed loop: so many SENDs wait for their RECEIPT, and each RECEIPT is followed by the next. */
  produces(destination: string, books: Books, number: number): void {
    let at = 0
    const next = (): void => {
      if (!this.#stomp.connected || this.#isDone) return
      const body = `${number}-${at++}`
      books.ledger.sends(body)
      const receipt = this.#whenReceipted(() => {
        books.ledger.hasReceipt(body)
        next()
      })
      this.#stomp.publish({ destination, body, headers: { receipt } })
    }
    this.#does(() => {
      for (let count = 0; count < WINDOW; count++) next()
    })
  }

  stops(): void {
    this.#isDone = true
  }

  async says(destination: string, body: string): Promise<void> {
    await until('it is connected', () => this.#stomp.connected)
    await new Promise<void>((resolve) =>
      this.#stomp.publish({ destination, body, headers: { receipt: this.#whenReceipted(resolve) } }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stomp.deactivate()
  }

  #does(work: () => void): void {
    this.#onConnect = work
    this.#stomp.activate()
  }

  #whenReceipted(then: () => void): string {
    const receipt = `r${++this.#receipts}`
    this.#stomp.watchForReceipt(receipt, then)
    return receipt
  }
}

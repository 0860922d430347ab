/**
 * One publisher, many subscribers of one topic, a connection each. A burst of messages is sent when every subscriber has had all of the one
 * before; a burst of one is what is called lock-step.
 */
import { Connection } from '../generator/connection.ts'
import { crowd } from '../generator/crowd.ts'
import { type Headers, hasHeaders, numberOf, RING, Sends, type Version } from '../generator/stomp.ts'
import type { Target } from '../peers/peer.ts'
import { type Load, type Need, patiently, type Scenario, SLACK_MS, type Tally } from './scenario.ts'

export interface FanOutOptions {
  readonly subscribers: number
  /** Of a body. */
  readonly bytes: number
  readonly burst: number
  /** Of the subscriptions: the same in every connection, as a library counts them, or another in each. */
  readonly ids?: 'same' | 'different'
  /** Taken in turns by the subscribers. */
  readonly versions?: readonly Version[]
  /** Of each SEND; like an id of its own checked in the first MESSAGE of each subscriber. */
  readonly headers?: Headers
}

const LATEST: readonly Version[] = ['1.2']

export function fanOut(options: FanOutOptions, quick = false): Scenario {
  const { subscribers, bytes, burst, ids, versions = LATEST, headers } = options
  const variations = [
    ids === 'different' ? 'different ids' : '',
    versions === LATEST ? '' : `STOMP ${versions.join('/')}`,
    headers === undefined ? '' : `${Object.keys(headers).length} headers`,
  ]
  const pace = burst === 1 ? 'lock-step' : `bursts of ${burst}`
  const needs: Need[] = []
  if (versions !== LATEST) needs.push('versions')
  if (ids === 'different') needs.push('ids')
  if (headers !== undefined) needs.push('headers')
  return {
    name: [`fan-out 1 → ${subscribers}`, `${bytes} B`, pace, ...variations].filter(Boolean).join(', '),
    group: headers === undefined ? 'fan-out' : 'headers',
    unit: 'delivery',
    needs,
    quick,
    slackMs: SLACK_MS + 20 * subscribers,
    async open(target, place) {
      const load = new FanOut(options, `${target.topics}${place}`)
      await load.open(target)
      return load
    },
  }
}

export class FanOut implements Load {
  readonly #options: FanOutOptions
  readonly #destination: string
  readonly #sends: Sends
  readonly #stack = new DisposableStack()
  #publisher!: Connection
  #expected = 0
  #received = 0
  #disordered = 0
  #complete: () => void = () => {}

  constructor(options: FanOutOptions, destination: string) {
    this.#options = options
    this.#destination = destination
    const { bytes, headers = {} } = options
    this.#sends = new Sends({ destination, bytes, receipts: false, headers })
  }

  async open(target: Target): Promise<void> {
    await crowd(this.#options.subscribers, (index) => this.#subscribe(target, index))
    this.#publisher = this.#stack.use(await Connection.open(target, 'publisher'))
  }

  async run(ms: number): Promise<Tally> {
    const end = performance.now() + ms
    this.#expected = this.#received = this.#disordered = 0
    await patiently(ms, (done) => {
      this.#complete = () => {
        if (performance.now() < end) this.#publish()
        else done()
      }
      this.#publish()
    })
    return { units: this.#received, lost: this.#expected - this.#received, disordered: this.#disordered }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  async #subscribe(target: Target, index: number): Promise<void> {
    const { bytes, ids, versions = LATEST, headers } = this.#options
    let next = 0
    const id = ids === 'different' ? `sub-${index}` : 'sub-0'
    const wanted: Headers = { ...headers, ...(ids === 'different' && { subscription: id }) }
    let checked = Object.keys(wanted).length === 0
    const message = (frame: Buffer, start: number, end: number): void => {
      const number = numberOf(frame, end, bytes)
      if (number !== next) this.#disordered++
      next = (number + 1) % RING
      if (!checked) {
        if (!hasHeaders(frame, start, end, wanted))
          throw new Error(`headers are missing: ${frame.subarray(start, end)}`)
        checked = true
      }
      if (++this.#received === this.#expected) this.#complete()
    }
    const version = versions[index % versions.length]!
    const subscriber = this.#stack.use(await Connection.open(target, `subscriber ${index}`, { message }, version))
    await subscriber.subscribe(this.#destination, id)
  }

  #publish(): void {
    const { burst, subscribers } = this.#options
    this.#expected += burst * subscribers
    this.#publisher.send(this.#sends.take(burst))
  }
}

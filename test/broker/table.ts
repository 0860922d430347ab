/** A memory broker on a table of its own: a clock that stands still, one link, names used as they are. */
import { type MemoryBroker, memoryBroker } from '../../src/adapters/memory/index.ts'
import type { Link, SubscribeOptions } from '../../src/broker/broker.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { Consumer, message } from '../contract/scene.ts'
import { FakeClock } from '../support/clock.ts'
import { RecordingSink } from '../support/sink.ts'

export const NOBODY = { name: undefined, session: 'test', credentials: undefined }
export const PUBLISH = { receipt: true, holdMs: 0, resend: true, arguments: undefined }

export class Table {
  readonly clock: FakeClock
  /** What the operator was told. */
  readonly warnings: readonly string[]
  readonly broker: MemoryBroker
  readonly link: Link

  private constructor(clock: FakeClock, warnings: readonly string[], broker: MemoryBroker, link: Link) {
    this.clock = clock
    this.warnings = warnings
    this.broker = broker
    this.link = link
  }

  /** @param options of the broker */
  static async open(options: object = {}): Promise<Table> {
    const clock = new FakeClock()
    const warnings: string[] = []
    const observer = { ...silentBrokerObserver, warning: (_: string, line: string) => void warnings.push(line) }
    const broker = memoryBroker('local', options, { observer, clock })
    const link = await broker.link(NOBODY, new RecordingSink(), new AbortController().signal)
    return new Table(clock, warnings, broker, link)
  }

  topic(name: string): unknown {
    return this.broker.route({ topic: '{name+}' }, ['name']).target({ name })
  }

  queue(name: string, deadLetter?: string): unknown {
    const options = deadLetter === undefined ? { queue: '{name}' } : { queue: '{name}', deadLetter }
    return this.broker.route(options, ['name']).target({ name })
  }

  publish(target: unknown, body: string, expirationMs?: number): Promise<void> {
    return this.link.publish(target, message(body, [], { expirationMs }), PUBLISH)
  }

  subscribe(target: unknown, options: Partial<SubscribeOptions> = {}): Consumer {
    const consumer = new Consumer({
      credit: 100,
      creditBytes: Number.POSITIVE_INFINITY,
      settle: 'each',
      durable: undefined,
      arguments: Object.create(null),
      ...options,
    })
    consumer.subscription = this.link.subscribe(target, consumer.options, consumer)
    return consumer
  }
}

/** The code of the BrokerError, or `done`. */
export function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error) => error.code,
  )
}

/** All microtasks that are due have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Where faults happen: a RabbitMQ, the configuration of bridges in front of it, and a way to it that goes past them. */
import { randomUUID } from 'node:crypto'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import type { Rabbit } from '../support/rabbitmq.ts'

/** RabbitMQ of the file that a group of tests runs in. */
export type Place = () => Rabbit

/** Milliseconds for the tests in which a broker or a bridge goes and comes back. */
export const LONG_MS = 180_000

export interface Setting {
  /** Of `brokers.rabbit`, beside `url` and a fast reconnect: `heartbeat: 1s`. */
  readonly broker?: string
  /** Of the preset's route: `holdMs: 500ms`. */
  readonly route?: string
  /** Further sections of the file. */
  readonly rest?: string
}

/** What a user would write, with ERRORs that leave the connection open. */
export function inFrontOf(url: string, { broker = '', route = '', rest = '' }: Setting = {}): string {
  const brokerOptions = ['adapter: rabbitmq', `url: "${url}"`, 'reconnectMax: 500ms', broker]
  const routeOptions = ['preset: rabbitmq', 'broker: rabbit', 'errors: keep', route]
  return [
    `brokers: { rabbit: { ${brokerOptions.filter(Boolean).join(', ')} } }`,
    `routes: [{ ${routeOptions.filter(Boolean).join(', ')} }]`,
    rest,
  ].join('\n')
}

/** A name that nobody else uses. */
export function fresh(what: string): string {
  return `${what}-${randomUUID()}`
}

/** Lends a channel of our own, past the bridge. */
export async function directly<R>(rabbit: Rabbit, use: (channel: Channel) => Promise<R>): Promise<R> {
  const connection: ChannelModel = await connect(rabbit.url)
  try {
    const channel = await connection.createChannel()
    const result = await use(channel)
    // Else the end of the connection overtakes what was published.
    await channel.close()
    return result
  } finally {
    await connection.close()
  }
}

export interface Depth {
  readonly ready: number
  readonly unacked: number
}

/** What a queue holds, from where `rabbitmqctl list_queues` has it; and some hundred times faster. */
export async function depth(rabbit: Rabbit, queue: string): Promise<Depth> {
  const printed = await rabbit.eval(
    `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)), rabbit_amqqueue:info(Q, [messages_ready, messages_unacknowledged]).`,
  )
  const [ready, unacked] = [...printed.matchAll(/messages_[a-z]+,\s*(\d+)/g)].map((found) => Number(found[1]))
  if (ready === undefined || unacked === undefined) throw new Error(`of ${queue} it is said: ${printed}`)
  return { ready, unacked }
}

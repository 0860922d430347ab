/**
 * All listening of one kind: which connection each topic filter is subscribed on. MQTT 5 needs one; on 3.1.1 a filter that overlaps another
 * gets a further connection, closed some time after its last filter. Knows no subscription of the port.
 */
import type { IPublishPacket, MqttClient } from 'mqtt'
import type { Clock, Timer } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import { type Ear, type FilterRules, FilterSet } from './filters.ts'

export interface HubOptions extends FilterRules {
  /** Connections that it may open. */
  readonly rooms: number
  /** Makes a connection that is not started. @throws BrokerError `limit` */
  readonly connect: (events: ConnectionEvents) => Connection
  readonly clock: Clock
}

/** An ear at its filter. */
export interface Hearing {
  /** Nothing is heard after the call; resolves when the broker has agreed. Idempotent. */
  stop(): Promise<void>
}

interface Room {
  readonly filters: FilterSet
  close(): void
}

/** Milliseconds that a connection outlives its last filter. */
const IDLE_MS = 30_000

export class Hub {
  readonly #options: HubOptions
  readonly #rooms: Room[] = []
  /** On a connection that is somebody else's. */
  readonly #lodger: FilterSet | undefined

  /** @param lodger whether the first connection is one that `opened`, `lost` and `received` are told of */
  constructor(options: HubOptions, lodger: boolean) {
    this.#options = options
    if (lodger) this.#lodger = new FilterSet(options, () => {})
  }

  /** @throws BrokerError `limit` */
  listen(filter: string, qos: 0 | 1, ear: Ear): Hearing {
    const filters = this.#filtersFor(filter)
    filters.add(filter, qos, ear)
    let stopped: Promise<void> | undefined
    return {
      stop() {
        stopped ??= filters.remove(filter, ear)
        return stopped
      },
    }
  }

  opened(client: MqttClient): void {
    this.#lodger?.opened(client)
  }

  lost(): void {
    this.#lodger?.lost()
  }

  received(packet: IPublishPacket): void {
    this.#lodger?.received(packet)
  }

  /** Filters that somebody listens to. */
  get size(): number {
    return [...this.#all()].reduce((sum, { size }) => sum + size, 0)
  }

  close(): void {
    for (const room of this.#rooms.splice(0)) room.close()
  }

  *#all(): Iterable<FilterSet> {
    if (this.#lodger !== undefined) yield this.#lodger
    for (const { filters } of this.#rooms) yield filters
  }

  #filtersFor(filter: string): FilterSet {
    for (const filters of this.#all()) if (filters.has(filter)) return filters
    for (const filters of this.#all()) if (filters.admits(filter)) return filters
    if (this.#rooms.length >= this.#options.rooms)
      throw new BrokerError('limit', 'MQTT 3.1.1 cannot tell overlapping subscriptions apart, and there are too many')
    return this.#open()
  }

  #open(): FilterSet {
    const { clock, connect } = this.#options
    let idle: Timer | undefined
    const filters = new FilterSet(this.#options, () => {
      idle?.cancel()
      idle = clock.after(IDLE_MS, () => this.#leave(filters))
    })
    const connection = connect({
      up: (client) => filters.opened(client),
      lost: () => filters.lost(),
      received(packet) {
        filters.received(packet)
        return 'ack'
      },
    })
    const room: Room = { filters, close }
    this.#rooms.push(room)
    void connection.start()
    return filters

    function close(): void {
      idle?.cancel()
      void connection.close(true)
    }
  }

  #leave(filters: FilterSet): void {
    const at = this.#rooms.findIndex((room) => room.filters === filters)
    if (at < 0 || filters.size > 0) return
    this.#rooms.splice(at, 1)[0]!.close()
  }
}

/**
 * Channels for consuming and for questions, over as many connections as the broker's channel_max requires. Publishing has a connection
 * of its own: "while blocked, every RPC of that connection hangs", and whoever publishes gets blocked.
 *
 * A further connection is opened when all have run out, and closed when it has been empty for a while.
 */
import type { Channel } from 'amqplib'
import type { Clock, Timer } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import type { Opening } from './dial.ts'
import { closedError, isHardError, isOutOfChannels } from './failure.ts'
import type { Gate } from './gate.ts'

const EMPTY_LINGER_MS = 30_000

export interface ChannelsOptions {
  /** A connection of the kind that this pool needs, not started. */
  readonly connect: (events: ConnectionEvents) => Connection
  readonly clock: Clock
  /** Connections at most. */
  readonly most: number
  /** A connection came back; so many channels had been open on it. */
  readonly recovered: (channels: number) => void
}

/** A channel with its `error` heard and its connection's fate known. */
export interface Opened {
  readonly channel: Channel
  /** Of its connection. */
  readonly gate: Gate
  /** False from the moment that amqplib knows of its end. */
  readonly isOpen: boolean
  /** Another channel on the same connection: exclusive queues belong to one connection. Rejects when it is gone or full. */
  sibling(): Promise<Opened>
  /** Resolved when the channel is closed: with what the broker said of the channel or of the whole connection, or undefined. */
  readonly closed: Promise<ChannelEnd>
}

export interface ChannelEnd {
  /** A channel error; undefined when it was closed by us or with its connection. */
  readonly error: Error | undefined
  /** What took the whole connection was an error that a client may have caused. */
  readonly hard: boolean
}

class Slot {
  readonly connection: Connection
  open = 0
  capacity = Number.POSITIVE_INFINITY
  linger: Timer | undefined
  /** Told, when the connection is lost, whether that was a hard error. */
  readonly onLost = new Set<(hard: boolean) => void>()

  constructor(connection: Connection) {
    this.connection = connection
  }

  get hasRoom(): boolean {
    return this.connection.opening !== undefined && this.open < this.capacity
  }
}

export class Channels implements AsyncDisposable {
  readonly #options: ChannelsOptions
  readonly #slots: Slot[] = []
  #waiting: (() => void)[] = []
  #closed = false

  constructor(options: ChannelsOptions) {
    this.#options = options
  }

  /** Connects; resolves with the outcome of the first attempt (undefined = up). */
  start(): Promise<Error | undefined> {
    return (this.#slots[0] ?? this.#add()).connection.start()
  }

  get isUp(): boolean {
    return this.#slots.some((slot) => slot.connection.opening !== undefined)
  }

  /**
   * Waits while the broker is away.
   * @param signal gives up waiting
   * @throws BrokerError `closed`, `limit`; amqplib's error when the broker refuses
   */
  async open(signal?: AbortSignal): Promise<Opened> {
    for (;;) {
      if (this.#closed || signal?.aborted) throw closedError()
      const slot = this.#slots.find((each) => each.hasRoom)
      const opened = slot === undefined ? await this.#room(signal) : await this.#openOn(slot)
      if (opened !== undefined) return opened
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#wake()
    for (const slot of this.#slots) slot.linger?.cancel()
    await Promise.all(this.#slots.splice(0).map((slot) => slot.connection[Symbol.asyncDispose]()))
  }

  /** @returns undefined when the slot proved full or went away: look again */
  async #openOn(slot: Slot): Promise<Opened | undefined> {
    const { opening } = slot.connection
    if (opening === undefined) return undefined
    slot.linger?.cancel()
    slot.open++
    try {
      return this.#watch(slot, opening, await opening.model.createChannel())
    } catch (error) {
      if (slot.connection.opening !== opening) return undefined
      slot.open--
      if (!isOutOfChannels(error)) throw error
      slot.capacity = slot.open
      return undefined
    }
  }

  #watch(slot: Slot, opening: Opening, channel: Channel): Opened {
    let error: Error | undefined
    let isOpen = true
    channel.on('error', (cause) => {
      error = cause
    })
    const closed = new Promise<ChannelEnd>((resolve) => {
      const onLost = (hard: boolean): void => resolve({ error, hard })
      slot.onLost.add(onLost)
      channel.on('close', () => {
        isOpen = false
        // amqplib closes the channels of a lost connection first and tells of the connection afterwards, in the same turn.
        queueMicrotask(() => {
          slot.onLost.delete(onLost)
          resolve({ error, hard: false })
          this.#release(slot, opening)
        })
      })
    })
    const sibling = async (): Promise<Opened> => {
      const opened = slot.connection.opening === opening ? await this.#openOn(slot) : undefined
      if (opened === undefined) throw new Error('the connection has no room for another channel')
      return opened
    }
    return {
      channel,
      gate: opening.gate,
      get isOpen() {
        return isOpen
      },
      sibling,
      closed,
    }
  }

  #release(slot: Slot, opening: Opening): void {
    if (slot.connection.opening !== opening) return
    slot.open--
    this.#wake()
    if (slot.open > 0 || slot === this.#slots[0]) return
    slot.linger = this.#options.clock.after(EMPTY_LINGER_MS, () => {
      const at = this.#slots.indexOf(slot)
      if (slot.open > 0 || at < 1) return
      this.#slots.splice(at, 1)
      void slot.connection[Symbol.asyncDispose]()
    })
  }

  /** Resolves when looking again may help. */
  async #room(signal: AbortSignal | undefined): Promise<undefined> {
    const comesBack = this.#slots.some((slot) => slot.connection.opening === undefined)
    if (!comesBack) {
      if (this.#slots.length >= this.#options.most) {
        throw new BrokerError('limit', `the broker allows no more channels on ${this.#slots.length} connections`)
      }
      void this.#add().connection.start()
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #add(): Slot {
    let lostChannels: number | undefined
    const slot: Slot = new Slot(
      this.#options.connect({
        up: () => {
          if (lostChannels !== undefined) this.#options.recovered(lostChannels)
          this.#wake()
        },
        lost: (cause) => {
          lostChannels = slot.open
          slot.open = 0
          slot.capacity = Number.POSITIVE_INFINITY
          const hard = isHardError(cause)
          for (const tell of slot.onLost) tell(hard)
          slot.onLost.clear()
        },
        failed: () => {},
        blocked: () => {},
      }),
    )
    this.#slots.push(slot)
    return slot
  }

  #wake(): void {
    for (const look of this.#waiting.splice(0)) look()
  }
}

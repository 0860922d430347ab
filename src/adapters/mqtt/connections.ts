/** The connections of one broker beside the shared one: made here, counted here, closed with the broker. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../broker/clock.ts'
import { BrokerError } from '../../broker/errors.ts'
import { Connection, type ConnectionEvents, type ConnectionOptions } from './connection.ts'
import type { BrokerSettings } from './fields.ts'

export class Connections {
  readonly #settings: BrokerSettings
  readonly #clock: Clock
  readonly #open = new Set<Connection>()
  readonly #purges = new Set<Promise<void>>()

  constructor(settings: BrokerSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  get size(): number {
    return this.#open.size
  }

  /** A client id that nobody else has. */
  newClientId(): string {
    return `${this.#settings.clientId}-${randomBytes(9).toString('base64url')}`
  }

  /**
   * A connection that is not started.
   * @throws BrokerError `limit`
   */
  open(options: ConnectionOptions, events: ConnectionEvents): Connection {
    if (this.#open.size >= this.#settings.connections)
      throw new BrokerError('limit', `there are ${this.#settings.connections} connections to the broker already`)
    const connection: Connection = new Connection(this.#settings, options, this.#clock, {
      ...events,
      closed: () => {
        this.#open.delete(connection)
        events.closed?.()
      },
    })
    this.#open.add(connection)
    return connection
  }

  /** For listening only: nothing is kept for it. */
  openPlain(events: ConnectionEvents): Connection {
    return this.open({ clientId: this.newClientId(), clean: true, expirySeconds: 0, receiveMaximum: 65_535 }, events)
  }

  /**
   * MQTT 3.1.1 has no expiry: the session of a client id is forgotten by connecting once more, clean. Resolves when that has happened, or the
   * broker was not there.
   */
  purge(clientId: string): Promise<void> {
    const purged = this.#purge(clientId)
    this.#purges.add(purged)
    return purged.finally(() => this.#purges.delete(purged))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((connection) => connection.close(true)))
    await Promise.all(this.#purges)
  }

  async #purge(clientId: string): Promise<void> {
    const connection = new Connection(
      this.#settings,
      { clientId, clean: true, expirySeconds: 0, receiveMaximum: 1 },
      this.#clock,
      { up() {}, lost() {}, received: () => 'ack' },
    )
    await connection.start()
    await connection.close(true)
  }
}

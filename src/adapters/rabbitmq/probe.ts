/**
 * Whether RabbitMQ is there, for a broker whose clients bring their own credentials, and may all have gone: a TCP connection, with amqps
 * its TLS handshake too, opened and closed. Asked at the start, and again after any client's connection failed until one succeeds.
 */
import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
import { unreachable } from './failure.ts'
import type { BrokerSettings } from './fields.ts'
import type { HealthBoard } from './health.ts'

export class Probe {
  readonly #settings: BrokerSettings
  readonly #board: HealthBoard
  readonly #clock: Clock
  #retry: Timer | undefined
  #stopped = false

  constructor(settings: BrokerSettings, board: HealthBoard, clock: Clock) {
    this.#settings = settings
    this.#board = board
    this.#clock = clock
  }

  /** Resolves after the first attempt; goes on until one succeeds. */
  async start(): Promise<void> {
    const { hostname, port } = this.#settings.endpoint
    this.#retry = undefined
    try {
      await reach(this.#settings)
      if (!this.#stopped) this.confirm()
    } catch (error) {
      if (this.#stopped) return
      const cause = asError(error)
      this.#board.set(this, 'down', unreachable(`${hostname}:${port}`, cause), cause)
      this.#startLater()
    }
  }

  /** Somebody has reached it. */
  confirm(): void {
    this.#retry?.cancel()
    this.#retry = undefined
    this.#board.set(this, 'up')
  }

  /** Somebody has not: look again soon. */
  suspect(): void {
    if (this.#stopped || this.#retry !== undefined) return
    const { hostname, port } = this.#settings.endpoint
    this.#board.set(this, 'down', `cannot connect to ${hostname}:${port}`)
    this.#startLater()
  }

  stop(): void {
    this.#stopped = true
    this.#retry?.cancel()
  }

  #startLater(): void {
    this.#retry = this.#clock.after(this.#settings.reconnectMaxMs, () => void this.start())
  }
}

function reach({ endpoint, tls, connectTimeoutMs: timeout }: BrokerSettings): Promise<void> {
  const { protocol, hostname: host, port } = endpoint
  return new Promise((resolve, reject) => {
    const name = isIP(host) === 0 ? { servername: host } : {}
    const secure = protocol === 'amqps'
    const socket = secure
      ? connectTls({ host, port, timeout, ...name, ...tls, rejectUnauthorized: true })
      : connect({ host, port, timeout })
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.once('error', fail)
    socket.once('timeout', () => fail(new Error('timeout')))
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

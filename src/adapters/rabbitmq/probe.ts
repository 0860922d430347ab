/**
 * Whether RabbitMQ is there, for a broker whose clients bring their own credentials, and may all have gone: a TCP connection, opened and
 * closed. Asked at the start, and again after any client's connection failed until one succeeds.
 */
import { connect } from 'node:net'
import type { Clock, Timer } from '../../broker/clock.ts'
import { asError } from '../../broker/errors.ts'
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
    const { endpoint, connectTimeoutMs } = this.#settings
    const { hostname, port } = endpoint
    this.#retry = undefined
    try {
      await reach(hostname, port, connectTimeoutMs)
      if (!this.#stopped) this.confirm()
    } catch (error) {
      if (this.#stopped) return
      this.#board.set(this, 'down', `cannot connect to ${hostname}:${port}`, asError(error))
      this.suspect()
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
    this.#retry = this.#clock.after(this.#settings.reconnectMaxMs, () => void this.start())
  }

  stop(): void {
    this.#stopped = true
    this.#retry?.cancel()
  }
}

function reach(host: string, port: number, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout })
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.once('error', fail)
    socket.once('timeout', () => fail(new Error('timeout')))
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

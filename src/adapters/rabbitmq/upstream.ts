/**
 * All that links of one identity share at the broker: connections for consuming, one for publishing, what was asked and declared. Opened
 * and closed by whoever counts the links.
 */
import type { BrokerError } from '../../broker/errors.ts'
import { Channels } from './channels.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import type { BrokerContext } from './context.ts'
import { Declarer } from './declare.ts'
import { dialer } from './dial.ts'
import { isLoginRefused, isOpenRefused, loginRefusedError, unreachable } from './failure.ts'
import type { Account } from './fields.ts'
import { Hub } from './hub.ts'
import type { AmqpLink } from './link.ts'
import { Publisher } from './publisher.ts'
import { Registry } from './registry.ts'

/** Attempts that a virtual host may refuse before the login counts as refused: after a restart it may not be up yet. */
const OPEN_REFUSALS = 10

export interface UpstreamOptions {
  readonly context: BrokerContext
  readonly account: Account
  /** See `Link.identity`. */
  readonly identity: string
  /** The account's rights are gone; undefined: it is the operator's own account, and goes on trying. */
  readonly refused: ((reason: BrokerError) => void) | undefined
}

export class Upstream implements AsyncDisposable {
  readonly identity: string
  readonly login: string
  readonly channels: Channels
  readonly declarer: Declarer
  readonly publisher: Publisher
  readonly registry = new Registry()
  readonly links = new Set<AmqpLink>()
  /** What comes from the bridge's own exchange. */
  readonly hub: Hub
  readonly #options: UpstreamOptions
  #openRefusals = 0
  #wasUp = false

  constructor(options: UpstreamOptions) {
    const { context, account, identity } = options
    this.#options = options
    this.identity = identity
    this.login = account.login
    this.channels = new Channels({
      connect: (events) => this.#connection('consume', events),
      clock: context.clock,
      most: context.settings.connections,
      recovered: (channels) => context.observer.recovered(context.name, channels, 0),
    })
    this.declarer = new Declarer(this.channels, context.clock)
    this.hub = new Hub({
      channels: this.channels,
      declarer: this.declarer,
      registry: this.registry,
      clock: context.clock,
    })
    this.publisher = new Publisher({
      broker: context.name,
      connect: (events) => this.#connection('publish', events),
      declarer: this.declarer,
      clock: context.clock,
      observer: context.observer,
      confirmTimeoutMs: context.settings.confirmTimeoutMs,
    })
  }

  /** Connects for consuming; resolves with the outcome of the first attempt (undefined = up). */
  start(): Promise<Error | undefined> {
    return this.channels.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Publications may still need the answers of the other connection.
    await this.publisher[Symbol.asyncDispose]()
    this.hub.close()
    await this.channels[Symbol.asyncDispose]()
  }

  #connection(purpose: string, events: ConnectionEvents): Connection {
    const { context, account } = this.#options
    const { settings, clock } = context
    const dial = dialer(settings, account, `${context.name}, ${purpose}`)
    const backoff = { minMs: settings.reconnectMinMs, maxMs: settings.reconnectMaxMs }
    return new Connection(dial, backoff, clock, this.#watched(context, events))
  }

  /** Health is told first, so that whoever is resumed finds it right. */
  #watched(context: BrokerContext, events: ConnectionEvents): ConnectionEvents {
    const { board, settings } = context
    const { endpoint } = settings
    const source = {}
    const where = `${endpoint.hostname}:${endpoint.port}`
    return {
      up: (model) => {
        this.#wasUp = true
        this.#openRefusals = 0
        board.set(source, 'up')
        context.probe?.confirm()
        events.up(model)
      },
      lost: (cause) => {
        board.set(source, 'down', `connection to ${where} lost`, cause)
        context.probe?.suspect()
        events.lost(cause)
      },
      failed: (cause) => {
        // That somebody's passcode is wrong says nothing about the broker.
        if (this.#options.refused === undefined || !isRefusal(cause)) {
          board.set(source, 'down', failureText(cause, where), cause)
          context.probe?.suspect()
        }
        events.failed(cause)
        this.#checkRefused(cause)
      },
      blocked: (reason) => {
        if (reason === undefined) board.set(source, 'up')
        else board.set(source, 'blocked', `blocked by the broker: ${reason}`)
        events.blocked(reason)
      },
      closed: () => board.remove(source),
    }
  }

  #checkRefused(cause: Error): void {
    const { refused } = this.#options
    // The first attempt is the business of whoever made it.
    if (refused === undefined || !this.#wasUp) return
    if (isOpenRefused(cause)) this.#openRefusals++
    if (isLoginRefused(cause) || this.#openRefusals >= OPEN_REFUSALS) refused(loginRefusedError(cause))
  }
}

function isRefusal(cause: Error): boolean {
  return isLoginRefused(cause) || isOpenRefused(cause)
}

function failureText(cause: Error, where: string): string {
  if (isLoginRefused(cause)) return `${where} refuses the login`
  return isOpenRefused(cause) ? `${where} refuses the virtual host` : unreachable(where, cause)
}

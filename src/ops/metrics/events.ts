/**
 * What is counted as it happens, because nobody else keeps it: rare events that observers are told. Names that clients choose are not looked at.
 */
import type { AuthObserver, Decision } from '../../auth/context.ts'
import type { BrokerObserver } from '../../broker/observer.ts'
import type { SessionObserver } from '../../session/observer.ts'

/** What became of a configuration that was to be loaded while the bridge runs. */
export const RELOAD_RESULTS = ['applied', 'unchanged', 'rejected'] as const

export type ReloadResult = (typeof RELOAD_RESULTS)[number]

/** Of one broker. */
export interface BrokerEvents {
  /** Times that it was up again after it had been away. */
  reconnects: number
  channelsLost: number
  /** Subscriptions resumed, and publishes sent again, after a lost connection. */
  resumed: number
  resent: number
  /** It was up before, and is away now. */
  isAway: boolean
  wasUp: boolean
}

/** RFC 6455 §7.4.1, and those of our own (session/failure.ts). Clients may close with any number: others count as their class. */
const CLOSE_CODES: ReadonlySet<number> = new Set([
  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 4401, 4403, 4408, 4409, 4429, 4498,
  4499,
])

function closeLabel(code: number): string {
  if (CLOSE_CODES.has(code)) return String(code)
  return code >= 1000 && code < 5000 ? `${Math.floor(code / 1000)}xxx` : 'other'
}

export class Events {
  readonly closed = new Map<string, number>()
  readonly errors = new Map<string, number>()
  readonly brokers = new Map<string, BrokerEvents>()
  /** By authenticator, then by how it ended. */
  readonly logins = new Map<string, Map<Decision, number>>()
  readonly reloads = new Map<ReloadResult, number>()

  readonly session: Pick<SessionObserver, 'closed' | 'failed'> = {
    closed: (_, code) => add(this.closed, closeLabel(code)),
    failed: (_, { code }) => add(this.errors, code),
  }

  readonly broker: Pick<BrokerObserver, 'health' | 'recovered' | 'channelLost'> = {
    health: (broker, { state }) => {
      const events = this.of(broker)
      if (state === 'down' || state === 'connecting') events.isAway = events.wasUp
      else if (events.isAway) {
        events.isAway = false
        events.reconnects++
      } else events.wasUp = true
    },
    recovered: (broker, subscriptions, resent) => {
      const events = this.of(broker)
      events.resumed += subscriptions
      events.resent += resent
    },
    channelLost: (broker) => {
      this.of(broker).channelsLost++
    },
  }

  readonly auth: Pick<AuthObserver, 'decided'> = {
    decided: (authenticator = 'none', outcome) => {
      let outcomes = this.logins.get(authenticator)
      if (outcomes === undefined) {
        outcomes = new Map()
        this.logins.set(authenticator, outcomes)
      }
      add(outcomes, outcome)
    },
  }

  /** A configuration was to be loaded while the bridge runs. */
  reloaded(result: ReloadResult): void {
    add(this.reloads, result)
  }

  of(broker: string): BrokerEvents {
    let events = this.brokers.get(broker)
    if (events === undefined) {
      events = { reconnects: 0, channelsLost: 0, resumed: 0, resent: 0, isAway: false, wasUp: false }
      this.brokers.set(broker, events)
    }
    return events
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

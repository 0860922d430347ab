/** `check --connect`: every broker of the configuration, dialled at once and left again. */
import { setTimeout as after } from 'node:timers/promises'
import type { Broker } from '../broker/broker.ts'
import type { Host } from './command.ts'

/** Milliseconds for all of them together; a broker's own `connectTimeout` may end its attempt before. */
const PATIENCE_MS = 10_000

export interface Dialled {
  readonly broker: string
  readonly up: boolean
  /** One line for the operator. */
  readonly text: string
}

/**
 * In the order of the configuration. Never rejects for a broker that is not there.
 * @param brokers not started; they are disposed of
 */
export async function dial(brokers: Iterable<Broker>, { stop }: Pick<Host, 'stop'>): Promise<Dialled[]> {
  return Promise.all([...brokers].map((broker) => dialOne(broker, stop)))
}

async function dialOne(broker: Broker, stop: AbortSignal): Promise<Dialled> {
  const patience = new AbortController()
  const signal = AbortSignal.any([stop, patience.signal])
  try {
    await Promise.race([broker.start(signal), after(PATIENCE_MS, undefined, { signal }).catch(() => undefined)])
    const { state, reason } = broker.health
    const up = state === 'up' || state === 'blocked'
    // What connects still has no reason but that.
    const said = reason === undefined || state === 'connecting' ? '' : `: ${reason}`
    return { broker: broker.name, up, text: up ? upText(broker) + said : `${downText(state)}${said}` }
  } finally {
    patience.abort()
    await broker[Symbol.asyncDispose]()
  }
}

/** Nobody's password is at hand: what the bridge can try is what it tries while nobody is connected. */
function upText({ credentials, health }: Broker): string {
  return credentials === 'client' ? 'answers; a login cannot be tried, since clients bring their own' : health.state
}

function downText(state: string): string {
  return state === 'connecting' ? `no answer within ${PATIENCE_MS / 1000}s` : state
}

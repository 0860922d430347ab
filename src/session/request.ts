/** What a SUBSCRIBE asks for, read and checked: see subscribe.ts. Types only. */
import type { SubscribeOptions } from '../broker/broker.ts'
import type { Place } from '../routing/route.ts'

export type AckMode = 'auto' | 'client' | 'client-individual'

export interface SubscriptionRequest {
  /** 1, 2, 3 … within the session. */
  readonly number: number
  /** The `id` header; undefined in STOMP 1.0 without one. */
  readonly id: string | undefined
  readonly place: Place
  readonly ack: AckMode
  readonly options: SubscribeOptions
}

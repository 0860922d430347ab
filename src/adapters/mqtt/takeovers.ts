/**
 * Tells the other bridges with the same `clientId` that a durable subscription is ours now, and hears it from them. The broker's own word
 * for it, DISCONNECT "session taken over", does not come on MQTT 3.1.1, nor from Mosquitto 2.0.11: each bridge would take a lost connection
 * for a fault, come back, and throw the other one out, for ever.
 *
 * Needs the right to publish and subscribe to one topic below `stomp-bridge/`; without it the broker's word is all there is.
 */
import { randomBytes } from 'node:crypto'
import type { IPublishPacket } from 'mqtt'
import type { Ear } from './filters.ts'
import type { Hearing, Hub } from './hub.ts'

export interface TakeoversContext {
  readonly hub: Hub
  /** Of the broker's options. */
  readonly clientId: string
  /** At QoS 0, to whoever listens now. */
  announce(topic: string, text: string): void
  /** Another bridge has it. */
  taken(clientId: string): void
}

export class Takeovers {
  readonly #context: TakeoversContext
  readonly #self = randomBytes(9).toString('base64url')
  readonly #topic: string
  #hearing: Hearing | undefined

  constructor(context: TakeoversContext) {
    this.#context = context
    this.#topic = `stomp-bridge/taken-over/${context.clientId.replace(/[/+#]/g, '_')}`
  }

  /** To be called before the connection with this client id is opened. */
  take(clientId: string): void {
    this.#hearing ??= this.#context.hub.listen(this.#topic, 0, this.#ear())
    this.#context.announce(this.#topic, `${this.#self} ${clientId}`)
  }

  /** No durable subscription is left here. */
  rest(): void {
    void this.#hearing?.stop()
    this.#hearing = undefined
  }

  #ear(): Ear {
    return {
      heard: (packet: IPublishPacket) => {
        const [by, clientId] = packet.payload.toString().split(' ')
        if (by !== this.#self && clientId !== undefined) this.#context.taken(clientId)
      },
      granted() {},
      lost() {},
      refused() {},
    }
  }
}

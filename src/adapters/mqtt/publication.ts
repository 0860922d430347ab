/** One publish on its way: what goes to the broker, and who waits for the answer. Settled exactly once, after which it is never written again. */
import type { PublishOptions } from '../../broker/broker.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { Message } from '../../broker/message.ts'
import { unavailableError, unknownError } from './failure.ts'
import { expirySeconds, outboundProperties, type PublishProperties } from './properties.ts'
import { checkPublishable, type MqttTarget } from './topics.ts'

export interface PublicationOptions extends PublishOptions {
  /** MQTT 3.1.1 has no properties. */
  readonly protocol: 4 | 5
  /** Unique in all bridges: `bridge-id`. */
  nextId(): string
}

/** Fixed header, packet identifier, property length, numbers, and the mark of a second sending. */
const FIXED_BYTES = 64

export class Publication {
  readonly topic: string
  readonly body: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly resend: boolean
  /** Reason 0x10 is a refusal. */
  readonly mandatory: boolean
  readonly promise: Promise<void>
  readonly #properties: PublishProperties | undefined
  readonly #holdMs: number
  readonly #expiresAt: number
  readonly #resolve: () => void
  readonly #reject: (reason: BrokerError) => void
  #deadline: number | undefined
  #written = false
  #settled = false

  /** @throws BrokerError for what MQTT cannot carry */
  constructor(target: MqttTarget, message: Message, options: PublicationOptions, now: number) {
    checkPublishable(target)
    const { rule } = target
    const { receipt, resend, holdMs, protocol } = options
    const { persistent, expirationMs } = message.properties
    this.topic = target.topic
    this.body = message.body
    // A RECEIPT means PUBACK, and only QoS 1 has one.
    this.qos = receipt || persistent === true || rule.qos === 1 ? 1 : 0
    this.retain = readRetain(options.arguments, rule.retain)
    this.mandatory = receipt && rule.mandatory
    this.resend = resend
    this.#holdMs = holdMs
    this.#expiresAt = expirationMs === undefined ? Number.POSITIVE_INFINITY : now + expirationMs
    const properties = outboundProperties(message)
    if (protocol === 5) {
      if (receipt) properties.userProperties = { ...properties.userProperties, 'bridge-id': options.nextId() }
      this.#properties = properties
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get isSettled(): boolean {
    return this.#settled
  }

  /** It was given to a connection: the broker may have it. */
  get wasWritten(): boolean {
    return this.#written
  }

  /** At least what the PUBLISH takes on the wire. */
  get packetBytes(): number {
    const { contentType = '', responseTopic = '', correlationData, userProperties = {} } = this.#properties ?? {}
    const texts = [this.topic, contentType, responseTopic, ...Object.entries(userProperties).flat(2)]
    const head = texts.reduce((sum, each) => sum + 3 + Buffer.byteLength(each), FIXED_BYTES)
    return head + (correlationData?.length ?? 0) + this.body.length
  }

  /** Milliseconds since 1970 when holding ends; undefined while it has never been held. */
  get deadline(): number | undefined {
    return this.#deadline
  }

  /**
   * The broker is away. Holding is counted from the first time on and never starts anew, so that a flapping broker cannot prolong it;
   * "`expiration` runs while held".
   */
  hold(now: number): void {
    this.#deadline ??= Math.min(now + this.#holdMs, this.#expiresAt)
  }

  /** The properties of a write now; undefined on MQTT 3.1.1. What was written before goes again with the same id, marked. */
  prepare(now: number): PublishProperties | undefined {
    const again = this.#written
    this.#written = true
    if (this.#properties === undefined) return undefined
    const properties = { ...this.#properties }
    if (again) properties.userProperties = { ...properties.userProperties, 'bridge-resent': 'true' }
    if (this.#deadline !== undefined && this.#expiresAt !== Number.POSITIVE_INFINITY)
      properties.messageExpiryInterval = expirySeconds(this.#expiresAt - now)
    return properties
  }

  resolve(): void {
    if (this.#settled) return
    this.#settled = true
    this.#resolve()
  }

  reject(reason: BrokerError): void {
    if (this.#settled) return
    this.#settled = true
    this.#reject(reason)
  }

  /** Gives up. Of what was written before nobody knows whether the broker has it. */
  abandon(cause?: Error): void {
    this.reject(this.#written ? unknownError(cause) : unavailableError(cause))
  }

  /** It will never be written, for a reason that is not the broker's. */
  refuse(reason: BrokerError): void {
    if (this.#written) this.abandon(reason)
    else this.reject(reason)
  }
}

/** @throws BrokerError `forbidden` where the route does not let clients leave something behind at the broker */
function readRetain(args: PublishOptions['arguments'], isAllowed: boolean): boolean {
  for (const [name, value] of Object.entries(args ?? {})) {
    if (name !== 'retain') throw new BrokerError('unsupported', `an MQTT broker does not know "${name}"`)
    if (!/^(?:true|false)$/i.test(value)) throw new BrokerError('bad-message', 'header "retain" must be true or false')
    const isAsked = value.toLowerCase() === 'true'
    if (isAsked && !isAllowed)
      throw new BrokerError('forbidden', 'header "retain" may not be true here: the route does not say retain: true')
    return isAsked
  }
  return false
}

/**
 * One client's way to its handlers: a SEND is a POST, a SUBSCRIBE one GET. What an answer comes to, and in which order a client's requests go, is
 * decided here; how a request gets its answer, errand.ts knows.
 *
 * Order (port rule 1): on routes with `ordered` one request of a link is under way at a time, until its answer is published. A publish is settled
 * with the confirm of whatever its answer was published to, so that a RECEIPT says that all of it is done.
 */
import type { Link, Principal, PublishOptions, Sink, SubscribeOptions, Subscription } from '../../broker/broker.ts'
import type { Clock } from '../../broker/clock.ts'
import { asError, BrokerError } from '../../broker/errors.ts'
import type { Flow, FlowOrigin } from '../../broker/flow.ts'
import { type Message, Properties } from '../../broker/message.ts'
import type { Answer } from './call.ts'
import { escaped, isOwn, isReserved } from './destinations.ts'
import { Errand, type Way } from './errand.ts'
import { closedError, refusalOf, replyFailure } from './failure.ts'
import type { Head } from './headers.ts'
import { headOf, headWith, type Reply, replyOf } from './headers.ts'
import type { Room } from './room.ts'
import type { HttpTarget, Recipient } from './route.ts'
import { Strand } from './strand.ts'
import { OnceSubscription } from './subscription.ts'

/** What the links of a broker share. */
export interface LinkContext {
  readonly way: Way
  readonly room: Room
  readonly flow: Flow
  readonly clock: Clock
  readonly token: string | undefined
  /** A line for the operator, about what no client will tell him of. */
  complain(text: string): void
  fork(who: Principal): Link<HttpTarget>
  gone(link: HttpLink): void
}

/** Requests of one client at a time on routes with `ordered: false`: enough to be quick, too few to take all places from the others. */
const UNORDERED = 16
const ERRORS = '/user/queue/errors'

export class HttpLink implements Link<HttpTarget> {
  /** The bridge asks for everybody. */
  readonly identity = ''
  readonly #context: LinkContext
  readonly #who: Principal
  readonly #origin: FlowOrigin
  readonly #ordered = new Strand(1)
  readonly #free = new Strand(UNORDERED)
  readonly #errands = new Set<Errand>()
  readonly #subscriptions = new Set<OnceSubscription>()
  #isClosed = false

  constructor(context: LinkContext, who: Principal) {
    this.#context = context
    this.#who = who
    this.#origin = { user: who.name, session: who.session }
  }

  async publish(target: HttpTarget, message: Message, options: PublishOptions): Promise<void> {
    if (this.#isClosed) throw closedError()
    refuseArguments(options.arguments)
    if (message.properties.replyTo !== undefined)
      throw new BrokerError('unsupported', 'a handler cannot answer to reply-to: its route says where answers go')
    const head = headWith(message, this.#occasion(target, message))
    const request = { method: 'POST', path: target.path, head, body: message.body } as const
    // From now on, and not from its turn: behind others that wait in vain it would wait as often as there are others.
    const patience = { deadline: this.#context.clock.now() + options.holdMs, retries: target.rule.retries }
    await this.#context.room.hold(message.body.length, () =>
      this.#turn(target, async () => {
        const errand = new Errand(this.#context.way, request, patience)
        try {
          await this.#run(errand, (answer) => this.#answered(target, message, answer))
        } catch (error) {
          this.#told(target, message.properties.correlationId, error)
        }
      }),
    )
  }

  subscribe(target: HttpTarget, options: SubscribeOptions, sink: Sink<HttpTarget>): Subscription<HttpTarget> {
    const request = { method: 'GET', path: target.path, head: this.#head(target), body: undefined } as const
    // The session has its own patience, and gives up by disposing the subscription.
    const errand = new Errand(this.#context.way, request, {
      deadline: Number.POSITIVE_INFINITY,
      retries: target.rule.retries,
    })
    const subscription: OnceSubscription = new OnceSubscription(target, sink, errand, () =>
      this.#subscriptions.delete(subscription),
    )
    this.#subscriptions.add(subscription)
    subscription.begin(async () => {
      if (this.#isClosed) throw closedError()
      refuseArguments(options.arguments)
      await this.#context.room.hold(0, () =>
        this.#turn(target, async () => {
          try {
            await this.#run(errand, async (answer) => {
              const reply = this.#accepted(target, answer, undefined)
              if (reply !== undefined) subscription.answer(reply.message)
            })
          } catch (error) {
            this.#told(target, undefined, error)
          }
        }),
      )
    })
    return subscription
  }

  /** Everybody asks for himself. */
  shareKey(): undefined {
    return undefined
  }

  fork(): Link<HttpTarget> {
    return this.#context.fork(this.#who)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(undefined)
  }

  /** What is not sent is rejected with `closed`; what is goes on to its end. @param reason what sinks are told; undefined: nothing */
  close(reason: BrokerError | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const subscription of [...this.#subscriptions]) subscription.close(reason)
    const closed = closedError()
    for (const strand of [this.#ordered, this.#free]) strand.drop(closed)
    for (const errand of this.#errands) errand.cancel(closed)
    this.#context.gone(this)
  }

  #turn(target: HttpTarget, task: () => Promise<void>): Promise<void> {
    return (target.rule.ordered ? this.#ordered : this.#free).run(task)
  }

  async #run(errand: Errand, use: (answer: Answer) => Promise<void>): Promise<void> {
    this.#errands.add(errand)
    if (this.#isClosed) errand.cancel(closedError())
    try {
      await errand.run(use)
    } finally {
      this.#errands.delete(errand)
    }
  }

  #head(target: HttpTarget): Head {
    const { token } = this.#context
    const { user, session } = target.rule.identity ? this.#origin : NOBODY
    return headOf({ destination: target.destination, user, session, token })
  }

  /** Who has sent a message stands in its headers, where its route lets it. */
  #occasion({ destination }: HttpTarget, { headers }: Message): Parameters<typeof headOf>[0] {
    const found: { user: string | undefined; session: string | undefined } = { user: undefined, session: undefined }
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at] === 'stomp-user') found.user ??= headers[at + 1]
      else if (headers[at] === 'stomp-session') found.session ??= headers[at + 1]
    }
    return { destination, token: this.#context.token, ...found }
  }

  async #answered(target: HttpTarget, request: Message, answer: Answer): Promise<void> {
    const reply = this.#accepted(target, answer, request)
    if (reply === undefined) return
    const { message, destination } = reply
    const recipients = destination === undefined ? target.recipients : [chosen(target, destination)]
    const sent = await Promise.allSettled(recipients.map((each) => this.#reply(each, message)))
    const failed = sent.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /**
   * @returns undefined: there is nothing to say. RFC 9110 §15.3.5: a 204 has no content; nor has any other without a body
   * @throws BrokerError for a status that is no success
   */
  #accepted({ rule }: HttpTarget, answer: Answer, request: Message | undefined): Reply | undefined {
    if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, rule.errorBody === 'pass')
    return answer.body.length === 0 ? undefined : replyOf(answer, request)
  }

  async #reply({ kind, destination }: Recipient, message: Message): Promise<void> {
    const { flow } = this.#context
    const { user, session } = this.#origin
    // Whether he is still there, and listens, is his own affair: as with a topic to which nobody has subscribed.
    if (kind === 'sender') {
      flow.reply(destination, message, this.#origin)
      return
    }
    // A session without a name is its own user.
    const whole = kind === 'user' ? `/user/${escaped(user ?? session ?? '', false)}${destination}` : destination
    await flow.publish(whole, message, this.#origin).catch((error: unknown) => {
      throw replyFailure(whole, error)
    })
  }

  /**
   * What has failed is told where the route says, to the sender alone.
   * @throws the error, when it is his ERROR that tells him
   */
  #told(target: HttpTarget, correlationId: string | undefined, thrown: unknown): void {
    const error =
      thrown instanceof BrokerError ? thrown : new BrokerError('refused', 'the request failed', { cause: thrown })
    const isOurs = error.code === 'closed'
    if (isOurs || target.rule.onError === 'error' || !this.#tell(target, correlationId, error)) throw error
    this.#context.complain(
      `${target.path}: ${error.message}${error.cause === undefined ? '' : ` (${asError(error.cause).message})`}`,
    )
  }

  /** @returns whether he has heard it */
  #tell({ destination }: HttpTarget, correlationId: string | undefined, { code, message: text }: BrokerError): boolean {
    const properties = new Properties()
    properties.contentType = 'application/json'
    properties.correlationId = correlationId
    const body = Buffer.from(JSON.stringify({ code, message: text, destination }))
    return this.#context.flow.reply(ERRORS, { body, headers: ['code', code], properties }, this.#origin)
  }
}

const NOBODY: FlowOrigin = { user: undefined, session: undefined }

/** @throws BrokerError `refused`: the handler may not say this */
function chosen(target: HttpTarget, destination: string): Recipient {
  if (isReserved(destination) || !target.allows(destination))
    throw new BrokerError('refused', 'the handler has answered to a destination that its route does not allow')
  return { kind: isOwn(destination) ? 'sender' : 'route', destination }
}

/** Handlers get the frame's headers as they are: none is an argument. */
function refuseArguments(given: Readonly<Record<string, string>> | undefined): void {
  const [name] = Object.keys(given ?? {})
  if (name !== undefined) throw new BrokerError('unsupported', `a handler does not know "${name}"`)
}

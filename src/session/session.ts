/**
 * One client's conversation: bytes of a wire into frames, each frame to the file that knows its command, answers back. It holds the state that
 * those files share and knows no socket, no library and no broker.
 *
 *   connecting ── CONNECT ──▶ admitting ── CONNECTED ──▶ open ── DISCONNECT ──▶ leaving ──▶ closed
 *
 * Frames are handled one after the other in the order they came. While the session is full (session/pending.ts) it takes no frame from the
 * parser and reads nothing from the wire.
 */
import { randomUUID } from 'node:crypto'
import type { User } from '../auth/authenticator.ts'
import type { Broker, Credentials, Link, Principal } from '../broker/broker.ts'
import { encodeFrame, HEARTBEAT } from '../stomp/encoder.ts'
import { ProtocolError } from '../stomp/errors.ts'
import { type Frame, header } from '../stomp/frame.ts'
import type { Heartbeat } from '../stomp/heartbeat.ts'
import { Parser } from '../stomp/parser.ts'
import type { Version } from '../stomp/version.ts'
import type { Wire, WireEvents } from '../transports/wire.ts'
import { factsOf } from './chronicle.ts'
import { handle } from './commands.ts'
import { SAID } from './counters.ts'
import { errorFrame, type FailureContext, failureOf, PolicyError } from './failure.ts'
import type { House, Snapshot } from './house.ts'
import { Identity } from './identity.ts'
import { type Dialler, Lanes } from './lane.ts'
import type { SessionLabel } from './observer.ts'
import { Outlet, type OutletEvents } from './outlet.ts'
import { Pending } from './pending.ts'
import { Replies, ReplyAddresses } from './replies.ts'
import { SubscriptionTable } from './subscriptions.ts'
import type { Tap } from './tap.ts'
import { SessionTimers, type Timed } from './timers.ts'
import { Transactions } from './transaction.ts'
import { abortedBy, Ending } from './waiting.ts'

type State = 'connecting' | 'admitting' | 'open' | 'leaving' | 'closed'

export class Session implements WireEvents, OutletEvents, Timed, Dialler {
  /** Unguessable, unique: CONNECTED shows it as `session`, backends as `stomp-session`. */
  readonly id = randomUUID()
  readonly wire: Wire
  readonly house: House
  readonly outlet: Outlet
  readonly pending: Pending
  readonly lanes: Lanes
  readonly identity: Identity
  readonly subscriptions = new SubscriptionTable()
  /** Comes however the session ends. */
  readonly ended = new Ending()
  readonly timers: SessionTimers
  /** The bridge goes: nothing is consumed that somebody must settle. */
  isDraining = false
  /** Messages that were for this session alone. */
  told = 0
  /** Somebody looks on; undefined: nobody does. */
  tap: Tap | undefined = undefined
  readonly #parser: Parser
  readonly #onEnd: (session: Session) => void
  #transactions: Transactions | undefined
  #addresses: ReplyAddresses | undefined
  #state: State = 'connecting'
  #version: Version = '1.0'
  #clientId: string | undefined
  /** The chronicle was told of it. */
  #isKnown = false
  #pumping = false
  #paused = false
  #writtenAtBeat = 0

  /** @param onEnd called once, when it ends */
  constructor(wire: Wire, house: House, onEnd: (session: Session) => void = () => {}) {
    this.wire = wire
    this.#onEnd = onEnd
    this.house = house
    const { limits } = house.snapshot
    this.outlet = new Outlet(wire, house, limits, this)
    this.pending = new Pending(limits, () => this.#pump())
    this.lanes = new Lanes(this, this.ended)
    this.identity = new Identity(this)
    const { connectBytes, headerBytes, headerCount } = limits
    this.#parser = new Parser({ frameBytes: connectBytes, headTotalBytes: connectBytes, headerBytes, headerCount })
    this.timers = new SessionTimers(house.clock, this, limits.connectTimeoutMs)
  }

  get snapshot(): Snapshot {
    return this.house.snapshot
  }

  get version(): Version {
    return this.#version
  }

  get principal(): Principal {
    return { name: this.user.name, session: this.id, credentials: undefined }
  }

  get user(): User {
    return this.identity.user
  }

  /** The `client-id` header of CONNECT. */
  get clientId(): string | undefined {
    return this.#clientId
  }

  get label(): SessionLabel {
    return { id: this.wire.id, remote: this.wire.handshake.remote, user: this.user.name }
  }

  get transactions(): Transactions {
    this.#transactions ??= new Transactions(this)
    return this.#transactions
  }

  /** Where this session was asked to answer. */
  get addresses(): ReplyAddresses {
    this.#addresses ??= new ReplyAddresses()
    return this.#addresses
  }

  data(chunk: Buffer): void {
    if (this.#state === 'closed') return
    this.timers.heard()
    this.house.counters.bytes[0]! += chunk.length
    this.#parser.push(chunk)
    this.#pump()
  }

  sent(total: number): void {
    this.outlet.sent(total)
  }

  alive(): void {
    this.timers.heard()
  }

  /** An EOL, unless something was written since the last one was due. */
  beat(): void {
    if (this.wire.written === this.#writtenAtBeat) this.outlet.frame(HEARTBEAT, SAID.heartbeat)
    this.#writtenAtBeat = this.wire.written
  }

  closed(code: number, reason: string): void {
    this.#end(true)
    this.house.observer.closed(this.label, code, reason)
  }

  /** Handles what was parsed and not yet taken, as far as it may; reads on or stops reading accordingly. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (!this.#held) {
        const frame = this.#parser.next()
        if (frame === undefined) break
        this.#handle(frame)
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#pumping = false
    }
    // While a client is admitted it says nothing: stopping the wire and starting it again would cost more than all else that CONNECT does.
    const quiet = this.#state === 'admitting' && this.#parser.buffered === 0
    this.#pause(this.#held && !quiet && this.#state !== 'closed')
  }

  get #held(): boolean {
    return this.pending.full || !(this.#state === 'open' || this.#state === 'connecting')
  }

  #handle(frame: Frame): void {
    this.tap?.heard(frame)
    try {
      handle(this, frame, this.#state === 'connecting' ? 'connecting' : 'connected')
    } catch (error) {
      this.fail(error, { receipt: header(frame, 'receipt') })
    }
  }

  #pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.timers.deaf(paused)
    if (paused) this.wire.pause()
    else this.wire.resume()
  }

  /** The version is agreed: everything after CONNECT is read and written in it. */
  adopt(version: Version): void {
    this.#state = 'admitting'
    this.#version = version
    this.#parser.version = version
  }

  /** The snapshot has another's limits: they hold from now on, for the frame that is being read too. */
  follow(): void {
    const { limits } = this.snapshot
    this.outlet.limits = limits
    if (this.#state === 'open') this.#parser.limits = limits
    this.pending.bound = limits
  }

  connected(agreed: Heartbeat, clientId: string | undefined): void {
    if (this.#state !== 'admitting') return
    this.#state = 'open'
    this.#clientId = clientId
    this.house.lookout?.identified(this)
    this.wire.admitted(agreed.outgoingMs > 0)
    this.#parser.limits = this.snapshot.limits
    const { outgoingMs, incomingMs } = this.snapshot.heartbeat
    const headers = ['version', this.#version, 'session', this.id, 'server', this.house.server]
    headers.push('heart-beat', `${outgoingMs},${incomingMs}`)
    if (this.user.name !== undefined) headers.push('user-name', this.user.name)
    this.outlet.frame(encodeFrame('CONNECTED', headers, undefined, this.#version), SAID.connected)
    this.timers.connected(agreed, this.snapshot.pingMs)
    this.house.observer.connected(this.label, this.#version)
    this.#isKnown = true
    this.house.chronicle?.connected(factsOf(this))
    this.#pump()
  }

  /** Takes no more frames. Every earlier one is settled one way or the other; then the RECEIPT, then the close. */
  leave(code: number, reason: string, receipt?: string): void {
    if (this.#state === 'closed') return
    this.#state = 'leaving'
    void this.pending.whenEmpty().then(() => {
      if (this.#state !== 'closed') this.receipt(receipt)
      this.close(code, reason)
    })
  }

  /** @param extra further headers of the RECEIPT: name, value … */
  receipt(id: string | undefined, extra: readonly string[] = []): void {
    if (id === undefined) return
    this.outlet.frame(encodeFrame('RECEIPT', ['receipt-id', id, ...extra], undefined, this.#version), SAID.receipt)
  }

  /**
   * The ERROR for something that went wrong, and the close that follows it, but for errors of one operation where `errors` is `keep`.
   * @param error anything that was thrown; what is none of ours is an internal error to the client
   */
  fail(error: unknown, context: FailureContext = {}, errors: 'close' | 'keep' = 'close'): void {
    if (this.#state === 'closed') return
    const failure = failureOf(error)
    const receipt = context.receipt ?? (error instanceof ProtocolError ? error.receipt : undefined)
    this.outlet.frame(errorFrame(failure, { ...context, receipt }, this.#version), SAID.error)
    const route = error instanceof PolicyError ? (error.route ?? context.route) : context.route
    this.house.observer.failed(this.label, failure, route, error, context.traceId)
    if (!failure.operation || errors === 'close') this.close(failure.close, failure.title)
  }

  tooSlow(text: string): void {
    // Behind little the ERROR may still be read, and the wire gives up by itself; behind much a close would only wait.
    if (this.wire.buffered > this.snapshot.limits.outboundBytes / 2) this.wire.terminate()
    this.fail(new PolicyError('slow-consumer', text))
  }

  /** For its lanes. */
  dial(broker: Broker, credentials: Credentials | undefined): Promise<Link> {
    const replies = new Replies(broker, this)
    return abortedBy(this.ended, (signal) => broker.link({ ...this.principal, credentials }, replies, signal))
  }

  /** Now, and without an ERROR: what is pending is published, and has no RECEIPT. */
  close(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#end(false)
    this.wire.close(code, reason)
  }

  /**
   * What the client was given and did not settle goes back; what it has sent is published.
   * @param gone nothing more reaches the client; else what was written for `ack:auto` is on its way, and not to be given to somebody else
   */
  #end(gone: boolean): void {
    for (const each of this.subscriptions.all()) if (gone || !each.isLeaving) each.finish()
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.outlet.close()
    // The peer's own close must be seen.
    this.#pause(false)
    this.timers.stop()
    this.identity.leave()
    this.pending.close()
    this.#transactions?.clear()
    for (const each of this.subscriptions.all()) each.stop(false).catch(() => {})
    this.ended.come()
    if (this.#isKnown) this.house.chronicle?.disconnected(factsOf(this))
    this.#onEnd(this)
    this.lanes.dispose([this.pending.whenEmpty(), this.subscriptions.whenEmpty()])
  }
}

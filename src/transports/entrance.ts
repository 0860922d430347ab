/**
 * Who may come in, by what the operator has said: whose requests are believed, from which pages and hosts, how many at a time and how fast. The
 * operator may say something else at any time; who is inside stays. Knows no socket: the listener asks, and does what is to be done.
 */
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../broker/clock.ts'
import { Admission, type AdmissionLimits, type Limit } from './admission.ts'
import { Gate, type GateOptions } from './origins.ts'
import type { Refusal, Refusals } from './refusals.ts'
import { type Peer, trusting } from './remote.ts'

/** What may be said anew while the port is open. */
export interface EntranceOptions extends GateOptions {
  /** Reverse proxies whose X-Forwarded headers are believed, as `trusting` takes them. */
  readonly trustedProxies: readonly string[]
  readonly limits: DoorLimits
}

export interface DoorLimits extends AdmissionLimits {
  /**
   * Sockets that have not come in yet, over all addresses; at the bound the oldest of them is dropped. More than the kernel hands over at once
   * (4,096), or a stampede of honest clients would push itself out before a byte of it is read. 0 = no limit.
   */
  readonly handshakes: number
  /** Milliseconds a client may take for its TLS handshake, and again to send the head of its request. */
  readonly handshakeTimeoutMs: number
  /** What is over a number above is counted and told, and comes in all the same. Times are kept. */
  readonly dryRun: boolean
}

export class Entrance {
  readonly #bound: string
  readonly #refusals: Refusals
  readonly #admission: Admission
  #limits: DoorLimits
  #peerOf: (request: IncomingMessage, tls: boolean) => Peer
  #gate: Gate
  #isOpen = true

  /**
   * @param bound the address that the port is bound to
   * @param refusals hears of everybody who is turned away
   */
  constructor(options: EntranceOptions, bound: string, refusals: Refusals, clock: Clock) {
    this.#bound = bound
    this.#refusals = refusals
    this.#limits = options.limits
    this.#admission = new Admission(options.limits, () => clock.now())
    this.#peerOf = trusting(options.trustedProxies)
    this.#gate = new Gate(options, bound)
  }

  get limits(): DoorLimits {
    return this.#limits
  }

  /** Connections inside. */
  get open(): number {
    return this.#admission.open
  }

  /** Holds for those who come from now on; who is inside counts as before. */
  adopt(options: EntranceOptions): void {
    this.#limits = options.limits
    this.#admission.limits = options.limits
    this.#peerOf = trusting(options.trustedProxies)
    this.#gate = new Gate(options, this.#bound)
  }

  /** False: nobody comes in any more. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whose pages may show one of ours in a frame, as the `frame-ancestors` of a Content-Security-Policy. */
  get ancestors(): string {
    return this.#gate.ancestors
  }

  /** From now on nobody comes in. */
  close(): void {
    this.#isOpen = false
  }

  peerOf(request: IncomingMessage, tls: boolean): Peer {
    return this.#peerOf(request, tls)
  }

  /**
   * Whether a page of this origin, of this peer, is to be talked to at all.
   * @returns the status of the answer; undefined: it is
   */
  unwelcome(origin: string | undefined, peer: Peer): number | undefined {
    const unwelcome = this.#gate.check(origin, peer)
    return unwelcome && this.#no(unwelcome.reason, peer, unwelcome.hint, 403)
  }

  /** A place for one more connection. @returns what gives it back, once; or the status that says why there is none */
  place(peer: Peer): number | (() => void) {
    if (!this.#isOpen) return this.#no('draining', peer, 'shutting down', 503)
    const limit = this.#admission.refusal(peer.remote)
    const status = limit && this.#over(limit, peer.remote)
    return status ?? this.#admission.enter(peer.remote)
  }

  #no(reason: Refusal, { remote }: Peer, hint: string, status: number): number {
    this.#refusals.add(reason, remote, hint)
    return status
  }

  /** RFC 6585 §4: 429 "indicates that the user has sent too many requests in a given amount of time"; what concerns all is 503. */
  #over(limit: Limit, remote: string): number | undefined {
    const limits = this.#limits
    const ofOne = limit === 'connectionsPerIp' || limit === 'connectRatePerIp'
    const proxy = ofOne ? '; is it a proxy? Then it belongs into listen.trustedProxies' : ''
    this.#refusals.add(limit, remote, `limits.${limit} is ${limits[limit]}${proxy}`, !limits.dryRun)
    if (limits.dryRun) return undefined
    return ofOne ? 429 : 503
  }
}

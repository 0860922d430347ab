/**
 * Schedules, and the world in which they are played: some clients of a memory broker, whose connection can be cut, with a clock and turns that
 * only the schedule moves. The same schedule can be played where subscriptions are shared and where everybody has one of his own: what a
 * client would have received alone.
 */
import { expect } from 'vitest'
import { type MemoryBroker, memoryBroker } from '../../src/adapters/memory/index.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { buildRoutes } from '../../src/routing/build.ts'
import type { RoutePolicy } from '../../src/routing/route.ts'
import { Router } from '../../src/routing/router.ts'
import type { House } from '../../src/session/house.ts'
import type { SessionLimits } from '../../src/session/limits.ts'
import { Session } from '../../src/session/session.ts'
import { encodeFrame } from '../../src/stomp/encoder.ts'
import { Parser } from '../../src/stomp/parser.ts'
import type { Version } from '../../src/stomp/version.ts'
import { SeveredBroker } from '../support/severed.ts'
import { FakeWire, PlainFraming } from '../support/wire.ts'
import { Stage } from './stage.ts'

/** Who a client is. Subscription ids: as all others have them, like nobody else's, or, in STOMP 1.0, none. */
export interface Player {
  readonly version: Version
  readonly ids: 'common' | 'own' | 'none'
  /** Its wire takes other bytes than the others'. */
  readonly framing: 'common' | 'own'
}

/** Of a subscription: which of its player's. */
interface At {
  readonly player: number
  readonly slot: number
}

/** What one player does. */
type Move =
  | ({ readonly does: 'subscribe'; readonly destination: string } & At)
  | ({ readonly does: 'unsubscribe' } & At)
  | { readonly does: 'send'; readonly player: number; readonly topic: string; readonly size: number }
  /** Reads no more; reads again; goes. */
  | { readonly does: 'stall' | 'drain' | 'disconnect'; readonly player: number }
  /** Stalled, it takes so many bytes of what waits. */
  | { readonly does: 'drip'; readonly player: number; readonly bytes: number }

export type Act =
  | Move
  /** Of the connection to the broker. */
  | { readonly does: 'cut' }
  | { readonly does: 'mend'; readonly kept: boolean }
  /** The turn of the event loop ends. */
  | { readonly does: 'turn' }
  | { readonly does: 'wait'; readonly ms: number }

export interface Schedule {
  readonly players: readonly Player[]
  readonly acts: readonly Act[]
}

/** A frame as its client reads it, without what names the server's own counting: `message-id`. */
export interface Told {
  readonly command: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** In place of a frame: the bridge has ended the connection. */
export const ENDED: Told = { command: 'ENDED', headers: {}, body: '' }

/** What stands in a world beside the players. */
export interface Rules {
  /** Subscriptions to equal topics are shared. */
  readonly shares: boolean
  readonly limits: Partial<SessionLimits>
  /** Of all routes. */
  readonly policy?: Partial<RoutePolicy> | undefined
}

/** Two spellings of the same topics: `/topic/a` and `/shout/a` are shared, and each subscriber reads his own. */
const PREFIXES = ['/topic', '/shout']
/** More than any `batch` of these tests. */
const LATEST_MS = 100
const UNBOUNDED = { frameBytes: 1e9, headerBytes: 1e6, headerCount: 1e6 }

/** Plays a schedule to its end, where everybody reads again and hears a last message. @returns what each player was told, in order */
export async function play(schedule: Schedule, rules: Rules): Promise<Told[][]> {
  const world = new World(rules)
  try {
    return await world.play(schedule)
  } finally {
    await world.ends()
  }
}

class World {
  readonly #stage = new Stage({})
  readonly #memory: MemoryBroker
  readonly #broker: SeveredBroker<unknown>
  readonly #house: House
  readonly #actors: Actor[] = []
  #messages = 0

  constructor({ shares, limits, policy }: Rules) {
    const { house, clock } = this.#stage
    this.#memory = memoryBroker('main', {}, { observer: silentBrokerObserver, clock })
    this.#broker = new SeveredBroker(this.#memory as Broker, shares)
    const brokers = new Map<string, Broker>([['main', this.#broker]])
    const entries = PREFIXES.map((prefix) => ({
      destination: `${prefix}/{name+}`,
      broker: 'main',
      topic: '{name+}',
      errors: 'keep',
    }))
    const routes = buildRoutes(entries, brokers).map((route) => ({ ...route, policy: { ...route.policy, ...policy } }))
    const router = new Router(routes)
    const { snapshot } = house
    this.#house = { ...house, snapshot: { ...snapshot, router, brokers, limits: { ...snapshot.limits, ...limits } } }
  }

  async play({ players, acts }: Schedule): Promise<Told[][]> {
    for (const player of players) this.#actors.push(await this.#enters(player))
    for (const act of acts) {
      await this.#perform(act)
      // What follows from it follows, but the turn goes on.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await this.#finishes()
    return this.#actors.map((actor) => actor.told())
  }

  async ends(): Promise<void> {
    await this.#stage.ends()
    expect(this.#memory.holdings).toMatchObject({ listeners: 0, links: 0, subscriptions: 0 })
    expect(this.#broker.subscriptions.size).toBe(0)
    await this.#memory[Symbol.asyncDispose]()
  }

  async #enters({ version, ids, framing }: Player): Promise<Actor> {
    const { wires, sessions } = this.#stage
    const number = wires.length
    const wire = new FakeWire({
      id: `wire-${number}`,
      framing: framing === 'own' ? new PlainFraming() : this.#stage.framing,
    })
    wires.push(wire)
    wire.accept((accepted) => {
      const session = new Session(accepted, this.#house)
      sessions.push(session)
      return session
    })
    const actor = new Actor(wire, version, (slot) => (ids === 'common' ? `sub-${slot}` : `own-${number}-${slot}`), ids)
    actor.sends('CONNECT', version === '1.0' ? {} : { 'accept-version': version })
    await this.#stage.settles()
    return actor
  }

  async #perform(act: Act): Promise<void> {
    if (act.does === 'turn') await this.#stage.settles()
    else if (act.does === 'cut') this.#broker.cut()
    else if (act.does === 'mend') await this.#mends(act.kept)
    else if (act.does === 'wait') this.#stage.clock.advance(act.ms)
    else this.#moves(this.#actors[act.player % this.#actors.length]!, act)
  }

  #moves(actor: Actor, act: Move): void {
    const { wire } = actor
    if (actor.hasLeft) return
    if (act.does === 'subscribe') actor.subscribes(act.slot, act.destination, this.#broker.isCut)
    else if (act.does === 'unsubscribe') actor.unsubscribes(act.slot)
    else if (act.does === 'send') this.#sends(actor, act.topic, act.size)
    else if (act.does === 'stall') wire.stall()
    else if (act.does === 'drip') wire.drainTo(wire.sent + act.bytes)
    else if (act.does === 'drain') wire.drains()
    else actor.leaves()
  }

  /** One whose SUBSCRIBE waits for the broker would send later, and when would be the broker's choice: then somebody else's message is none. */
  #sends(actor: Actor, topic: string, size: number): void {
    if (actor.waits) return
    const number = ++this.#messages
    const headers = { destination: `/topic/${topic}`, receipt: `sent-${number}`, note: `a:b ${number}` }
    actor.sends('SEND', headers, `${number} ${'x'.repeat(size)}`)
  }

  async #mends(kept: boolean): Promise<void> {
    this.#broker.mend(kept)
    // Those who waited have their answers before anybody goes on.
    await this.#stage.settles()
    for (const actor of this.#actors) actor.waits = false
  }

  async #finishes(): Promise<void> {
    for (const { wire } of this.#actors) wire.drains()
    await this.#mends(false)
    // What is collected for a while goes out.
    await this.#stage.passes(LATEST_MS)
    const speaker = await this.#enters({ version: '1.2', ids: 'common', framing: 'common' })
    for (const topic of ['a', 'b.c']) {
      speaker.sends('SEND', { destination: `/topic/${topic}`, last: 'true' }, `last of ${topic}`)
      await this.#stage.passes(LATEST_MS)
    }
  }
}

class Actor {
  readonly wire: FakeWire
  readonly #version: Version
  readonly #id: (slot: number) => string
  readonly #named: boolean
  /** Destinations of the subscriptions that it has, by slot. */
  readonly #slots = new Map<number, string>()
  #receipts = 0
  hasLeft = false
  /** A SUBSCRIBE of it waits for the broker. */
  waits = false

  constructor(wire: FakeWire, version: Version, id: (slot: number) => string, ids: Player['ids']) {
    this.wire = wire
    this.#version = version
    this.#id = id
    this.#named = ids !== 'none'
  }

  sends(command: string, headers: Readonly<Record<string, string>>, body = ''): void {
    this.wire.receives(encodeFrame(command, Object.entries(headers).flat(), Buffer.from(body), this.#version))
  }

  subscribes(slot: number, destination: string, waits: boolean): void {
    // Without an id a subscription goes by its destination, and a MESSAGE by the one it came from.
    const isTaken = !this.#named && ([...this.#slots.values()].includes(destination) || /[*#]/.test(destination))
    if (isTaken || this.#slots.has(slot)) return
    this.#slots.set(slot, destination)
    this.waits ||= waits
    const name: { id?: string } = this.#named ? { id: this.#id(slot) } : {}
    this.sends('SUBSCRIBE', { ...name, destination, receipt: `on ${name.id ?? destination} ${++this.#receipts}` })
  }

  unsubscribes(slot: number): void {
    const destination = this.#slots.get(slot)
    // One that the broker was too long away for is no subscription any more.
    if (destination === undefined || this.waits) return
    this.#slots.delete(slot)
    const name = this.#named ? { id: this.#id(slot) } : { destination }
    this.sends('UNSUBSCRIBE', {
      ...name,
      receipt: `off ${this.#named ? this.#id(slot) : destination} ${++this.#receipts}`,
    })
  }

  leaves(): void {
    this.hasLeft = true
    this.sends('DISCONNECT', { receipt: 'left' })
  }

  /** All frames after CONNECTED. */
  told(): Told[] {
    const parser = new Parser(UNBOUNDED)
    parser.version = this.#version
    parser.push(Buffer.concat(this.wire.out))
    const told: Told[] = []
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
      const { command, headers: list, body } = frame
      const headers: Record<string, string> = {}
      for (let at = 0; at < list.length; at += 2) if (list[at] !== 'message-id') headers[list[at]!] ??= list[at + 1]!
      if (command !== 'CONNECTED') told.push({ command, headers, body: body.toString() })
    }
    // 1000: as its client has asked
    const { terminated, closing } = this.wire
    if (terminated || (closing !== undefined && closing.code !== 1000)) told.push(ENDED)
    return told
  }
}

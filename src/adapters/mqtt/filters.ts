/**
 * The topic filters that one connection is subscribed to, each once however many listen, and which of them a PUBLISH belongs to. MQTT 5
 * brokers say it by subscription identifier, in one copy per filter or one with several identifiers; 3.1.1 says nothing, so there the hub
 * puts overlapping filters on different connections and the topic decides.
 */
import type { IPublishPacket, MqttClient } from 'mqtt'
import type { BrokerError } from '../../broker/errors.ts'
import { subscribeRefused } from './failure.ts'
import { Subacks } from './subacks.ts'
import { matches, overlap, unshared } from './topics.ts'

/** Who listens to a filter. */
export interface Ear {
  heard(packet: IPublishPacket): void
  /** The broker has agreed, for the first time or again. */
  granted(): void
  /** The connection is gone. */
  lost(): void
  /** The broker has refused the filter: nothing more comes. */
  refused(reason: BrokerError): void
}

export interface FilterRules {
  readonly protocol: 4 | 5
  /** Whether the broker is to send what it retains when a filter is new. After a lost connection it always is: values may have changed meanwhile. */
  readonly retained: boolean
}

interface Entry {
  readonly filter: string
  /** MQTT 5 §3.8.2.1.2: 1 to 268,435,455. */
  readonly id: number
  readonly ears: Set<Ear>
  qos: 0 | 1
  isGranted: boolean
  /** It was granted on an earlier connection. */
  isOld: boolean
}

const LAST_ID = 268_435_455

export class FilterSet {
  readonly #rules: FilterRules
  readonly #changed: () => void
  readonly #byFilter = new Map<string, Entry>()
  readonly #byId = new Map<number, Entry>()
  #lastId = 0
  #client: MqttClient | undefined
  /** Of the client. */
  #subacks: Subacks | undefined

  /** @param changed is called when it has become empty */
  constructor(rules: FilterRules, changed: () => void) {
    this.#rules = rules
    this.#changed = changed
  }

  get size(): number {
    return this.#byFilter.size
  }

  has(filter: string): boolean {
    return this.#byFilter.has(filter)
  }

  /** Whether a message of this filter could not be mistaken for one of another. */
  admits(filter: string): boolean {
    if (this.#rules.protocol === 5) return true
    const plain = unshared(filter)
    return ![...this.#byFilter.keys()].some((other) => overlap(unshared(other), plain))
  }

  add(filter: string, qos: 0 | 1, ear: Ear): void {
    let entry = this.#byFilter.get(filter)
    if (entry === undefined) {
      entry = { filter, id: this.#nextId(), ears: new Set(), qos, isGranted: false, isOld: false }
      this.#byFilter.set(filter, entry)
      this.#byId.set(entry.id, entry)
      entry.ears.add(ear)
      this.#subscribe(entry)
      return
    }
    entry.ears.add(ear)
    if (qos > entry.qos) {
      entry.qos = qos
      this.#subscribe(entry)
    } else if (entry.isGranted) ear.granted()
  }

  /** Resolves when the broker sends no more of the filter to anybody here, or does not matter any more. */
  remove(filter: string, ear: Ear): Promise<void> {
    const entry = this.#byFilter.get(filter)
    if (entry === undefined || !entry.ears.delete(ear) || entry.ears.size > 0) return Promise.resolve()
    this.#forget(entry)
    const client = this.#client
    if (client === undefined) return Promise.resolve()
    return new Promise((resolve) => client.unsubscribe(filter, () => resolve()))
  }

  opened(client: MqttClient): void {
    this.#client = client
    this.#subacks = new Subacks(client)
    for (const entry of [...this.#byFilter.values()]) this.#subscribe(entry)
  }

  lost(): void {
    this.#client = undefined
    for (const entry of this.#byFilter.values()) {
      entry.isOld ||= entry.isGranted
      entry.isGranted = false
      for (const ear of [...entry.ears]) ear.lost()
    }
  }

  received(packet: IPublishPacket): void {
    const given = packet.properties?.subscriptionIdentifier
    if (typeof given === 'number') this.#hand(this.#byId.get(given), packet)
    else if (given !== undefined) for (const id of given) this.#hand(this.#byId.get(id), packet)
    else
      for (const entry of [...this.#byFilter.values()])
        if (matches(unshared(entry.filter), packet.topic)) this.#hand(entry, packet)
  }

  #hand(entry: Entry | undefined, packet: IPublishPacket): void {
    // 3.1.1 cannot be told to leave out what it retains.
    if (entry === undefined || (packet.retain && !this.#rules.retained && !entry.isOld)) return
    if (!entry.filter.startsWith('$share/')) {
      for (const ear of [...entry.ears]) ear.heard(packet)
      return
    }
    // The broker takes us for one member of the group: each message is for one of ours, in turn.
    const [next] = entry.ears
    if (next === undefined) return
    entry.ears.delete(next)
    entry.ears.add(next)
    next.heard(packet)
  }

  #subscribe(entry: Entry): void {
    const client = this.#client
    if (client === undefined) return
    const { filter, id, qos } = entry
    const five = this.#rules.protocol === 5
    // Retain Handling, MQTT 5 §3.8.3.1: 0 = send retained messages, 2 = do not. A shared subscription gets none anyway.
    const handling = { nl: false, rap: false, rh: this.#rules.retained || entry.isOld ? 0 : 2 }
    const options = five ? { qos, ...handling, properties: { subscriptionIdentifier: id } } : { qos }
    this.#subacks!.subscribe(filter, options, (refusal) => {
      if (this.#client !== client || this.#byId.get(id) !== entry) return
      if (refusal === undefined) this.#granted(entry)
      else this.#refused(entry, subscribeRefused(refusal))
    })
  }

  #granted(entry: Entry): void {
    entry.isGranted = true
    for (const ear of [...entry.ears]) ear.granted()
  }

  #refused(entry: Entry, reason: BrokerError): void {
    this.#forget(entry)
    for (const ear of entry.ears) ear.refused(reason)
  }

  #forget(entry: Entry): void {
    this.#byFilter.delete(entry.filter)
    this.#byId.delete(entry.id)
    if (this.#byFilter.size === 0) this.#changed()
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === LAST_ID ? 1 : this.#lastId + 1
    while (this.#byId.has(this.#lastId))
    return this.#lastId
  }
}

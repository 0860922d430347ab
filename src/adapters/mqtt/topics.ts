/**
 * Topic names and topic filters: how what a client wrote becomes one, which filters match or overlap, and the target that carries one through
 * the bridge. Knows no connection.
 *
 *   SUBSCRIBE   `*` or `+` as a whole level is MQTT's `+`; `#`, `**` or `>` as the last level is MQTT's `#`
 *   SEND        has no wildcard and no empty level
 */
import { BrokerError } from '../../broker/errors.ts'
import type { RouteRule } from './rule.ts'
import { textFault } from './text.ts'

/** The first level of the bridge's own topics: no route reaches them. */
const RESERVED = 'stomp-bridge'

/** A message that came on one is for the bridge: a client's wildcard does not bring it. */
export function isReserved(topic: string): boolean {
  return topic.startsWith(`${RESERVED}/`)
}

export class MqttTarget {
  /** In MQTT's words: a topic name, or a topic filter without `$share`. */
  readonly topic: string
  /** Names many topics: it can be subscribed to and not published to. */
  readonly wildcard: boolean
  /** Where rejected messages go; undefined = nowhere. */
  readonly deadLetter: string | undefined
  readonly rule: RouteRule

  constructor(topic: string, wildcard: boolean, rule: RouteRule, deadLetter: string | undefined) {
    this.topic = topic
    this.wildcard = wildcard
    this.rule = rule
    this.deadLetter = deadLetter
  }

  /** The topic filter of a SUBSCRIBE. MQTT 5 §4.8.2: `$share/{ShareName}/{filter}`. */
  get filter(): string {
    return this.rule.group === undefined ? this.topic : `$share/${this.rule.group}/${this.topic}`
  }

  /** The same place with the topic that a message came on. */
  concrete(topic: string): MqttTarget {
    return topic === this.topic ? this : new MqttTarget(topic, false, this.rule, this.deadLetter)
  }
}

/**
 * @param written the topic with the client's wildcards
 * @param dollar whether the route itself says `$…` at the beginning
 * @throws BrokerError `bad-destination` naming the rule
 */
export function readTopic(written: string, dollar: boolean): { readonly topic: string; readonly wildcard: boolean } {
  const fault = textFault(written)
  if (fault !== undefined) throw unfit(`a topic must ${fault}`)
  if (written === '') throw unfit('a topic must not be empty')
  // MQTT 5 §4.7.2: topics beginning with $ are the broker's own; $share would make a client somebody else's competitor.
  if (written.startsWith('$') && !dollar) throw unfit('topics that begin with $ are not open to clients')
  const levels = written.split('/')
  if (levels[0] === RESERVED) throw unfit(`topics below ${RESERVED}/ belong to the bridge`)
  const read = levels.map((level, index) => readLevel(level, index === levels.length - 1))
  return { topic: read.join('/'), wildcard: read.some((level) => level === '+' || level === '#') }
}

function readLevel(level: string, isLast: boolean): string {
  if (level === '*' || level === '+') return '+'
  if (level === '#' || level === '**') {
    if (isLast) return '#'
    throw unfit(`MQTT cannot express "${level}" before the end: it stands for any number of levels, and only last`)
  }
  if (level === '>' && isLast) return '#'
  if (/[*+#]/.test(level))
    throw unfit('MQTT cannot express a wildcard that is part of a level: it stands for a whole one')
  return level
}

/** @throws BrokerError `bad-destination`: no message can be published there */
export function checkPublishable(target: MqttTarget): void {
  if (target.wildcard) throw unfit('a SEND needs one topic: it names many')
  // Brokers allow an empty level; no one means it, and `/a` and `a` are two topics.
  if (/^\/|\/\/|\/$/.test(target.topic)) throw unfit('a topic must not have an empty level')
}

/** Whether a published topic is one of the filter's. MQTT 5 §4.7.1: `#` also stands for its parent. */
export function matches(filter: string, topic: string): boolean {
  const words = filter.split('/')
  const levels = topic.split('/')
  // MQTT 5 §4.7.2: "MUST NOT match Topic Filters starting with a wildcard character (# or +) with Topic Names beginning with a $"
  if (topic.startsWith('$') && (words[0] === '#' || words[0] === '+')) return false
  for (const [index, word] of words.entries()) {
    if (word === '#') return true
    if (index >= levels.length || (word !== '+' && word !== levels[index])) return false
  }
  return words.length === levels.length
}

/** Whether one topic could be of both filters. */
export function overlap(left: string, right: string): boolean {
  const ours = left.split('/')
  const theirs = right.split('/')
  for (let index = 0; ; index++) {
    const our = ours[index]
    const their = theirs[index]
    if (our === '#' || their === '#') return true
    if (our === undefined || their === undefined) return our === their
    if (our !== their && our !== '+' && their !== '+') return false
  }
}

/** The filter below `$share/{ShareName}/`. */
export function unshared(filter: string): string {
  return filter.startsWith('$share/') ? filter.slice(filter.indexOf('/', 7) + 1) : filter
}

function unfit(text: string): BrokerError {
  return new BrokerError('bad-destination', text)
}

/**
 * Presets: one line of `routes:` that stands for many. Pure data: which destinations there are, what each maps to in the words of its adapter,
 * and which word of `allow:` opens it. The forms of `rabbitmq` are those of RabbitMQ's Web STOMP plugin.
 */
import type { Forms } from '../broker/broker.ts'
import type { Field } from '../broker/schema.ts'
import { spring } from './spring.ts'

export interface PresetRoute {
  readonly destination: string
  /** The adapter's own fields. */
  readonly options: Readonly<Record<string, unknown>>
  /** The word of `allow:` that opens it; undefined = always open. */
  readonly word: string | undefined
  /**
   * clients: SEND and SUBSCRIBE · reply-to: only the `reply-to` of a SEND, neither SEND nor SUBSCRIBE · answers: without its word, SEND only to
   * names that the session received as `reply-to`; with it, everything · listeners: SUBSCRIBE only.
   */
  readonly use: 'clients' | 'reply-to' | 'answers' | 'listeners'
  /** See PatternOptions. */
  readonly verbatim?: boolean
  readonly separator?: '.'
}

export interface Preset {
  /** Its own options, beside those that every route has. */
  readonly fields: readonly Field[]
  /** What is open on a broker with a service account when `allow` is not given. */
  readonly allow: readonly string[]
  /** What options of every route are here when they are not given, where that differs. */
  readonly standard?: Readonly<Record<string, unknown>>
  /**
   * @param options the preset's own, with defaults filled in; of the type of their default, where they have one
   * @param forms of the broker; only for a preset that fits several kinds
   * @throws FieldError
   */
  routes(options: Readonly<Record<string, unknown>>, forms: Forms | undefined): readonly PresetRoute[]
}

const memory: Preset = {
  fields: [],
  allow: [],
  routes: () => [
    { destination: '/topic/{name+}', options: { topic: '{name+}' }, word: undefined, use: 'clients' },
    { destination: '/queue/{name+}', options: { queue: '{name+}' }, word: undefined, use: 'clients' },
  ],
}

const rabbitmq: Preset = {
  fields: [
    { name: 'topicExchange', default: 'amq.topic', description: 'the exchange behind /topic' },
    {
      name: 'slashTopics',
      default: false,
      description: '/topic/room/1 is the routing key room.1, as Spring users write it',
    },
    {
      name: 'mandatory',
      shape: 'truth',
      default: undefined,
      description: 'see the same option of a route on a rabbitmq broker',
    },
    {
      name: 'persistent',
      values: ['with-receipt', 'as-sent'],
      default: undefined,
      description: 'see the same option of a route on a rabbitmq broker',
    },
  ],
  allow: ['topic', 'queue', 'temp-queue'],
  routes({ topicExchange, slashTopics, ...sending }) {
    const topic = { exchange: topicExchange, routingKey: '{key}', ...sending }
    const named = { queue: '{name}', declare: 'missing', ...sending }
    return [
      slashTopics === true
        ? { destination: '/topic/{key+}', options: topic, word: 'topic', use: 'clients', separator: '.' }
        : { destination: '/topic/{key}', options: topic, word: 'topic', use: 'clients' },
      { destination: '/queue/{name}', options: named, word: 'queue', use: 'clients' },
      // "name (no slash at all) = /queue/name": after /queue, so that a MESSAGE says /queue.
      { destination: '{name}', options: named, word: 'queue', use: 'clients' },
      {
        destination: '/exchange/{exchange}',
        options: { exchange: '{exchange}', ...sending },
        word: 'exchange',
        use: 'clients',
      },
      {
        destination: '/exchange/{exchange}/{key}',
        options: { exchange: '{exchange}', routingKey: '{key}', ...sending },
        word: 'exchange',
        use: 'clients',
      },
      {
        destination: '/amq/queue/{name}',
        options: { queue: '{name}', declare: 'never', ...sending },
        word: 'amq-queue',
        use: 'clients',
      },
      { destination: '/temp-queue/{name}', options: { temp: '{name}' }, word: 'temp-queue', use: 'reply-to' },
      // "everything after prefix verbatim (slashes allowed, no decode), no declare"
      {
        destination: '/reply-queue/{name+}',
        options: { queue: '{name}', reply: true },
        word: 'reply-queue',
        use: 'answers',
        verbatim: true,
      },
    ]
  },
}

const mqtt: Preset = {
  fields: [
    { name: 'group', default: 'stomp-bridge', description: 'the share name behind /queue: $share/<group>/…' },
    {
      name: 'send',
      shape: 'truth',
      default: undefined,
      description: 'whether clients may SEND; not given: only while listening on loopback',
    },
    {
      name: 'qos',
      values: [0, 1],
      default: undefined,
      description: 'see the same option of a route on an mqtt broker',
    },
    {
      name: 'retain',
      shape: 'truth',
      default: undefined,
      description: 'see the same option of a route on an mqtt broker',
    },
    {
      name: 'ack',
      values: ['deferred', 'emulate', 'refuse'],
      default: undefined,
      description: 'see the same option of a route on an mqtt broker',
    },
    {
      name: 'ackTimeout',
      default: undefined,
      unit: 'ms',
      description: 'see the same option of a route on an mqtt broker',
    },
    {
      name: 'sessionExpiry',
      default: undefined,
      unit: 'ms',
      description: 'see the same option of a route on an mqtt broker',
    },
  ],
  allow: [],
  routes({ group, send, ...options }) {
    const use = send === false ? 'listeners' : 'clients'
    return [
      // RabbitMQ's and Spring's way to write topics: a dot or a slash parts levels.
      {
        destination: '/topic/{name+}',
        options: { topic: '{name+}', separator: '.', ...options },
        word: undefined,
        use,
        separator: '.',
      },
      { destination: '/queue/{name+}', options: { topic: '{name+}', group, ...options }, word: undefined, use },
      // MQTT's own way.
      { destination: '/{level+}', options: { topic: '{level+}', ...options }, word: undefined, use },
    ]
  },
}

export const presets: ReadonlyMap<string, Preset> = new Map([
  ['memory', memory],
  ['mqtt', mqtt],
  ['rabbitmq', rabbitmq],
  ['spring', spring],
])

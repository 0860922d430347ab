/** What the RabbitMQ adapter makes of its options, without a broker: brokers, routes, targets and back, traits, share keys. */
import { describe, expect, it } from 'vitest'
import { type AmqpTarget, rabbitmqBroker } from '../../src/adapters/rabbitmq/index.ts'
import { Window } from '../../src/adapters/rabbitmq/window.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { FieldError } from '../../src/broker/errors.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { FakeClock } from '../support/clock.ts'
import { RecordingSink } from '../support/sink.ts'

const clock = new FakeClock()
const SECRET = 'hunter2'

function broker(options: Readonly<Record<string, unknown>> = {}): Broker<AmqpTarget> {
  return rabbitmqBroker('rabbit', { adapter: 'rabbitmq', ...options }, { clock, observer: silentBrokerObserver })
}

function pathOf(run: () => unknown): readonly (string | number)[] {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(FieldError)
    expect((error as FieldError).message).not.toContain(SECRET)
    return (error as FieldError).path
  }
  return ['accepted']
}

describe('a broker’s options', () => {
  it('a url with user and password is a service account, one without is not', () => {
    expect(broker({ url: 'amqp://a:b@host' }).credentials).toBe('service')
    expect(broker({ url: 'amqps://host/vhost' }).credentials).toBe('client')
    expect(broker({ url: 'amqp://a:b@host', credentials: 'client' }).credentials).toBe('client')
  })

  it.each([
    ['url', { url: 'http://host' }],
    ['url', { url: `not a url ${SECRET}` }],
    ['url', { url: `amqp://a:${SECRET}@host?heartbeat=1` }],
    ['url', { url: `amqp://a:${SECRET}%zz@host` }],
    ['url', { url: 'amqp://host', credentials: 'service' }],
    ['credentials', { credentials: 'both' }],
    ['heartbeat', { heartbeat: 0 }],
    ['heartbeat', { heartbeat: '10s' }],
    ['reconnectMax', { reconnectMin: 1_000, reconnectMax: 999 }],
    ['connections', { connections: 0 }],
    ['ca', { url: 'amqp://host', ca: 'x' }],
    ['ca', { url: 'amqps://host', ca: SECRET }],
    ['cert', { url: 'amqps://host', cert: 'x' }],
    ['cert', { url: 'amqps://host', cert: SECRET, key: SECRET }],
    ['key', { url: 'amqps://host', key: 'x' }],
    ['serverName', { url: 'amqp://host', serverName: 'x' }],
    ['serverName', { url: 'amqps://host', serverName: '' }],
    ['queueNamesPerMinute', { queueNamesPerMinute: 1.5 }],
    ['maxUsers', { maxUsers: 0 }],
    ['recheck', { recheck: -1 }],
    ['hartbeat', { hartbeat: 10_000 }],
  ])('a fault in %s names it', (field, options) => {
    expect(pathOf(() => broker(options))).toEqual([field])
  })
})

describe('a route’s options', () => {
  const route = (options: Readonly<Record<string, unknown>>, names: readonly string[] = []) =>
    broker().route(options, names)

  it.each([
    ['exchange', {}, []],
    ['queue', { exchange: 'a', queue: 'b' }, []],
    ['exchange', { exchange: '' }, []],
    ['exchange', { exchange: 'stomp-bridge' }, []],
    ['exchange', { exchange: 'amq.rabbitmq.trace' }, []],
    ['routingKey', { exchange: 'a', routingKey: '{key}{key}' }, ['key']],
    ['routingKey', { exchange: '{key}', routingKey: '{key}' }, ['key']],
    ['routingKey', { exchange: 'a', routingKey: '{other}' }, ['key']],
    ['routingKey', { exchange: 'a' }, ['key']],
    ['routingKey', { queue: 'a', routingKey: 'b' }, []],
    ['queue', { queue: 'fixed' }, ['name']],
    ['queue', { queue: 'amq.gen-x' }, []],
    ['queue', { queue: 7 }, []],
    ['declare', { queue: 'a', declare: 'sometimes' }, []],
    ['declare', { queue: '{name}', reply: true, declare: 'always' }, ['name']],
    ['declare', { exchange: 'a', declare: 'always' }, []],
    ['mandatory', { queue: 'a', mandatory: 'yes' }, []],
    ['persistent', { queue: 'a', persistent: true }, []],
    ['mandatory', { temp: '{name}', mandatory: true }, ['name']],
    ['topic', { exchange: 'a', topic: 'b' }, []],
  ])('a fault in %s names it: %j', (field, options, names) => {
    expect(pathOf(() => route(options, names))).toEqual([field])
  })

  it.each([
    ['exchange amq.topic, key {key}', { exchange: 'amq.topic', routingKey: '{key}' }, { key: 'a.b' }],
    ['exchange {x}, key (empty)', { exchange: '{x}' }, { x: 'logs' }],
    ['exchange {x}, key user.{key}.in', { exchange: '{x}', routingKey: 'user.{key}.in' }, { x: 'logs', key: 'ann/1' }],
    ['queue {name}, declared if missing', { queue: '{name}', declare: 'missing' }, { name: 'orders' }],
    ['queue jobs.{name+}', { queue: 'jobs.{name+}' }, { name: 'a/b' }],
    ['queue {name}, for answers', { queue: '{name}', reply: true }, { name: 'amq.gen-JzTY20BRgKO' }],
    ['temporary queue {name}, for answers', { temp: '{name}' }, { name: 'mine' }],
  ])('there and back: %s', (summary, options, variables) => {
    const made = route(options, Object.keys(variables))
    expect(made.summary).toBe(summary)
    expect(made.variables(made.target(variables as never))).toEqual(variables)
  })

  it('a route does not take another’s targets for its own', () => {
    const queue = route({ queue: '{name}' }, ['name'])
    const others = [
      route({ queue: '{name}', reply: true }, ['name']).target({ name: 'a' }),
      route({ exchange: '{name}' }, ['name']).target({ name: 'a' }),
      route({ temp: '{name}' }, ['name']).target({ name: 'a' }),
    ]
    expect(others.map((target) => queue.variables(target))).toEqual([undefined, undefined, undefined])
  })

  it('traits', () => {
    const rabbit = broker()
    const traits = (options: Readonly<Record<string, unknown>>) =>
      rabbit.traits(route(options).target(Object.create(null)))
    expect(traits({ queue: 'a' })).toMatchObject({ distribution: 'compete', stores: true, wildcard: false })
    expect(traits({ exchange: 'a', routingKey: 'a.b' })).toMatchObject({
      distribution: 'copy',
      stores: false,
      wildcard: false,
    })
    for (const routingKey of ['a.*', '#', '*.b', 'a.#.b', '']) {
      expect(traits({ exchange: 'a', routingKey })).toMatchObject({ wildcard: true })
    }
    expect(traits({ exchange: 'a', routingKey: 'a*.b#' })).toMatchObject({ wildcard: false })
    expect(traits({ temp: 'a' })).toMatchObject({ distribution: 'once', settles: false })
  })

  it('what a route reads as arguments', () => {
    expect(route({ exchange: 'a' }).arguments).toContain('x-queue-name')
    expect(route({ queue: 'a', declare: 'missing' }).arguments).toContain('x-overflow')
    expect(route({ queue: 'a', declare: 'missing' }).arguments).not.toContain('x-queue-name')
    expect(route({ queue: 'a' }).arguments).not.toContain('x-overflow')
    expect(route({ queue: 'a' }).arguments).toContain('x-stream-offset')
  })
})

describe('a broker that was never reached', () => {
  it('is disposed during its start, twice, and leaves no timer', async () => {
    const quiet = new FakeClock()
    const away = rabbitmqBroker(
      'away',
      { url: 'amqp://a:b@127.0.0.1:1' },
      { clock: quiet, observer: silentBrokerObserver },
    )
    const starting = away.start(new AbortController().signal)
    await Promise.all([away[Symbol.asyncDispose](), away[Symbol.asyncDispose]()])
    await starting
    expect([away.health.state, quiet.pending]).toEqual(['down', 0])
  })

  it('a link is given all the same, and its publish is held as long as it says', async () => {
    const quiet = new FakeClock()
    const away = rabbitmqBroker(
      'away',
      { url: 'amqp://a:b@127.0.0.1:1' },
      { clock: quiet, observer: silentBrokerObserver },
    )
    await away.start(new AbortController().signal)
    expect(away.health.state).toBe('down')
    const who = { name: undefined, session: 's', credentials: undefined }
    const link = await away.link(who, new RecordingSink(), new AbortController().signal)
    const target = away.route({ queue: 'a' }, []).target(Object.create(null))
    const { message } = await import('./scene.ts')
    const publish = (holdMs: number) =>
      link.publish(target, message('x'), { receipt: true, holdMs, resend: true, arguments: undefined }).then(
        () => 'confirmed',
        (error) => error.code,
      )
    expect(await publish(0)).toBe('broker-unavailable')
    const held = publish(5_000)
    quiet.advance(4_900)
    expect(await Promise.race([held, Promise.resolve('held')])).toBe('held')
    quiet.advance(200)
    expect(await held).toBe('broker-unavailable')
    await link[Symbol.asyncDispose]()
    await away[Symbol.asyncDispose]()
    expect(quiet.pending).toBe(0)
  })
})

describe('the prefetch that a byte credit asks for', () => {
  const MIB = 1024 * 1024

  it('without a bound of bytes it is the credit, 0 when that has none either', () => {
    expect(new Window(7, Number.POSITIVE_INFINITY).prefetch).toBe(7)
    expect(new Window(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY).prefetch).toBe(0)
  })

  it('starts small, grows to the credit on small messages, shrinks to what fits on large ones', () => {
    const window = new Window(1_000, 8 * MIB)
    const start = window.prefetch
    expect(start).toBeLessThan(100)
    const asked = Array.from({ length: start }, () => window.note(100))
    expect(asked.indexOf(true)).toBe(start - 1)
    window.adapt()
    expect(window.prefetch).toBe(1_000)
    expect(window.note(MIB)).toBe(true)
    window.adapt()
    expect(window.prefetch).toBe(8)
    expect(window.note(100 * MIB)).toBe(true)
    window.adapt()
    expect([window.prefetch, window.note(100 * MIB)]).toEqual([1, false])
  })
})

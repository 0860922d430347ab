/** What an operator may write for a memory broker and its routes, and what becomes of mistakes. */
import { describe, expect, it } from 'vitest'
import { brokerFields, routeFields } from '../../src/adapters/memory/fields.ts'
import { memoryBroker } from '../../src/adapters/memory/index.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { FakeClock } from '../support/clock.ts'
import { Table } from './table.ts'

describe('the fields', () => {
  it('have their defaults in the table that documents them', async () => {
    const { broker } = await Table.open(Object.fromEntries(brokerFields.map((field) => [field.name, field.default])))
    expect(broker.health.state).toBe('up')
    expect(routeFields.map((field) => field.name)).toEqual(['topic', 'ant', 'queue', 'deadLetter'])
  })

  it.each([
    [{ maxMesages: 1 }, ['maxMesages']],
    [{ maxMessages: 0 }, ['maxMessages']],
    [{ maxMessages: '10' }, ['maxMessages']],
    [{ maxBytes: 1.5 }, ['maxBytes']],
    [{ maxDurables: -1 }, ['maxDurables']],
    [[], []],
    ['full', []],
  ])('of a broker: %o is a mistake at %o', (options, path) => {
    const deps = { observer: silentBrokerObserver, clock: new FakeClock() }
    expect(() => memoryBroker('local', options, deps)).toThrow(expect.objectContaining({ name: 'FieldError', path }))
  })

  it.each([
    [{}, []],
    [{ topic: '{name}', queue: '{name}' }, ['queue']],
    [{ topic: '{name}', deadLetter: 'dead' }, ['deadLetter']],
    [{ topic: '{name}', ant: '-' }, ['ant']],
    [{ topic: 'a{name}', ant: '/' }, ['topic']],
    [{ queue: '{name}', ant: '/' }, ['ant']],
    [{ topic: '{name}', qos: 1 }, ['qos']],
    [{ topic: 7 }, ['topic']],
    [{ topic: '' }, ['topic']],
    [{ topic: 'fixed' }, ['topic']],
    [{ topic: '{other}' }, ['topic']],
    [{ queue: '{name}{name}' }, ['queue']],
    [{ queue: '{name}', deadLetter: '{name}' }, ['deadLetter']],
    [{ queue: '{name}', deadLetter: 'dead.{other}' }, ['deadLetter']],
  ])('of a route: %o is a mistake at %o', async (options, path) => {
    const { broker } = await Table.open()
    expect(() => broker.route(options, ['name'])).toThrow(expect.objectContaining({ name: 'FieldError', path }))
  })

  it('of a route are summed up in a line', async () => {
    const { broker } = await Table.open()
    const route = broker.route({ queue: '{name}', deadLetter: 'dead.{name}' }, ['name'])
    expect(route.summary).toBe('queue {name}, rejected to queue dead.{name}')
  })

  it('tell queues from topics on the way back', async () => {
    const table = await Table.open()
    const route = table.broker.route({ topic: '{name+}' }, ['name'])
    expect({ ...route.variables(table.topic('a/b') as never) }).toEqual({ name: 'a/b' })
    expect(route.variables(table.queue('a') as never)).toBeUndefined()
  })
})

/** Names in the bridge's own namespace: every value means itself, and finds its way back. */
import { describe, expect, test } from 'vitest'
import { innerKey, innerVariables } from '../../src/broker/inner.ts'

describe('a key', () => {
  test.each([
    ['ann', 'queue/x', 'user.ann.queue.x'],
    ['ann@example.com', 'queue/x', 'user.ann@example%2Ecom.queue.x'],
    ['tenant/ann', 'x', 'user.tenant/ann.x'],
    ['*', '#', 'user.%2A.%23'],
    ['100%', 'a.b/c', 'user.100%25.a%2Eb.c'],
    ['%2E', 'x', 'user.%252E.x'],
    ['a\nb\u007f', 'x', 'user.a%0Ab%7F.x'],
    ['Ä 安', 'x', 'user.Ä 安.x'],
    ['__proto__', 'x', 'user.__proto__.x'],
  ])('of %j and %j, and back', (name, path, key) => {
    expect(innerKey('user', { name, path })).toBe(key)
    expect({ ...innerVariables('user', key) }).toEqual({ name, path })
  })

  test('of events is a word', () => {
    expect(innerKey('sessions', {})).toBe('sessions')
    expect(innerVariables('sessions', 'sessions')).toBeDefined()
    expect(innerVariables('sessions', 'user.ann.x')).toBeUndefined()
  })

  test.each(['sessions', 'user', 'user.ann', 'other.ann.x'])('%s is of no user', (key) => {
    expect(innerVariables('user', key)).toBeUndefined()
  })

  test('has 255 bytes, as AMQP wants it', () => {
    const room = 255 - 'user..x'.length
    expect(innerKey('user', { name: 'n'.repeat(room), path: 'x' })).toHaveLength(255)
    for (const name of ['n'.repeat(room + 1), 'ä'.repeat(room / 2 + 1), '.'.repeat(room / 3 + 1)]) {
      expect(() => innerKey('user', { name, path: 'x' })).toThrow(expect.objectContaining({ code: 'bad-destination' }))
    }
  })
})

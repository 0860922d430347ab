/** `listen.sockjs`: off until it has a path; and what its values must look like. */
import { describe, expect, test } from 'vitest'
import { adapters } from '../../src/adapters/index.ts'
import { authenticators } from '../../src/auth/index.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

function load(env: Record<string, string>) {
  const named = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [`STOMP_BRIDGE_LISTEN_SOCKJS_${name}`, value]),
  )
  const shared = { fragments: adapters, routing: routingFields, authenticators }
  return loadConfig({ file: undefined, env: named, flags: {}, ...shared })
}

describe('listen.sockjs', () => {
  test('is off', () => {
    expect(load({}).config.listen.sockjs).toBeUndefined()
  })

  test('has the standards of SockJS', () => {
    const { config, faults } = load({ PATH: '/ws' })
    expect(faults).toEqual([])
    expect(config.listen.sockjs).toEqual({
      path: '/ws',
      websocket: true,
      heartbeatMs: 25_000,
      disconnectDelayMs: 5_000,
      streamBytes: 128 * 1024,
      sticky: true,
      clientUrl: expect.stringMatching(/^https:\/\/.*sockjs-client@1\.6\.\d+\//),
    })
  })

  test.each([
    ['PATH', 'ws'],
    ['PATH', '/'],
    ['PATH', '/ws/'],
    ['PATH', '/ws?x'],
    ['HEARTBEAT', '2h'],
    ['DISCONNECT_DELAY', '0'],
    ['STREAM_BYTES', '1KiB'],
    ['CLIENT_URL', 'javascript:alert(1)'],
    ['CLIENT_URL', 'https://x/"><script>'],
  ])('%s may not be %s', (name, value) => {
    expect(load({ [name]: value }).faults).toHaveLength(1)
  })

  test.each([
    ['PATH', '/a/b.c'],
    ['HEARTBEAT', '0'],
    ['CLIENT_URL', '/static/sockjs.min.js'],
  ])('%s may be %s', (name, value) => {
    expect(load({ [name]: value }).faults).toEqual([])
  })
})

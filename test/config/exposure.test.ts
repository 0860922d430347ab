/** Who could come in: a bridge that others can reach needs something that checks logins. */
import { expect, test } from 'vitest'
import { authenticators } from '../../src/auth/index.ts'
import { checkExposure } from '../../src/config/exposure.ts'
import { loadConfig } from '../../src/config/load.ts'
import { routingFields } from '../../src/routing/build.ts'

const memory = new Map([['memory', { brokerFields: [], routeFields: [] }]])

function faults(host: string, anonymous: string, credentials: 'service' | 'client', proxies = ''): string[] {
  const env = {
    STOMP_BRIDGE_LISTEN_HOST: host,
    STOMP_BRIDGE_AUTH_ANONYMOUS: anonymous,
    STOMP_BRIDGE_LISTEN_TRUSTED_PROXIES: proxies,
  }
  const { config } = loadConfig({
    file: undefined,
    env,
    flags: {},
    fragments: memory,
    routing: routingFields,
    authenticators,
  })
  return checkExposure(config, [{ credentials }]).map(({ path }) => path.join('.'))
}

test.each<[host: string, anonymous: string, credentials: 'service' | 'client', faulty: string[]]>([
  ['127.0.0.1', 'auto', 'service', []],
  ['127.8.8.8', 'auto', 'service', []],
  ['localhost', 'auto', 'service', []],
  ['::1', 'auto', 'service', []],
  ['0.0.0.0', 'auto', 'service', ['listen.host']],
  ['::', 'auto', 'service', ['listen.host']],
  ['10.0.0.1', 'auto', 'service', ['listen.host']],
  ['127.example.com', 'auto', 'service', ['listen.host']],
  ['0.0.0.0', 'true', 'service', []],
  ['0.0.0.0', 'auto', 'client', []],
  ['0.0.0.0', 'false', 'client', []],
  ['127.0.0.1', 'false', 'service', ['auth.anonymous']],
])('listening on %s with anonymous: %s and a %s account', (host, anonymous, credentials, faulty) => {
  expect(faults(host, anonymous, credentials)).toEqual(faulty)
})

test('who listens on loopback for a proxy is reached by its clients', () => {
  expect(faults('127.0.0.1', 'auto', 'service', 'loopback')).toEqual(['listen.trustedProxies'])
  expect(faults('127.0.0.1', 'auto', 'client', 'loopback')).toEqual([])
  expect(faults('127.0.0.1', 'true', 'service', 'loopback')).toEqual([])
})

test('a broker that could not be made might have been the one that checks logins', () => {
  const env = { STOMP_BRIDGE_LISTEN_HOST: '0.0.0.0' }
  const { config } = loadConfig({
    file: undefined,
    env,
    flags: {},
    fragments: memory,
    routing: routingFields,
    authenticators,
  })
  expect(checkExposure(config, [])).toEqual([])
})

/** Whose word is believed about who a client is. */
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { trusting } from '../../src/transports/remote.ts'

function request(remoteAddress: string | undefined, headers: Record<string, string> = {}): IncomingMessage {
  return { headers: { host: 'inner:1', ...headers }, socket: { remoteAddress } } as unknown as IncomingMessage
}

const proxies = trusting(['10.0.0.0/8', '192.0.2.7', '2001:db8:1::/48', 'loopback'])
const clientOf = (remote: string, forwarded?: string): string =>
  proxies(request(remote, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), false).remote

describe('the client behind proxies', () => {
  test.each<[what: string, remote: string, forwarded: string | undefined, client: string]>([
    ['nobody forwards', '198.51.100.1', undefined, '198.51.100.1'],
    ['a stranger forwards', '198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['a stranger claims to be a proxy', '198.51.100.1', '203.0.113.9, 10.0.0.1', '198.51.100.1'],
    ['a proxy forwards', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a single trusted address', '192.0.2.7', '203.0.113.9', '203.0.113.9'],
    ['its neighbour', '192.0.2.8', '203.0.113.9', '192.0.2.8'],
    ['two proxies', '10.0.0.1', '203.0.113.9, 10.2.3.4', '203.0.113.9'],
    ['the client forges one to the left', '10.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['… a whole chain of proxies', '10.0.0.1', '1.1.1.1, 10.9.9.9, 203.0.113.9, 10.2.3.4', '203.0.113.9'],
    ['all are proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['a proxy says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['an empty header', '10.0.0.1', '', '10.0.0.1'],
    ['unknown (RFC 7239)', '10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
    ['nonsense behind a good hop', '10.0.0.1', 'evil"\u001b[2J, 10.0.0.2', '10.0.0.2'],
    ['nonsense to the left of the client', '10.0.0.1', '<script>, 203.0.113.9', '203.0.113.9'],
    ['a host name', '10.0.0.1', 'localhost', '10.0.0.1'],
    ['octal', '10.0.0.1', '0177.0.0.1', '10.0.0.1'],
    ['a port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['IPv6', '10.0.0.1', '2001:DB8::0009', '2001:db8::9'],
    ['IPv6 with a port', '10.0.0.1', '[2001:db8::9]:4711', '2001:db8::9'],
    ['IPv4 written as IPv6', '10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['… in hexadecimal', '10.0.0.1', '::FFFF:cb00:7109', '203.0.113.9'],
    ['a dual-stack socket', '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a dual-stack socket of a stranger', '::ffff:198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['a proxy with IPv6', '2001:db8:1::5', '203.0.113.9', '203.0.113.9'],
    ['a stranger with IPv6', '2001:db8:2::5', '203.0.113.9', '2001:db8:2::5'],
    ['loopback', '::1', '203.0.113.9', '203.0.113.9'],
    ['a link-local address with its zone', 'fe80::1%eth0', '203.0.113.9', 'fe80::1'],
    ['10,000 hops', '10.0.0.1', Array(10_000).fill('10.0.0.2').join(), '10.0.0.2'],
  ])('%s', (_, remote, forwarded, client) => {
    expect(clientOf(remote, forwarded)).toBe(client)
  })

  test('a socket that is closed has no address, and gets none from a header', () => {
    expect(proxies(request(undefined, { 'x-forwarded-for': '203.0.113.9' }), false).remote).toBe('')
  })

  test('trusting nobody, nobody is believed', () => {
    const { remote } = trusting([])(request('127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }), false)
    expect(remote).toBe('127.0.0.1')
  })
})

describe('host and scheme', () => {
  const forwarded = { 'x-forwarded-host': 'bridge.example', 'x-forwarded-proto': 'https' }

  test('a proxy tells what the client has asked for, and how', () => {
    expect(proxies(request('10.0.0.1', forwarded), false)).toMatchObject({ host: 'bridge.example', secure: true })
  })

  test('of a list counts what the nearest proxy has appended', () => {
    const listed = { 'x-forwarded-host': 'evil.test, bridge.example', 'x-forwarded-proto': 'https,http' }
    expect(proxies(request('10.0.0.1', listed), false)).toMatchObject({ host: 'bridge.example', secure: false })
  })

  test('a proxy that tells nothing has passed on Host', () => {
    expect(proxies(request('10.0.0.1', { 'x-forwarded-host': ' ' }), false)).toMatchObject({
      host: 'inner:1',
      secure: false,
    })
  })

  test('nobody else is believed', () => {
    expect(proxies(request('198.51.100.1', forwarded), false)).toMatchObject({ host: 'inner:1', secure: false })
  })

  test('our own TLS is TLS', () => {
    expect(proxies(request('198.51.100.1'), true).secure).toBe(true)
    expect(proxies(request('10.0.0.1', { 'x-forwarded-proto': 'http' }), true).secure).toBe(true)
  })
})

/** Which pages may connect, by the text of their Origin. What browsers do with it is in test/interop/browser/. */
import { describe, expect, test } from 'vitest'
import { Gate, type GateOptions, originMatcher, quoted } from '../../src/transports/origins.ts'
import type { Peer } from '../../src/transports/remote.ts'

describe('a list of origins', () => {
  const list = [
    'https://app.example.com',
    'https://*.example.org',
    'http://*.dev.example.net:8080',
    'HTTPS://Shop.Example.com:443',
    'https://müller.example',
    'chrome-extension://abcdef',
    'null',
  ]
  const allows = originMatcher(list)

  test.each([
    'https://app.example.com',
    'https://shop.example.com',
    'https://xn--mller-kva.example',
    'https://a.example.org',
    'https://a.b.c.example.org',
    'http://x.dev.example.net:8080',
    'chrome-extension://abcdef',
    'null',
  ])('%s is in it', (origin) => {
    expect(allows(origin)).toBe(true)
  })

  test.each([
    ['another scheme', 'http://app.example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['the name below a listed one', 'https://x.app.example.com'],
    ['the name itself of a wildcard', 'https://example.org'],
    ['a wildcard with another scheme', 'http://a.example.org'],
    ['a wildcard with another port', 'https://a.example.org:8443'],
    ['a wildcard without its port', 'http://x.dev.example.net'],
    ['a name that only ends alike', 'https://evilexample.org'],
    ['a name that goes on', 'https://a.example.org.evil.test'],
    ['an empty label', 'https://.example.org'],
    ['two dots', 'https://a..example.org'],
    ['the star itself', 'https://*.example.org/'],
    ['a user that looks like a host', 'https://a.example.org@evil.test'],
    ['a user before the host', 'https://evil@a.example.org'],
    ['a path', 'https://a.example.org/'],
    ['capitals, which no browser sends', 'https://A.example.org'],
    ['a backslash', 'https://evil.test\\.example.org'],
    ['a line feed', 'https://a\n.example.org'],
    ['an escaped dot', 'https://a%2eexample.org'],
    ['two of them', 'https://app.example.com, https://app.example.com'],
    ['nothing', ''],
    ['another extension', 'chrome-extension://abcdeg'],
  ])('%s is not: %s', (_, origin) => {
    expect(allows(origin)).toBe(false)
  })

  test('an empty list allows nothing', () => {
    expect(originMatcher([])('https://app.example.com')).toBe(false)
  })

  test.each(['a.', '.', '*', '%2e', '@'])('nor are 16 KiB of %s', (part) => {
    for (const text of [
      part.repeat(8_000),
      `https://${part.repeat(8_000)}`,
      `https://${part.repeat(8_000)}.example.org.`,
    ])
      expect(allows(text)).toBe(false)
  })
})

describe('the gate', () => {
  const peer: Peer = { remote: '192.0.2.1', host: 'bridge.example', secure: false }
  const check = (
    origin: string | undefined,
    of: Partial<Peer> = {},
    options: Partial<GateOptions> = {},
    bound = '::',
  ) =>
    new Gate({ origins: [], hosts: ['bridge.example'], missingOrigin: true, ...options }, bound).check(origin, {
      ...peer,
      ...of,
    })?.reason

  test('no Origin: as it is told', () => {
    expect(check(undefined)).toBeUndefined()
    expect(check(undefined, {}, { missingOrigin: false })).toBe('origin')
  })

  test('the same host; over TLS only a page that came over TLS', () => {
    expect(check('https://bridge.example')).toBeUndefined()
    expect(check('http://bridge.example')).toBeUndefined()
    expect(check('https://bridge.example', { secure: true })).toBeUndefined()
    expect(check('http://bridge.example', { secure: true })).toBe('origin')
    expect(check('https://bridge.example:8443', { host: 'bridge.example:8443' })).toBeUndefined()
    expect(check('https://bridge.example:8443')).toBe('origin')
  })

  test('a page of localhost, on loopback and not from behind a proxy', () => {
    const page = 'http://localhost:5173'
    expect(check(page, { remote: '127.0.0.1' }, {}, '127.0.0.1')).toBeUndefined()
    expect(check(page, { remote: '192.0.2.1' }, {}, '127.0.0.1')).toBe('origin')
    expect(check(page, { remote: '127.0.0.1' }, {}, '0.0.0.0')).toBe('origin')
  })

  test('a foreign host goes first', () => {
    expect(check('https://evil.test', { host: 'evil.test' })).toBe('host')
    expect(check('https://evil.test', { host: undefined })).toBe('host')
  })
})

test('what a client has written is short and harmless in a line for the operator', () => {
  const text = quoted(`https://x\u001b[2J\r\n{"level":"error"}\u009b\u007f${'y'.repeat(10_000)}`)
  expect(text.length).toBeLessThan(300)
  expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
})

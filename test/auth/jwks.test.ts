/** Keys behind a URL: a real server that rotates them, goes away, hangs, lies; and clients that name keys it never had. */
import { describe, expect, test } from 'vitest'
import { createJwt } from '../../src/auth/jwt/index.ts'
import { openServer, Scene, type Server, says } from './scene.ts'
import { CLAIMS, ec, forged, hmacWith, ISSUER, jwks, NOW, pem, rsa, rsaWith, secretToken, token } from './tokens.ts'

const OLD = rsa('old')
const NEW = rsa('new')

async function open(options: Record<string, unknown> = {}) {
  const scene = new Scene()
  const server = await openServer()
  serve(server, jwks(OLD))
  const keys = [{ jwks: `${server.url}/jwks.json` }]
  const standard = { issuer: ISSUER, audience: 'stomp', algorithms: ['RS256'], keys }
  const jwt = scene.keep(createJwt({ ...standard, ...options }, scene.context('jwt')))
  const shows = (text: string) => says(jwt, { headers: { authorization: `Bearer ${text}` } })
  return { scene, server, jwt, shows }
}

function serve(server: Server, body: string, status = 200): void {
  server.answer = (_, response) => response.writeHead(status).end(body)
}

/** Good for a day, so that only keys change while time goes by. */
const signed = (pair: typeof OLD) => token(pair, { exp: NOW + 30 * 86_400 })

describe('a key set', () => {
  test('is fetched when the first token comes, and kept', async () => {
    const { server, shows } = await open()
    expect(server.hits).toEqual([])
    const verdicts = await Promise.all([signed(OLD), signed(OLD), signed(OLD)].map(async (text) => shows(await text)))
    expect(verdicts).toEqual(Array(3).fill('admitted ann'))
    expect(server.hits).toEqual(['GET /jwks.json'])
  })

  test('is fetched anew when it is old', async () => {
    const { server, shows, scene } = await open()
    await shows(await signed(OLD))
    scene.clock.advance(600_001)
    serve(server, jwks(NEW))
    expect(await shows(await signed(OLD))).toBe('refused login-refused')
    expect(await shows(await signed(NEW))).toBe('admitted ann')
    expect(server.hits).toHaveLength(2)
  })

  test('rotates: a token with a new key makes it fetch, once per cooldown', async () => {
    const { server, shows, scene } = await open()
    await shows(await signed(OLD))
    serve(server, jwks(OLD, NEW))
    expect(await shows(await signed(NEW))).toBe('refused login-refused')
    scene.clock.advance(30_000)
    expect(await shows(await signed(NEW))).toBe('admitted ann')
    expect(await shows(await signed(OLD))).toBe('admitted ann')
    expect(server.hits).toHaveLength(2)
  })

  test('a thousand invented keys: one fetch per cooldown', async () => {
    const { server, shows, scene } = await open({ failuresPerAddress: 10_000 })
    await shows(await signed(OLD))
    scene.clock.advance(30_000)
    const text = (n: number) => forged({ alg: 'RS256', kid: `../../k${n}` }, CLAIMS, () => Buffer.alloc(256))
    const verdicts = await Promise.all(Array.from({ length: 1_000 }, (_, n) => shows(text(n))))
    expect(new Set(verdicts)).toEqual(new Set(['refused login-refused']))
    expect(server.hits).toEqual(['GET /jwks.json', 'GET /jwks.json'])
    scene.clock.advance(30_000)
    await shows(text(0))
    expect(server.hits).toHaveLength(3)
  })

  test('a token that names no key is tried with each of them', async () => {
    const { server, shows } = await open()
    serve(server, jwks(NEW, OLD))
    const text = forged({ alg: 'RS256' }, { ...CLAIMS, sub: 'bob' }, rsaWith(OLD.privateKey))
    expect(await shows(text)).toBe('admitted bob')
    expect(await shows(forged({ alg: 'RS256' }, CLAIMS, rsaWith(rsa('x').privateKey)))).toBe('refused login-refused')
  })

  test('keys of a set are for no HS algorithm, though the set may hold secrets', async () => {
    const secret = 'a secret that has at least 32 bytes'
    const { server, shows } = await open({ algorithms: ['RS256'] })
    const oct = { kty: 'oct', kid: 's', k: Buffer.from(secret).toString('base64url') }
    serve(server, JSON.stringify({ keys: [oct, ...JSON.parse(jwks(OLD)).keys] }))
    expect(await shows(await secretToken(secret))).toBe('refused login-refused')
    expect(await shows(forged({ alg: 'HS256', kid: 'old' }, CLAIMS, hmacWith(pem(OLD))))).toBe('refused login-refused')
    expect(await shows(forged({ alg: 'RS256', kid: 's' }, CLAIMS, hmacWith(secret)))).toBe('refused login-refused')
    expect(await shows(await signed(OLD))).toBe('admitted ann')
  })

  const [key] = JSON.parse(jwks(OLD)).keys
  test.each([
    ['to encrypt', { ...key, use: 'enc' }],
    ['of another algorithm', { ...key, alg: 'PS256' }],
    ['to sign', { ...key, key_ops: ['sign'] }],
    ['of no kind', { kid: 'old' }],
    ['of another kind', { ...ec('old').publicKey.export({ format: 'jwk' }), kid: 'old' }],
    ['that is too short', { ...rsa('old', 'RS256', 1024).publicKey.export({ format: 'jwk' }), kid: 'old' }],
  ])('a key %s verifies nothing', async (_, odd) => {
    const { server, shows } = await open()
    serve(server, JSON.stringify({ keys: [odd] }))
    expect(await shows(await signed(OLD))).toBe('refused login-refused')
  })

  test('of several sets any may hold the key', async () => {
    const other = await openServer()
    const EC = ec('e')
    serve(other, jwks(EC))
    const scene = await open()
    const { shows } = await open({
      algorithms: ['RS256', 'ES256'],
      keys: [{ jwks: `${scene.server.url}/jwks.json` }, { jwks: `${other.url}/` }],
    })
    expect(await shows(await token(EC))).toBe('admitted ann')
    expect(await shows(await signed(OLD))).toBe('admitted ann')
  })
})

describe('the server away', () => {
  test('from the start: nobody can tell, and the next second is another try', async () => {
    const { server, shows, scene } = await open()
    await server.stop()
    expect(await shows(await signed(OLD))).toBe('refused auth-unavailable')
    await server.start()
    expect(await shows(await signed(OLD))).toBe('refused auth-unavailable')
    scene.clock.advance(1_000)
    expect(await shows(await signed(OLD))).toBe('admitted ann')
    expect(scene.told.map((line) => line.split(' ')[0])).toEqual(['warning', 'recovered'])
  })

  test('later: the old keys serve on, a day long; it is told once', async () => {
    const { server, shows, scene } = await open()
    await shows(await signed(OLD))
    await server.stop()
    scene.clock.advance(600_001)
    for (let hour = 0; hour < 23; hour++) {
      expect(await shows(await signed(OLD))).toBe('admitted ann')
      scene.clock.advance(3_600_000)
    }
    expect(scene.told).toHaveLength(1)
    scene.clock.advance(3_600_000)
    expect(await shows(await signed(OLD))).toBe('refused auth-unavailable')
    await server.start()
    scene.clock.advance(30_000)
    expect(await shows(await signed(OLD))).toBe('admitted ann')
    expect(scene.told.map((line) => line.split(' ')[0])).toEqual(['warning', 'recovered'])
  })

  test('a new key meanwhile: nobody can tell', async () => {
    const { server, shows, scene } = await open()
    await shows(await signed(OLD))
    await server.stop()
    scene.clock.advance(30_000)
    expect(await shows(await signed(NEW))).toBe('refused auth-unavailable')
    expect(await shows(await signed(OLD))).toBe('admitted ann')
  })

  test('hanging: as away after the timeout', async () => {
    const { server, shows, scene } = await open()
    server.answer = () => {}
    const verdict = shows(await signed(OLD))
    await expect.poll(() => server.hits).toHaveLength(1)
    scene.clock.advance(5_000)
    expect(await verdict).toBe('refused auth-unavailable')
    expect(scene.told.join()).toContain('5000 ms')
  })

  test.each<[string, number, string]>([
    ['500', 500, jwks(OLD)],
    ['404', 404, ''],
    ['a page', 200, '<html>login</html>'],
    ['no set', 200, '{"key":[]}'],
    ['a list', 200, '[]'],
    ['null', 200, 'null'],
    ['a set of no objects', 200, '{"keys":[7]}'],
    ['101 keys', 200, JSON.stringify({ keys: Array(101).fill({ kty: 'RSA' }) })],
    ['1 MB', 200, `${' '.repeat(1_000_000)}${jwks(OLD)}`],
  ])('answering %s', async (_, status, body) => {
    const { server, shows, scene } = await open()
    serve(server, body, status)
    expect(await shows(await signed(OLD))).toBe('refused auth-unavailable')
    expect(scene.told).toHaveLength(1)
  })

  test('redirecting is not followed', async () => {
    const elsewhere = await openServer()
    serve(elsewhere, jwks(OLD))
    const { server, shows } = await open()
    server.answer = (_, response) => response.writeHead(302, { location: `${elsewhere.url}/jwks.json` }).end()
    expect(await shows(await signed(OLD))).toBe('refused auth-unavailable')
    expect(elsewhere.hits).toEqual([])
  })

  test('the bridge stops while it hangs: nothing is left, nothing is told', async () => {
    const { server, shows, jwt, scene } = await open()
    server.answer = () => {}
    const verdict = shows(await signed(OLD))
    await expect.poll(() => server.hits).toHaveLength(1)
    await jwt[Symbol.asyncDispose]()
    expect(await verdict).toBe('refused auth-unavailable')
    expect(scene.told).toEqual([])
    expect(scene.clock.pending).toBe(0)
  })
})

/** Tokens: whose are believed, where they may be, and every classic way to forge one. Keys stand in the configuration; see jwks.test.ts for others. */
import { describe, expect, test } from 'vitest'
import { createJwt } from '../../src/auth/jwt/index.ts'
import { attempt, brief, ever, faultOf, openServer, Scene, type Shown, says } from './scene.ts'
import { CLAIMS, ec, ed25519, forged, hmacWith, ISSUER, NOW, pem, rsa, rsaWith, secretToken, token } from './tokens.ts'

const RSA = rsa('k1')
const EC = ec('k2')
const ED = ed25519('k3')
const SECRET = 'a secret that has at least 32 bytes'

const STANDARD = { issuer: ISSUER, audience: 'stomp', algorithms: ['RS256'], keys: [{ pem: pem(RSA) }] }

function open(options: Record<string, unknown> = {}) {
  const scene = new Scene()
  return { scene, jwt: scene.keep(createJwt({ ...STANDARD, ...options }, scene.context('jwt'))) }
}

const bearing = (text: string): Shown => ({ headers: { Authorization: `Bearer ${text}` } })

describe('a good token', () => {
  test('brings name, roles, claims and an end', async () => {
    const { jwt } = open({ roles: 'realm.roles', clockTolerance: 0 })
    const claims = { realm: { roles: ['admin'] }, tenant: 'acme', groups: ['a', 'b'] }
    const verdict = await jwt.authenticate(attempt(bearing(await token(RSA, claims))), ever)
    if (verdict.kind !== 'admitted') throw new Error(brief(verdict))
    expect(verdict.user).toMatchObject({ name: 'ann', roles: new Set(['admin']), expiresAtMs: (NOW + 600) * 1000 })
    expect(verdict.user.authenticator).toBe('jwt')
    expect(verdict.user.claims.get('tenant')).toEqual(['acme'])
    expect(verdict.user.claims.get('groups')).toEqual(['a', 'b'])
    expect(verdict.user.claims.get('realm.roles')).toEqual(['admin'])
  })

  test.each([
    ['RS256', rsa('a', 'RS256')],
    ['RS512', rsa('a', 'RS512')],
    ['PS256', rsa('a', 'PS256')],
    ['PS384', rsa('a', 'PS384')],
    ['ES256', EC],
    ['ES384', ec('a', 'ES384')],
    ['ES512', ec('a', 'ES512')],
    ['EdDSA', ED],
  ])('signed with %s', async (alg, pair) => {
    const { jwt } = open({ algorithms: [alg], keys: [{ pem: pem(pair) }] })
    expect(await says(jwt, bearing(await token(pair)))).toBe('admitted ann')
    expect(await says(jwt, bearing(await token({ ...rsa('a', 'RS384') })))).toBe('refused login-refused')
  })

  test('signed with a secret', async () => {
    const { jwt } = open({ algorithms: ['HS256'], keys: [{ secret: SECRET }] })
    expect(await says(jwt, bearing(await secretToken(SECRET)))).toBe('admitted ann')
    expect(await says(jwt, bearing(await secretToken(`${SECRET}!`)))).toBe('refused login-refused')
  })

  test('of any of several keys: that is how they are rotated', async () => {
    const keys = [
      { pem: pem(RSA) },
      { pem: pem(rsa('old')), kid: 'old' },
      { pem: pem(EC), kid: 'k2' },
      { secret: SECRET },
    ]
    const { jwt } = open({ algorithms: ['RS256', 'ES256', 'HS256'], keys })
    for (const each of [await token(RSA), await token(EC), await secretToken(SECRET)]) {
      expect(await says(jwt, bearing(each))).toBe('admitted ann')
    }
    expect(await says(jwt, bearing(await token({ ...EC, kid: 'k9' })))).toBe('refused login-refused')
  })

  test('of one of several issuers, for one of several audiences', async () => {
    const { jwt } = open({ issuer: [ISSUER, 'https://other.example/'], audience: ['stomp', 'mqtt'] })
    const claims = { iss: 'https://other.example/', aud: ['x', 'mqtt'] }
    expect(await says(jwt, bearing(await token(RSA, claims)))).toBe('admitted ann')
  })

  test('issuer and audience are not looked at when the configuration says so', async () => {
    const { jwt } = open({ issuer: false, audience: false })
    expect(await says(jwt, bearing(await token(RSA, { iss: undefined, aud: 'x' })))).toBe('admitted ann')
  })

  test('of the wanted type', async () => {
    const { jwt } = open({ type: 'at+jwt' })
    expect(await says(jwt, bearing(await token(RSA, {}, { typ: 'at+jwt' })))).toBe('admitted ann')
    expect(await says(jwt, bearing(await token(RSA, {}, { typ: 'JWT' })))).toBe('refused login-refused')
    expect(await says(jwt, bearing(await token(RSA)))).toBe('refused login-refused')
  })

  test('within the tolerance of the clocks, and then it lasts as long', async () => {
    const { jwt, scene } = open({ clockTolerance: 5_000 })
    const verdict = await jwt.authenticate(attempt(bearing(await token(RSA, { exp: NOW - 4, nbf: NOW + 4 }))), ever)
    expect(verdict).toMatchObject({ kind: 'admitted', user: { expiresAtMs: scene.clock.now() + 1_000 } })
  })

  test('that never ends lasts for ever, as a number', async () => {
    const verdict = await open().jwt.authenticate(attempt(bearing(await token(RSA, { exp: 1e300 }))), ever)
    expect(verdict).toMatchObject({ kind: 'admitted', user: { expiresAtMs: Number.MAX_SAFE_INTEGER } })
  })
})

describe('every classic flaw', () => {
  const good = forged({ alg: 'RS256', kid: 'k1' }, CLAIMS, rsaWith(RSA.privateKey))
  const der = RSA.publicKey.export({ type: 'spki', format: 'der' })
  const signed = (claims: object, header: object = {}) =>
    forged({ alg: 'RS256', ...header }, { ...CLAIMS, ...claims }, rsaWith(RSA.privateKey))

  test('the token that the others are made from is good', async () => {
    expect(await says(open().jwt, bearing(good))).toBe('admitted ann')
  })

  test.each<[string, string]>([
    ['alg none', forged({ alg: 'none' })],
    ['alg None', forged({ alg: 'None' })],
    ['alg none, with the signature of a good one', forged({ alg: 'none' }, CLAIMS, rsaWith(RSA.privateKey))],
    ['no alg', forged({ kid: 'k1' })],
    ['alg is a list', forged({ alg: ['RS256', 'none'] })],
    ['an alg that is not listed', forged({ alg: 'RS512' }, CLAIMS, rsaWith(RSA.privateKey))],
    ['HS256 with the public key in PEM', forged({ alg: 'HS256' }, CLAIMS, hmacWith(pem(RSA)))],
    ['HS256 with the public key in PEM, trimmed', forged({ alg: 'HS256' }, CLAIMS, hmacWith(pem(RSA).trim()))],
    ['HS256 with the public key in DER', forged({ alg: 'HS256' }, CLAIMS, hmacWith(der))],
    ['HS256 with nothing', forged({ alg: 'HS256' }, CLAIMS, hmacWith(''))],
    ['no signature', forged({ alg: 'RS256' })],
    [
      'a signature of other claims',
      `${good.split('.').slice(0, 1)}.${signed({ sub: 'eve' }).split('.')[1]}.${good.split('.')[2]}`,
    ],
    ['another key', forged({ alg: 'RS256', kid: 'k1' }, CLAIMS, rsaWith(rsa('x').privateKey))],
    [
      'its own key in jwk',
      forged({ alg: 'RS256', jwk: EC.publicKey.export({ format: 'jwk' }) }, CLAIMS, rsaWith(rsa('x').privateKey)),
    ],
    ['another issuer', signed({ iss: 'https://evil.example/' })],
    ['an issuer that begins like ours', signed({ iss: `${ISSUER}evil` })],
    ['no issuer', signed({ iss: undefined })],
    ['issuers in a list', signed({ iss: [ISSUER] })],
    ['another audience', signed({ aud: 'mail' })],
    ['no audience', signed({ aud: undefined })],
    ['an audience that is an object', signed({ aud: { 0: 'stomp' } })],
    ['not valid yet', signed({ nbf: NOW + 60 })],
    ['no exp', signed({ exp: undefined })],
    ['exp is a text', signed({ exp: String(NOW + 600) })],
    ['nbf is a text', signed({ nbf: '0' })],
    ['no sub', signed({ sub: undefined })],
    ['an empty sub', signed({ sub: '' })],
    ['sub is a number', signed({ sub: 7 })],
    ['sub is a list', signed({ sub: ['ann'] })],
    ['sub with a line feed', signed({ sub: 'ann\nadmin' })],
    ['sub with an escape', signed({ sub: '\u001b[2J' })],
    ['sub of 256 characters', signed({ sub: 'x'.repeat(256) })],
    ['a crit that nobody knows', signed({}, { crit: ['exp2'], exp2: 1 })],
    ['b64 false', signed({}, { b64: false, crit: ['b64'] })],
    ['claims that are a list', forged({ alg: 'RS256' }, [], rsaWith(RSA.privateKey))],
    ['claims that are no JSON', forged({ alg: 'RS256' }, 'ann', rsaWith(RSA.privateKey))],
    ['a kid that is an object', signed({}, { kid: { toString: 'k1' } })],
    ['a header that is no JSON', forged('{"alg":"RS256"', CLAIMS, rsaWith(RSA.privateKey))],
    ['a header that is null', forged('null')],
    ['four parts', `${good}.x`],
    ['two parts', good.split('.').slice(0, 2).join('.')],
    ['no base64', 'eyJ!!.e30.x'],
    ['five parts, encrypted', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA'],
    ['nothing', ''],
    ['no token at all', 'secret'],
    ['1 MB', `eyJ${'A'.repeat(1_000_000)}.e30.x`],
  ])('%s', async (_, text) => {
    const { jwt } = open()
    const verdict = await jwt.authenticate(attempt(bearing(text)), ever)
    expect(brief(verdict)).toBe('refused login-refused')
    const [, , signature = ''] = text.split('.')
    if (signature.length > 8) expect(JSON.stringify(verdict)).not.toContain(signature)
  })

  test('expired', async () => {
    expect(await says(open().jwt, bearing(signed({ exp: NOW - 60 })))).toBe('refused token-expired')
    const { jwt } = open({ clockTolerance: 0 })
    expect(await says(jwt, bearing(signed({ exp: NOW })))).toBe('refused token-expired')
    expect(await says(jwt, bearing(signed({ exp: NOW + 1 })))).toBe('admitted ann')
  })

  test('expired and forged is forged: the signature goes first', async () => {
    const text = forged({ alg: 'RS256' }, { ...CLAIMS, exp: NOW - 60 }, rsaWith(rsa('x').privateKey))
    expect(await says(open().jwt, bearing(text))).toBe('refused login-refused')
  })

  test('a public key is no secret even where HS algorithms are allowed beside it', async () => {
    const { jwt } = open({ algorithms: ['RS256', 'HS256'], keys: [{ pem: pem(RSA) }, { secret: SECRET }] })
    expect(await says(jwt, bearing(forged({ alg: 'HS256' }, CLAIMS, hmacWith(pem(RSA)))))).toBe('refused login-refused')
    expect(await says(jwt, bearing(await secretToken(SECRET)))).toBe('admitted ann')
  })

  test('jku and x5u are never followed', async () => {
    const server = await openServer()
    const eve = rsa('x')
    server.answer = (_, response) => response.end(JSON.stringify({ keys: [eve.publicKey.export({ format: 'jwk' })] }))
    const { jwt } = open()
    for (const header of [
      { jku: `${server.url}/jwks` },
      { x5u: `${server.url}/cert` },
      { kid: `${server.url}/jwks` },
    ]) {
      const text = forged({ alg: 'RS256', ...header }, CLAIMS, rsaWith(eve.privateKey))
      expect(await says(jwt, bearing(text))).toBe('refused login-refused')
    }
    expect(server.hits).toEqual([])
  })

  test('a kid with a path in it is a name like any other', async () => {
    const { jwt } = open({ algorithms: ['HS256'], keys: [{ secret: SECRET, kid: 'k1' }] })
    for (const kid of ['../../../dev/null', '/etc/passwd', "' OR 1=1 --", '__proto__', 'k1\0']) {
      expect(await says(jwt, bearing(forged({ alg: 'HS256', kid }, CLAIMS, hmacWith(''))))).toBe(
        'refused login-refused',
      )
    }
  })

  test('claims called like parts of objects give nothing', async () => {
    for (const user of ['constructor', '__proto__', 'toString.name', 'sub.length']) {
      expect(await says(open({ user }).jwt, bearing(good))).toBe('refused login-refused')
    }
    const claims = `{"iss":"${ISSUER}","aud":"stomp","exp":${NOW + 60},"__proto__":{"sub":"eve","roles":["admin"]}}`
    const text = forged({ alg: 'RS256' }, claims, rsaWith(RSA.privateKey))
    expect(await says(open().jwt, bearing(text))).toBe('refused login-refused')
    expect(({} as { sub?: string }).sub).toBeUndefined()
  })

  test('roles that are none', async () => {
    for (const roles of [7, { admin: true }, [7], ['a\nb']]) {
      expect(await says(open({ roles: 'roles' }).jwt, bearing(signed({ roles })))).toBe('refused login-refused')
    }
  })

  test('more forged tokens than an address may show are not looked at, good ones neither, and those of others are', async () => {
    const { jwt, scene } = open({ failuresPerAddress: 3 })
    const verdicts: string[] = []
    for (let n = 0; n < 4; n++) verdicts.push(await says(jwt, bearing(forged({ alg: 'none' }))))
    expect(verdicts).toEqual([...Array(3).fill('refused login-refused'), 'refused too-many-attempts'])
    expect(await says(jwt, bearing(good))).toBe('refused too-many-attempts')
    expect(await says(jwt, { ...bearing(good), remote: '192.0.2.2' })).toBe('admitted ann')
    scene.clock.advance(60_000)
    expect(await says(jwt, bearing(await token(RSA)))).toBe('admitted ann')
  })

  test('expired tokens are no forgeries: they do not lock anybody out', async () => {
    const { jwt } = open({ failuresPerAddress: 1 })
    for (let n = 0; n < 5; n++) expect(await says(jwt, bearing(signed({ exp: 1 })))).toBe('refused token-expired')
    expect(await says(jwt, bearing(good))).toBe('admitted ann')
  })
})

describe('where a token may be', () => {
  const all = ['authorization', 'auth-token', 'passcode', 'upgrade', 'cookie:session', 'query:access_token']
  const places = (text: string): [string, Shown][] => [
    ['authorization', { headers: { Authorization: `Bearer ${text}` } }],
    ['authorization', { headers: { authorization: `bearer  ${text} ` } }],
    ['auth-token', { headers: { 'auth-token': text } }],
    ['passcode', { login: 'whoever', passcode: text }],
    ['passcode', { headers: { passcode: text } }],
    ['upgrade', { upgrade: { authorization: `Bearer ${text}` } }],
    ['cookie:session', { upgrade: { cookie: `a=1; session=${text}` } }],
    ['query:access_token', { url: `/ws?v=1&access_token=${text}` }],
  ]

  test('each place, when the configuration names it, and only then', async () => {
    for (const [place, shown] of places(await token(RSA))) {
      expect([place, await says(open({ from: [place] }).jwt, shown)]).toEqual([place, 'admitted ann'])
      const others = all.filter((each) => each !== place)
      expect([place, await says(open({ from: others }).jwt, shown)]).toEqual([place, 'passed'])
    }
  })

  test('cookies and the query are off by default', async () => {
    const { jwt } = open()
    const found = await Promise.all(places(await token(RSA)).map(([, shown]) => says(jwt, shown)))
    expect(found).toEqual([...Array(6).fill('admitted ann'), 'passed', 'passed'])
  })

  test('the first place in the order of the configuration decides, also when what is there is wrong', async () => {
    const shown: Shown = { headers: { authorization: 'Bearer rubbish', 'auth-token': await token(RSA) } }
    expect(await says(open({ from: ['authorization', 'auth-token'] }).jwt, shown)).toBe('refused login-refused')
    expect(await says(open({ from: ['auth-token', 'authorization'] }).jwt, shown)).toBe('admitted ann')
  })

  test('what is no token is somebody else’s: a password, Basic; but not an empty token', async () => {
    const { jwt } = open({ from: all })
    expect(await says(jwt, { login: 'ann', passcode: 'secret' })).toBe('passed')
    expect(
      await says(jwt, { headers: { authorization: 'Basic YW5uOngK' }, upgrade: { authorization: 'Basic YW5uOngK' } }),
    ).toBe('passed')
    expect(await says(jwt, {})).toBe('passed')
    expect(await says(jwt, { headers: { 'auth-token': '' } })).toBe('refused login-refused')
    expect(await says(jwt, { upgrade: { cookie: 'session=' } })).toBe('refused login-refused')
  })
})

describe('a token renewed', () => {
  test('is of the same user, and all else is as new', async () => {
    const { jwt } = open({ roles: 'roles' })
    const verdict = await jwt.authenticate(attempt(bearing(await token(RSA))), ever)
    if (verdict.kind !== 'admitted') throw new Error(brief(verdict))
    const later = await jwt.refresh!(await token(RSA, { exp: NOW + 9_000, roles: ['ops'] }), verdict.user, ever)
    expect(later).toMatchObject({
      kind: 'admitted',
      user: { name: 'ann', roles: new Set(['ops']), expiresAtMs: (NOW + 9_005) * 1000 },
    })
    for (const [text, answer] of [
      [await token(RSA, { sub: 'eve' }), 'refused login-refused'],
      [await token(RSA, { exp: NOW - 60 }), 'refused token-expired'],
      [await token(RSA, { aud: 'mail' }), 'refused login-refused'],
      [forged({ alg: 'none' }), 'refused login-refused'],
      ['', 'refused login-refused'],
    ] as const) {
      expect(brief(await jwt.refresh!(text, verdict.user, ever))).toBe(answer)
    }
  })
})

describe('options', () => {
  const weak = rsa('weak', 'RS256', 1024)
  const privatePem = RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

  test.each<[string, Record<string, unknown>]>([
    ['issuer', { issuer: undefined }],
    ['issuer', { issuer: [] }],
    ['issuer', { issuer: true }],
    ['audience', { audience: undefined }],
    ['audience.1', { audience: ['stomp', 7] }],
    ['algorithms', { algorithms: undefined }],
    ['algorithms', { algorithms: ['none'] }],
    ['algorithms', { algorithms: ['RS256', 'HS1'] }],
    ['algorithms', { algorithms: ['RS256', 'ES256'] }],
    ['algorithms', { algorithms: ['RS256', 'HS256'] }],
    ['keys', { keys: undefined }],
    ['keys', { keys: [] }],
    ['keys', { keys: { pem: pem(RSA) } }],
    ['keys.0', { keys: ['secret'] }],
    ['keys.0', { keys: [{}] }],
    ['keys.0', { keys: [{ pem: pem(RSA), secret: SECRET }] }],
    ['keys.0.pme', { keys: [{ pme: pem(RSA) }] }],
    ['keys.0.pem', { keys: [{ pem: 'secret' }] }],
    ['keys.0.pem', { keys: [{ pem: privatePem }] }],
    ['keys.0.pem', { keys: [{ pem: pem(weak) }] }],
    ['keys.0.pem', { keys: [{ pem: pem(EC) }] }],
    ['keys.1.pem', { keys: [{ pem: pem(RSA) }, { pem: pem(EC) }] }],
    ['keys.0.pem', { algorithms: ['HS256'] }],
    ['keys.0.secret', { keys: [{ secret: SECRET }] }],
    ['keys.0.secret', { algorithms: ['HS256'], keys: [{ secret: 'too short: a secret' }] }],
    ['keys.0.secret', { algorithms: ['HS512'], keys: [{ secret: SECRET }] }],
    ['keys.0.secret', { algorithms: ['HS256'], keys: [{ secret: pem(RSA) }] }],
    ['keys.0.jwks', { keys: [{ jwks: 'http://login.example.com/jwks' }] }],
    ['keys.0.jwks', { keys: [{ jwks: 'https://user:secret@login.example.com/jwks' }] }],
    ['keys.0.jwks', { keys: [{ jwks: 'file:///etc/passwd' }] }],
    ['keys.0.jwks', { keys: [{ jwks: 'http://127.0.0.1.example.com/' }] }],
    ['keys.0.jwks', { keys: [{ jwks: 'secret' }] }],
    ['keys.0.jwks', { algorithms: ['HS256'], keys: [{ jwks: 'https://a.example/' }] }],
    ['keys.0.kid', { keys: [{ jwks: 'https://a.example/', kid: 'k' }] }],
    ['from', { from: [] }],
    ['from.0', { from: ['body'] }],
    ['from.0', { from: ['cookie:'] }],
    ['from.0', { from: ['cookie:a b'] }],
    ['from.1', { from: ['passcode', 'query:a=b'] }],
    ['user', { user: '' }],
    ['roles', { roles: 7 }],
    ['clockTolerance', { clockTolerance: -1 }],
    ['tokenBytes', { tokenBytes: 1_000_000 }],
    ['jwksCooldown', { jwksCooldown: 0 }],
    ['secret', { secret: 'secret' }],
  ])('a fault in %s', (path, options) => {
    const fault = faultOf(() => open(options))
    expect(fault.startsWith(`${path}: `)).toBe(true)
    expect(fault.slice(path.length)).not.toMatch(/secret that|a secret$|user:secret|BEGIN/)
  })

  test('http is for loopback', () => {
    for (const url of [
      'http://localhost:1/',
      'http://127.0.0.1/',
      'http://[::1]:8/',
      'https://login.example.com/jwks.json',
    ]) {
      open({ keys: [{ jwks: url }] })
    }
  })

  test('a certificate does where a public key does', () => {
    open({ algorithms: ['ES256'], keys: [{ pem: CERTIFICATE }] })
    expect(faultOf(() => open({ keys: [{ pem: CERTIFICATE }] }))).toMatch(/^keys\.0\.pem: .*ES256/)
  })
})

/** Self-signed with a P-256 key that nobody has kept; it ended long ago, which makes no difference: the operator trusts its key. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIUMxbwv5Q5Cthq0gl04glhvMqVUrUwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGaXNzdWVyMB4XDTI2MTEyMjA0MTQ0OFoXDTI2MTEyMzA0MTQ0
OFowETEPMA0GA1UEAwwGaXNzdWVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
K16bAlZycl8lK+uqiUjqHIq/UqNB7FwHmZr5dXZ3fazbZbcRwXJ31OUfGT9lo/mZ
5YbiAbc/ZrMtrGqBWMIPbaNTMFEwHQYDVR0OBBYEFEBAt556T4i4eIKNHAfd5kYu
dW7gMB8GA1UdIwQYMBaAFEBAt556T4i4eIKNHAfd5kYudW7gMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgaOKklWrsNiA41DcExIpjszw++2e19Rdt
tcAzsppr+XMCIDPkp7lFL/WEzU8rfq/J9puelM1vj8j6KsJpXbpFs7qo
-----END CERTIFICATE-----`

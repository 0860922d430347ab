/** An issuer of tokens: its keys, what it signs, and how forgers do it. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { SignJWT } from 'jose'
import { FakeClock } from '../support/clock.ts'

/** When all clocks of these tests stand still, in seconds since 1970. */
export const NOW = new FakeClock().now() / 1000

export const ISSUER = 'https://login.example.com/'

export const CLAIMS = { iss: ISSUER, aud: 'stomp', sub: 'ann', exp: NOW + 600, roles: ['dev'] }

export interface Pair {
  readonly kid: string
  readonly alg: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function rsa(kid: string, alg = 'RS256', bits = 2048): Pair {
  return { kid, alg, ...generateKeyPairSync('rsa', { modulusLength: bits }) }
}

export function ec(kid: string, alg: 'ES256' | 'ES384' | 'ES512' = 'ES256'): Pair {
  const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]
  return { kid, alg, ...generateKeyPairSync('ec', { namedCurve }) }
}

export function ed25519(kid: string): Pair {
  return { kid, alg: 'EdDSA', ...generateKeyPairSync('ed25519') }
}

export function pem({ publicKey }: Pick<Pair, 'publicKey'>): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

export function jwks(...pairs: readonly Pair[]): string {
  return JSON.stringify({
    keys: pairs.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' })),
  })
}

/** A good token, but for what is said. A claim that is undefined is left out. */
export async function token(
  { kid, alg, privateKey }: Pick<Pair, 'kid' | 'alg' | 'privateKey'>,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return await new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
}

export async function secretToken(
  secret: string,
  claims: Readonly<Record<string, unknown>> = {},
  alg = 'HS256',
): Promise<string> {
  return await new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg }).sign(Buffer.from(secret))
}

/** Whatever a forger writes, with whatever signature; no library would make it. */
export function forged(
  header: unknown,
  claims: unknown = CLAIMS,
  signature: (input: string) => Buffer = () => Buffer.alloc(0),
): string {
  const part = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${signature(input).toString('base64url')}`
}

export const hmacWith = (secret: string | Buffer) => (input: string) =>
  createHmac('sha256', secret).update(input).digest()

export const rsaWith = (key: KeyObject) => (input: string) => sign('sha256', Buffer.from(input), key)

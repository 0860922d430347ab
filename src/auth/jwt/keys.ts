/**
 * The keys of a configuration, each bound to the algorithms it is made for. The classic forgery signs with HS256 and takes the server's public
 * RSA key as the secret: here a public key is never tried for an HS algorithm, nor a secret for any other, whatever the token says.
 */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'
import { Options } from '../options.ts'

const SECRET = ['HS256', 'HS384', 'HS512'] as const
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const
const EDWARDS = ['EdDSA', 'Ed25519'] as const
const CURVES = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' } as const

/** RFC 7518 §3.1 and RFC 9864, without `none`. */
export const ALGORITHMS = [...RSA, ...Object.values(CURVES), ...EDWARDS, ...SECRET] as const

export type Algorithm = (typeof ALGORITHMS)[number]

/** A key that stands in the configuration. */
export interface LocalKey {
  readonly key: KeyObject
  /** Only what the operator allows and the key is made for; never empty. */
  readonly algorithms: readonly Algorithm[]
  /** Only tokens that name it, or name none; undefined: any. */
  readonly kid: string | undefined
}

export interface KeyOptions {
  readonly local: readonly LocalKey[]
  /** Key sets to be fetched. */
  readonly remote: readonly URL[]
  /** Those that keys of a set may be used for: a set is public, so it holds no secrets. */
  readonly remoteAlgorithms: readonly Algorithm[]
}

const FIELDS: readonly Field[] = [
  { name: 'jwks', default: undefined, description: 'URL of a key set' },
  { name: 'pem', default: undefined, description: 'public key or certificate' },
  { name: 'secret', default: undefined, description: 'secret of HS algorithms' },
  { name: 'kid', default: undefined, description: 'name of the key, of pem and secret' },
]

/**
 * `keys` of the options.
 * @throws FieldError also for a key that no listed algorithm fits, and for an algorithm that no key fits: both are mistakes
 */
export function readKeys(given: Options, allowed: readonly Algorithm[]): KeyOptions {
  const entries = given.raw('keys')
  if (!Array.isArray(entries) || entries.length === 0) {
    given.fail(['keys'], 'must be a list of { jwks: URL }, { pem } or { secret }')
  }
  const local: LocalKey[] = []
  const remote: URL[] = []
  const remoteAlgorithms = allowed.filter((algorithm) => !isSecret(algorithm))
  entries.forEach((entry: unknown, index) => {
    const path = ['keys', index]
    const own: Options = new Options(entry, FIELDS, path)
    const kinds = ['jwks', 'pem', 'secret'].filter((name) => own.raw(name) !== undefined)
    if (kinds.length !== 1) own.fail([], 'must have one of jwks, pem and secret')
    if (kinds[0] !== 'jwks') {
      local.push(localKey(own, path, kinds[0] as 'pem' | 'secret', allowed))
      return
    }
    if (own.raw('kid') !== undefined) own.fail(['kid'], 'the keys of a set have names of their own')
    if (remoteAlgorithms.length === 0) own.fail(['jwks'], 'no algorithm of the list is for public keys')
    remote.push(own.url('jwks'))
  })
  const unused = allowed.find(
    (algorithm) =>
      !(remote.length > 0 && remoteAlgorithms.includes(algorithm)) &&
      !local.some(({ algorithms }) => algorithms.includes(algorithm)),
  )
  if (unused !== undefined) given.fail(['algorithms'], `there is no key for ${unused}`)
  return { local, remote, remoteAlgorithms }
}

function isSecret(algorithm: Algorithm): boolean {
  return SECRET.some((each) => each === algorithm)
}

function localKey(
  own: Options,
  path: readonly (string | number)[],
  kind: 'pem' | 'secret',
  allowed: readonly Algorithm[],
): LocalKey {
  const text = own.text(kind)
  const key = kind === 'pem' ? publicKey(text, [...path, kind]) : createSecretKey(Buffer.from(text))
  const fitting: readonly Algorithm[] = kind === 'pem' ? algorithmsOf(key) : SECRET
  const algorithms = allowed.filter((algorithm) => fitting.includes(algorithm))
  if (algorithms.length === 0) {
    own.fail(
      [kind],
      `no algorithm of the list fits this key${fitting.length === 0 ? '' : `, which is for ${fitting.join(', ')}`}`,
    )
  }
  if (kind === 'secret') checkSecret(own, text, algorithms)
  return { key, algorithms, kid: own.optionalText('kid') }
}

function checkSecret(own: Options, text: string, algorithms: readonly Algorithm[]): void {
  if (text.includes('-----BEGIN')) own.fail(['secret'], 'is a key in PEM: a public key is no secret, write pem')
  // RFC 7518 §3.2: "A key of the same size as the hash output … or larger MUST be used"
  const least = Math.max(...algorithms.map((algorithm) => Number(algorithm.slice(2)) / 8))
  if (Buffer.byteLength(text) < least) {
    own.fail(['secret'], `must be at least ${least} bytes for ${algorithms.join(', ')}`)
  }
}

function publicKey(text: string, path: readonly (string | number)[]): KeyObject {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new FieldError(path, 'is a private key: the bridge needs the public one only')
  }
  let key: KeyObject
  try {
    key = createPublicKey(text)
  } catch {
    throw new FieldError(path, 'must be a public key or a certificate in PEM')
  }
  // RFC 7518 §3.3, 3.5: "A key of size 2048 bits or larger MUST be used"
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < 2048) throw new FieldError(path, 'an RSA key must have 2048 bits or more')
  return key
}

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly Algorithm[] {
  const curve = details?.namedCurve ?? ''
  if (type === 'rsa') return RSA
  if (type === 'rsa-pss') return RSA.filter((algorithm) => algorithm.startsWith('PS'))
  if (type === 'ed25519') return EDWARDS
  return type === 'ec' && Object.hasOwn(CURVES, curve) ? [CURVES[curve as keyof typeof CURVES]] : []
}

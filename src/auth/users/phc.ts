/**
 * Password hashes as text: `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, the PHC string format with scrypt's parameters (N = 2^ln), salt and hash in
 * base64 without padding. Parameters are bounded here, so that a configuration can't ask for gigabytes or for hours.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

export interface Hash {
  /** log2 of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** scrypt, as node:crypto has it but with a promise; tests count its calls. */
export type Scrypt = (password: string, salt: Buffer, length: number, options: ScryptOptions) => Promise<Buffer>

/** OWASP Password Storage Cheat Sheet: 32 MiB and about a quarter of a second. */
const STANDARD = { ln: 15, r: 8, p: 3 } as const
const MEMORY = 256 * 1024 * 1024
const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** What a hash must look like, for errors. */
export const HASH_RULE = 'must be a scrypt hash as `stomp-bridge passwd` makes it: $scrypt$ln=15,r=8,p=3$salt$hash'

/** undefined: it is none, or asks for less than ln=10 and 16 bytes, or for more than 256 MiB or 16 times the work of a strong one. */
export function readHash(text: string): Hash | undefined {
  const [, ln, r, p, salt, hash] = FORM.exec(text) ?? []
  if (hash === undefined) return undefined
  const read = {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt!, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  }
  const bounded = read.ln >= 10 && read.ln <= 20 && read.r >= 1 && read.p >= 1 && memoryOf(read) <= MEMORY
  return bounded && work(read) <= 16 * work(STANDARD) ? read : undefined
}

/** How much it costs to check it, for comparing. */
export function work({ ln, r, p }: Pick<Hash, 'ln' | 'r' | 'p'>): number {
  return 2 ** ln * r * p
}

/** A hash of the same cost that no password has. */
export function decoy({ ln, r, p, salt, hash }: Hash): Hash {
  return { ln, r, p, salt: randomBytes(salt.length), hash: randomBytes(hash.length) }
}

/** Takes as long for a wrong password as for the right one. */
export async function matches(
  password: string,
  { hash, ...parameters }: Hash,
  derive: Scrypt = systemScrypt,
): Promise<boolean> {
  return timingSafeEqual(await run(password, { ...parameters, length: hash.length }, derive), hash)
}

/** A new hash with a salt of its own. */
export async function hashOf(password: string, derive: Scrypt = systemScrypt): Promise<string> {
  const salt = randomBytes(16)
  const hash = await run(password, { ...STANDARD, salt, length: 32 }, derive)
  return phcOf({ ...STANDARD, salt, hash })
}

/** The text that `readHash` takes. */
export function phcOf({ ln, r, p, salt, hash }: Hash): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`
}

function run(
  password: string,
  { ln, r, p, salt, length }: Omit<Hash, 'hash'> & { readonly length: number },
  derive: Scrypt,
): Promise<Buffer> {
  return derive(password, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * memoryOf({ ln, r, p }) + 1024 * 1024 })
}

/** RFC 7914 §2: 128 · N · r, and 128 · r · p beside it. */
function memoryOf({ ln, r, p }: Pick<Hash, 'ln' | 'r' | 'p'>): number {
  return 128 * r * (2 ** ln + p)
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

export const systemScrypt: Scrypt = (password, salt, length, options) =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })

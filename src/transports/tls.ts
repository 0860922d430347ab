/**
 * The certificate of the listener: read from two PEM files, and read again when they change, without a restart and without a connection lost.
 * What cannot be used is told and changes nothing. Knows nothing of who connects.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { Clock, Timer } from '../broker/clock.ts'
import { FileWatch } from '../watch.ts'

export interface TlsOptions {
  /** Path of a PEM file: the certificate, then those between it and the root. */
  readonly cert: string
  /** Path of a PEM file: its private key, without a passphrase. */
  readonly key: string
  readonly minVersion: Extract<SecureVersion, 'TLSv1.2' | 'TLSv1.3'>
}

/** renewed: a changed pair is in use · broken: it is not, the one before it stays · expiring: the one in use ends soon, or has ended */
export type CertificateNote =
  | { readonly state: 'renewed' | 'expiring' /** Milliseconds since 1970. */; readonly validUntil: number }
  | { readonly state: 'broken'; readonly cause: Error }

/** A pair that cannot be used. */
export class TlsFault extends Error {
  override readonly name = 'TlsFault'
  /** The option to blame. */
  readonly field: 'cert' | 'key'

  constructor(field: 'cert' | 'key', rule: string) {
    super(rule)
    this.field = field
  }
}

/** What the files say now. */
interface Files {
  readonly cert: Buffer
  readonly key: Buffer
  /** Equal when they say the same. */
  readonly digest: string
}

interface Pair {
  readonly context: Readonly<SecureContextOptions>
  readonly validUntil: number
}

const DAY_MS = 86_400_000
/** Let's Encrypt's clients renew 30 days before the end: two weeks before it something has failed. */
const WARN_MS = 14 * DAY_MS

/** @throws TlsFault */
function readFiles(options: TlsOptions): Files {
  if (options.cert === '' || options.key === '') {
    throw new TlsFault(options.cert === '' ? 'cert' : 'key', 'cert and key go together')
  }
  const [cert, key] = [contentOf('cert', options.cert), contentOf('key', options.key)]
  const digest = createHash('sha256').update(cert).update('\0').update(key).digest('hex')
  return { cert, key, digest }
}

/**
 * What `tls.createServer` takes, after a check that it can be used.
 * @throws TlsFault
 */
function pairOf({ cert, key }: Files, options: TlsOptions): Pair {
  let validUntil: number
  try {
    validUntil = new X509Certificate(cert).validToDate.getTime()
  } catch {
    throw new TlsFault('cert', `${options.cert} is no certificate in PEM`)
  }
  try {
    createSecureContext({ cert, key })
  } catch {
    // OpenSSL's text is left out: it may quote the key.
    const rule = `is no private key in PEM, has a passphrase, or does not fit ${options.cert}`
    throw new TlsFault('key', `${options.key} ${rule}`)
  }
  return { context: { cert, key, minVersion: options.minVersion }, validUntil }
}

/** What is wrong with a pair; undefined = nothing. */
export function tlsFault(options: TlsOptions): TlsFault | undefined {
  try {
    pairOf(readFiles(options), options)
    return undefined
  } catch (error) {
    if (error instanceof TlsFault) return error
    throw error
  }
}

function contentOf(field: 'cert' | 'key', path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TlsFault(field, `${path} cannot be read: ${code === 'ENOENT' ? 'no such file' : code}`)
  }
}

/** The pair in use, and the look-out for the next one. */
export class Certificate implements Disposable {
  readonly #options: TlsOptions
  readonly #clock: Clock
  readonly #tell: (note: CertificateNote) => void
  #pair: Pair
  /** A digest or a fault, of the last look: nothing is told twice, and nothing checked twice. */
  #found: string
  #use: ((context: Readonly<SecureContextOptions>) => void) | undefined
  #watch: FileWatch | undefined
  #warning: Timer | undefined

  /** @throws TlsFault */
  constructor(options: TlsOptions, clock: Clock, tell: (note: CertificateNote) => void) {
    this.#options = options
    this.#clock = clock
    this.#tell = tell
    const files = readFiles(options)
    this.#pair = pairOf(files, options)
    this.#found = files.digest
  }

  get context(): Readonly<SecureContextOptions> {
    return this.#pair.context
  }

  /** @param use is given every later pair; called until disposed */
  watch(use: (context: Readonly<SecureContextOptions>) => void): void {
    this.#use = use
    this.#watch = new FileWatch([this.#options.cert, this.#options.key], this.#clock, () => this.#look())
    this.#warn()
  }

  [Symbol.dispose](): void {
    this.#use = undefined
    this.#watch?.[Symbol.dispose]()
    this.#warning?.cancel()
  }

  #look(): void {
    let files: Files
    try {
      files = readFiles(this.#options)
    } catch (error) {
      const cause = error as TlsFault
      if (this.#isNew(cause.message)) this.#tell({ state: 'broken', cause })
      return
    }
    if (this.#isNew(files.digest)) this.#renew(files)
  }

  #renew(files: Files): void {
    try {
      const pair = pairOf(files, this.#options)
      this.#use?.(pair.context)
      this.#pair = pair
    } catch (error) {
      this.#tell({ state: 'broken', cause: error as TlsFault })
      return
    }
    this.#tell({ state: 'renewed', validUntil: this.#pair.validUntil })
    this.#warn()
  }

  #isNew(found: string): boolean {
    if (this.#found === found) return false
    this.#found = found
    return true
  }

  /** Once a day while it is near its end. */
  #warn(): void {
    const { validUntil } = this.#pair
    const left = validUntil - this.#clock.now()
    if (left < WARN_MS) this.#tell({ state: 'expiring', validUntil })
    this.#warning?.cancel()
    this.#warning = this.#clock.after(DAY_MS, () => this.#warn())
  }
}

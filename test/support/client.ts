/**
 * A client that follows a script: says frames, and hears them one after the other, so that nothing is missed and nothing sleeps.
 * It speaks through a FakeWire; `settle` is how its stage lets everything happen that was set in motion.
 */
import { expect } from 'vitest'
import { encodeFrame } from '../../src/stomp/encoder.ts'
import { type Frame, header } from '../../src/stomp/frame.ts'
import { Parser } from '../../src/stomp/parser.ts'
import type { Version } from '../../src/stomp/version.ts'
import type { FakeWire } from './wire.ts'

/** A plain object, or name, value, name, value … where names repeat. */
export type Headers = Readonly<Record<string, string>> | readonly string[]

/** What a client heard, with its headers for comparing (of repeated ones the first) and its body as text. */
export interface Heard {
  readonly command: string
  readonly headers: Readonly<Record<string, string>>
  /** Name, value …, all of them, as they came. */
  readonly raw: readonly string[]
  readonly body: string
}

const UNBOUNDED = { frameBytes: 1e9, headerBytes: 1e6, headerCount: 1e6 }

export class Client {
  readonly wire: FakeWire
  readonly version: Version
  readonly #settle: () => Promise<void>
  readonly #parser = new Parser(UNBOUNDED)
  #read = 0

  constructor(wire: FakeWire, version: Version, settle: () => Promise<void>) {
    this.wire = wire
    this.version = version
    this.#settle = settle
    this.#parser.version = version
  }

  /** Says CONNECT and hears CONNECTED. */
  async connects(headers: Record<string, string> = {}): Promise<Heard> {
    const accept: Record<string, string> = this.version === '1.0' ? {} : { 'accept-version': this.version }
    this.sends('CONNECT', { ...accept, ...headers })
    return await this.gets('CONNECTED')
  }

  /** One frame in one chunk. */
  sends(command: string, headers: Headers = {}, body: string | Buffer = ''): this {
    const list = Array.isArray(headers) ? headers : Object.entries(headers).flat()
    return this.writes(encodeFrame(command, list, Buffer.from(body), this.version))
  }

  /** Octets as they are. */
  writes(bytes: string | Buffer): this {
    this.wire.receives(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    return this
  }

  /**
   * The next frame, which must be this one.
   * @param headers those it must have, among others
   * @param body what it must be, when given
   */
  async gets(command: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<Heard> {
    await this.#settle()
    const heard = this.#next()
    expect({ command: heard?.command, headers: heard?.headers, body: heard?.body }).toMatchObject(
      body === undefined ? { command, headers } : { command, headers, body },
    )
    return heard!
  }

  /** MESSAGE frames with these bodies, in this order, and no frame between them. */
  async getsMessages(...bodies: readonly string[]): Promise<Heard[]> {
    const heard: Heard[] = []
    for (const body of bodies) heard.push(await this.gets('MESSAGE', {}, body))
    return heard
  }

  /** RECEIPTs with these ids, in this order, and no frame between them. */
  async getsReceipts(...ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.gets('RECEIPT', { 'receipt-id': id })
  }

  /** An ERROR with a title, a body that says more, and this code; the connection stays. */
  async getsError(code: string, headers: Readonly<Record<string, string>> = {}): Promise<Heard> {
    const error = await this.gets('ERROR', { 'bridge-code': code, 'content-type': 'text/plain', ...headers })
    expect(error.headers.message).toMatch(/\w/)
    expect(error.body).toMatch(/\w.*\n$/)
    return error
  }

  /** The same, and it is the last frame before the connection is closed with `close`. */
  async isRefused(code: string, close: number, headers: Readonly<Record<string, string>> = {}): Promise<Heard> {
    const error = await this.getsError(code, headers)
    await this.isClosed(close)
    return error
  }

  /** No frame has come since the last one heard. */
  async getsNothing(): Promise<void> {
    await this.#settle()
    expect(this.#next()).toBeUndefined()
  }

  /** The bridge has closed the connection, and said nothing more. */
  async isClosed(code: number): Promise<void> {
    await this.getsNothing()
    expect(this.wire.closing?.code).toBe(code)
    expect(this.wire.gone).toBe(true)
  }

  /** The connection is gone without a word. */
  vanishes(): void {
    this.wire.breaks()
  }

  /** The next frame; a heart-beat counts as a frame with the command EOL. */
  #next(): Heard | undefined {
    const bytes = this.wire.out[this.#read]
    if (bytes === undefined) return undefined
    this.#read++
    if (bytes.equals(Buffer.from('\n'))) return { command: 'EOL', headers: {}, raw: [], body: '' }
    this.#parser.push(bytes)
    const frame = this.#parser.next()
    if (frame === undefined) throw new Error(`no whole frame: ${JSON.stringify(bytes.toString())}`)
    return heardOf(frame)
  }
}

function heardOf(frame: Frame): Heard {
  const names = frame.headers.filter((_, index) => index % 2 === 0)
  const headers = Object.fromEntries(names.map((name) => [name, header(frame, name)!]))
  return { command: frame.command, headers, raw: frame.headers, body: frame.body.toString() }
}

/**
 * Octets in, frames out. Pure: no socket, timer or logger; what a frame means is rules.ts's affair and the session's. The grammar, and
 * every deviation from it, stands at the top of grammar.ts.
 *
 * The parser is pulled: `push` only takes octets, `next` makes one frame. A session that is paused simply stops calling `next`.
 * No octet of a head or a body is looked at twice for its end, whatever the chunks: what `next` has seen it remembers.
 *
 * Cost, and why it looks as it does: one scan over the octets of the head, one decode of the whole head, then slices of that string.
 * A call into native code per header line would cost more than all of that.
 */
import { type Buffer, isUtf8 } from 'node:buffer'
import { ProtocolError, type ProtocolErrorCode } from './errors.ts'
import { EMPTY, type Frame, firstOf } from './frame.ts'
import { COMMAND_BYTES, CR, commands, LF, NUL } from './grammar.ts'
import { endOfLine, readHeaders, receiptIn } from './head.ts'
import type { Version } from './version.ts'
import { Window } from './window.ts'

/** What one frame may take. All in bytes as on the wire (escaped, without EOL) unless it says otherwise; at the limit is allowed. */
export interface ParserLimits {
  /** The body, without its NUL. */
  readonly frameBytes: number
  /** One header line. */
  readonly headerBytes: number
  /** Header lines; repeated ones count. */
  readonly headerCount: number
  /** Everything before the body, EOLs and blank line included. Not given: what `headerCount` lines of `headerBytes` come to. */
  readonly headTotalBytes?: number
}

/** A head that was read while its body is still on the way. */
interface Head {
  readonly command: string
  readonly headers: readonly string[]
  /** What `content-length` says; -1: the body runs to the first NUL. */
  readonly length: number
  /** Offset of the body from the start of the frame. */
  readonly bodyAt: number
}

export class Parser {
  readonly #window = new Window()
  #limits: ParserLimits
  #version: Version = '1.0'
  #failure: ProtocolError | undefined = undefined

  // What is known of the frame at the start of the window. Offsets count from its first octet.
  /** No octet before this one needs to be looked at again. */
  #seen = 0
  /** Where the line that is being read begins. */
  #lineAt = 0
  /** Lines that are complete, the command's among them. */
  #lines = 0
  /** All octets of the head, ORed: below 0x80 it is ASCII. */
  #octets = 0
  #head: Head | undefined = undefined

  constructor(limits: ParserLimits) {
    this.#limits = limits
  }

  get limits(): ParserLimits {
    return this.#limits
  }

  /** Holds for every frame that `next` has not yet returned, also for what has been pushed of it already. */
  set limits(limits: ParserLimits) {
    this.#limits = limits
    this.#forget()
  }

  /** '1.0' until set. CONNECT, STOMP and CONNECTED are read in the same way under every version. */
  get version(): Version {
    return this.#version
  }

  /** Holds for every frame that `next` has not yet returned, also for what has been pushed of it already. */
  set version(version: Version) {
    this.#version = version
    this.#forget()
  }

  /**
   * Bytes held that `next` has not yet consumed. The memory behind them is at most twice the most there were since there were none, plus
   * one chunk.
   */
  get buffered(): number {
    return this.#window.length
  }

  /** Takes octets in any split. The chunk must not be written to afterwards: bodies are views of it. Ignored after an error. */
  push(chunk: Buffer): void {
    if (this.#failure !== undefined) return
    const head = this.#head
    this.#window.push(chunk, head === undefined || head.length < 0 ? 0 : head.bodyAt + head.length + 1)
  }

  /**
   * The next whole frame; undefined when there are not enough octets yet. Heart-beat EOLs are skipped.
   *
   * @throws ProtocolError when what was pushed is no STOMP frame or breaks a limit, and as soon as that is certain: a
   *   `content-length` over the limit before any of the body has come. The error is final: every later call throws it again.
   */
  next(): Frame | undefined {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#head === undefined) {
      if (!this.#findBlankLine()) return undefined
      this.#head = this.#readHead()
    }
    const head = this.#head
    const length = head.length < 0 ? this.#findNul(head.bodyAt) : this.#awaitBody(head.bodyAt, head.length)
    if (length < 0) return undefined

    const window = this.#window
    const from = window.start + head.bodyAt
    const body = length === 0 ? EMPTY : window.bytes.subarray(from, from + length)
    window.consume(from + length + 1)
    this.#forget()
    return { command: head.command, headers: head.headers, body }
  }

  #forget(): void {
    this.#seen = 0
    this.#lineAt = 0
    this.#lines = 0
    this.#octets = 0
    this.#head = undefined
  }

  /** STOMP 1.2, Heart-beating: "if the sender has no real STOMP frame to send, it MUST send an end-of-line (EOL)". Deviation 3. */
  #skipBetweenFrames(): void {
    const { bytes, end } = this.#window
    let at = this.#window.start
    while (at < end && (bytes[at] === LF || bytes[at] === CR || bytes[at] === NUL)) at++
    this.#window.consume(at)
  }

  /** Scans on for the blank line that ends the head; true when `#seen` is the offset just behind it. */
  #findBlankLine(): boolean {
    if (this.#seen === 0) this.#skipBetweenFrames()
    const { bytes, start, end } = this.#window
    let octets = this.#octets
    let line = start + this.#lineAt
    for (let at = start + this.#seen; at < end; at++) {
      const octet = bytes[at]!
      octets |= octet
      if (octet !== LF) continue
      const length = at - line - (at > line && bytes[at - 1] === CR ? 1 : 0)
      this.#checkHead(length, at + 1 - start)
      line = at + 1
      this.#lineAt = line - start
      this.#octets = octets
      if (length === 0) {
        this.#seen = line - start
        return true
      }
      this.#lines++
      if (this.#lines > 1 + this.#limits.headerCount) throw this.#tooManyHeaders()
    }
    this.#octets = octets
    this.#seen = end - start
    // A CR at the very end may turn out to belong to the EOL.
    this.#checkHead(end - line - (end > line && bytes[end - 1] === CR ? 1 : 0), end - start)
    return false
  }

  /**
   * @param line bytes of the line that is being read, without its EOL
   * @param total bytes of the head so far
   */
  #checkHead(line: number, total: number): void {
    const { headerBytes, headTotalBytes = Number.POSITIVE_INFINITY } = this.#limits
    const lineLimit = this.#lines === 0 ? COMMAND_BYTES : headerBytes
    if (line <= lineLimit && total <= headTotalBytes) return
    // The bound that was crossed first counts, so that the same octets give the same error however they are split.
    if (line <= lineLimit || headTotalBytes <= this.#lineAt + lineLimit) {
      throw this.#fail('frame-too-large', `the head of the frame is over ${headTotalBytes} bytes`)
    }
    if (this.#lines === 0) throw this.#fail('unknown-command', 'the frame does not begin with a STOMP command')
    throw this.#fail('header-too-long', `a header line is over ${headerBytes} bytes`)
  }

  #tooManyHeaders(): ProtocolError {
    return this.#fail('too-many-headers', `the frame has more than ${this.#limits.headerCount} headers`)
  }

  #readHead(): Head {
    const text = this.#decodeHead()
    const eol = text.indexOf('\n')
    const command = text.slice(0, endOfLine(text, 0, eol))
    if (!commands.has(command)) {
      throw this.#fail('unknown-command', `${JSON.stringify(command)} is not a STOMP command`)
    }
    const headers = readHeaders(command, this.#version, text, eol + 1)
    if (!Array.isArray(headers)) throw this.#fail(headers.code, headers.rule)
    return { command, headers, length: this.#readLength(headers), bodyAt: this.#seen }
  }

  /** STOMP 1.2, Value Encoding: "The commands and headers are encoded in UTF-8." */
  #decodeHead(): string {
    const { bytes, start } = this.#window
    const end = start + this.#seen
    if (this.#octets < 0x80) return bytes.toString('latin1', start, end)
    if (isUtf8(bytes.subarray(start, end))) return bytes.toString('utf8', start, end)
    throw this.#fail('bad-header', 'the head of the frame is not UTF-8')
  }

  /** -1 without `content-length`. A number too large for JavaScript is too large for every limit. */
  #readLength(headers: readonly string[]): number {
    const value = firstOf(headers, 'content-length')
    if (value === undefined) return -1
    if (!DIGITS.test(value)) throw this.#fail('bad-content-length', 'content-length must be decimal digits')
    const length = Number(value)
    if (length > this.#limits.frameBytes) throw this.#bodyTooLarge()
    return length
  }

  /**
   * The length of a body that was announced, -1 while it has not all come.
   *
   * STOMP 1.2, Header content-length: "If a content-length header is included, this number of octets MUST be read, regardless of whether
   * or not there are NULL octets in the body. The frame still needs to be terminated with a NULL octet."
   */
  #awaitBody(bodyAt: number, length: number): number {
    const { bytes, start, end } = this.#window
    const nul = start + bodyAt + length
    if (nul >= end) return -1
    if (bytes[nul] !== NUL) throw this.#fail('missing-nul', 'the body is longer than its content-length')
    return length
  }

  /** The length of a body without `content-length`, -1 while its NUL has not come. */
  #findNul(bodyAt: number): number {
    const { bytes, start, end } = this.#window
    const body = start + bodyAt
    const from = start + this.#seen
    // In memory of our own, what stands beyond `end` has not been received.
    const received = end === bytes.length ? bytes : bytes.subarray(0, end)
    const found = received.indexOf(NUL, from)
    const length = (found === -1 ? end : found) - body
    if (length > this.#limits.frameBytes) throw this.#bodyTooLarge()
    this.#seen = end - start
    return found === -1 ? -1 : length
  }

  #bodyTooLarge(): ProtocolError {
    return this.#fail('frame-too-large', `the body of the frame is over ${this.#limits.frameBytes} bytes`)
  }

  /** Makes the error, for the caller to throw, and lets go of all octets. */
  #fail(code: ProtocolErrorCode, rule: string): ProtocolError {
    const { bytes, start } = this.#window
    const lines = bytes.toString('utf8', start, start + this.#lineAt)
    this.#failure = new ProtocolError(code, rule, receiptIn(lines, this.#version))
    this.#window.clear()
    this.#forget()
    return this.#failure
  }
}

const DIGITS = /^[0-9]+$/

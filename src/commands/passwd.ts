/**
 * `stomp-bridge passwd`: a password into the hash that `authenticator: users` takes. The password is typed without echo, or is the first line of
 * standard input; never an argument, which every user of the machine could see in the list of processes.
 */
import { hashOf } from '../auth/users/phc.ts'
import type { Arguments } from './arguments.ts'
import { EXIT, type Host, type Input } from './command.ts'

const LONGEST = 1024

export async function passwd(_: Arguments, host: Host): Promise<number> {
  const lines = new Lines(host.stdin, host.stop)
  try {
    const password = host.stdin.isTTY === true ? await typed(lines, host) : await lines.next()
    if (password === undefined || password === '') return failed(host, 'no password was given')
    if (password.length > LONGEST) return failed(host, `a password has at most ${LONGEST} characters`)
    host.stdout.write(`${await hashOf(password)}\n`)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return failed(host, error.message)
  } finally {
    lines.close()
  }
}

class Mistake extends Error {}

/** Twice, since nobody sees what he types. */
async function typed(lines: Lines, { stdin, stderr }: Host): Promise<string | undefined> {
  stdin.setRawMode?.(true)
  try {
    stderr.write('Password: ')
    const first = await lines.next()
    stderr.write('\r\nOnce more: ')
    const second = first === undefined ? undefined : await lines.next()
    stderr.write('\r\n')
    if (second !== undefined && first !== second) throw new Mistake('these were two different passwords')
    return second
  } finally {
    stdin.setRawMode?.(false)
  }
}

/** Standard input by lines; a terminal in raw mode gives keys, so the few that edit a line are obeyed here. */
class Lines {
  readonly #chunks: AsyncIterator<Uint8Array | string>
  readonly #isTerminal: boolean
  readonly #stopped: Promise<{ done: true; value: undefined }>
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(input: Input, stop: AbortSignal) {
    this.#chunks = input[Symbol.asyncIterator]()
    this.#isTerminal = input.isTTY === true
    this.#stopped = new Promise((resolve) => {
      const end = (): void => resolve({ done: true, value: undefined })
      if (stop.aborted) end()
      else stop.addEventListener('abort', end, { once: true })
    })
  }

  /** Without its line break; undefined: it was interrupted, or there is none. What comes after 64 KiB without a break is not read. */
  async next(): Promise<string | undefined> {
    let line = ''
    for (;;) {
      for (const [index, key] of [...this.#rest].entries()) {
        if (key === '\n' || (this.#isTerminal && key === '\r')) {
          this.#rest = [...this.#rest].slice(index + 1).join('')
          return line.replace(/\r$/, '')
        }
        if (this.#isTerminal && (key === '\u0003' || key === '\u0004')) return undefined
        line = this.#isTerminal ? edited(line, key) : line + key
      }
      this.#rest = ''
      const { done, value } = await Promise.race([this.#chunks.next(), this.#stopped])
      if (done === true) return this.#isTerminal || line === '' ? undefined : line
      if (line.length > 65_536) return line
      this.#rest = typeof value === 'string' ? value : this.#decoder.decode(value, { stream: true })
    }
  }

  /** A stream that somebody still reads would keep the process alive. */
  close(): void {
    void this.#chunks.return?.()
  }
}

/** Backspace, Ctrl-U; other control keys are no characters. */
function edited(line: string, key: string): string {
  if (key === '\u007f' || key === '\b') return [...line].slice(0, -1).join('')
  if (key === '\u0015') return ''
  return key < ' ' ? line : line + key
}

function failed({ stderr }: Host, text: string): number {
  stderr.write(`stomp-bridge: ${text}\n`)
  return EXIT.failed
}

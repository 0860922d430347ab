/**
 * A backend decides: what the configuration names of CONNECT is POSTed to one URL, and the answer is remembered for a while. Equal questions
 * under way are asked once. Keys of the memory are keyed hashes; what clients showed is not kept.
 */
import { siteOf } from '../../broker/address.ts'
import { Attempts } from '../attempts.ts'
import { type Attempt, type Authenticator, passed, refused, type Verdict } from '../authenticator.ts'
import type { AuthContext } from '../context.ts'
import { cookieOf } from '../cookie.ts'
import { ask } from '../fetching.ts'
import { fingerprints } from '../fingerprint.ts'
import { stranger } from '../identity.ts'
import { Lru } from '../lru.ts'
import { Turnstile } from '../turnstile.ts'
import { type Answer, readAnswer } from './answer.ts'
import { type HttpOptions, readHttp } from './fields.ts'

const ANSWER_BYTES = 65_536
const REMEMBERED = 10_000

/** What the backend is sent. */
interface Question {
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: Readonly<Record<string, string>>
  readonly remote: string
  readonly host: string | undefined
}

/** @throws FieldError */
export function createHttp(options: Readonly<Record<string, unknown>>, context: AuthContext): Authenticator {
  return new HttpAuthenticator(readHttp(options), context)
}

class HttpAuthenticator implements Authenticator {
  readonly name: string
  readonly accepts: string
  readonly #options: HttpOptions
  readonly #context: AuthContext
  readonly #fingerprint = fingerprints()
  readonly #remembered = new Lru<string, { readonly answer: Answer; readonly untilMs: number }>(REMEMBERED)
  readonly #asking = new Map<string, Promise<Answer | undefined>>()
  readonly #turnstile: Turnstile
  readonly #attempts: Attempts
  readonly #closed = new AbortController()
  #failing = false

  constructor(options: HttpOptions, context: AuthContext) {
    this.name = context.name
    const cookies = options.cookies.map((name) => `the cookie "${name}"`)
    this.accepts = [...options.headers.map((name) => `the header "${name}" of CONNECT`), ...cookies].join(' or ')
    this.#options = options
    this.#context = context
    this.#turnstile = new Turnstile(options.concurrency, options.queue)
    this.#attempts = new Attempts(context.clock, { perAddress: options.failuresPerAddress, perLogin: 1 })
  }

  async authenticate(attempt: Attempt): Promise<Verdict> {
    const question = this.#question(attempt)
    if (question === undefined) return passed
    const key = this.#fingerprint(question)
    const known = this.#remembered.get(key)
    if (known !== undefined && known.untilMs > this.#context.clock.now()) return this.#verdict(known.answer)
    const ticket = this.#attempts.begin(attempt.remote, undefined, key)
    if (ticket === undefined) return refused('too-many-attempts', 'too many refused logins: try again later')
    try {
      const answer = await this.#ask(key, question)
      if (answer === undefined) return refused('auth-unavailable', 'too many logins at one time: try again later')
      if (answer.kind === 'no') ticket.refused()
      return this.#verdict(answer)
    } finally {
      ticket.dropped()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the bridge stops'))
    this.#remembered.clear()
  }

  /** undefined: nothing of it was shown. */
  #question(attempt: Attempt): Question | undefined {
    const named = (names: readonly string[], find: (name: string) => string | undefined): [string, string][] =>
      names.flatMap((name): [string, string][] => {
        const value = find(name)
        return value === undefined ? [] : [[name, value]]
      })
    const { request, remote, credentials } = attempt
    const headers = named(this.#options.headers, (name) => attempt.header(name))
    const cookies = named(this.#options.cookies, (name) => cookieOf(request.headers.cookie, name))
    if (headers.length + cookies.length === 0) return undefined
    const host = credentials?.host ?? attempt.header('host')
    return { headers: Object.fromEntries(headers), cookies: Object.fromEntries(cookies), remote, host }
  }

  /** Who asks the same while it is under way gets the same answer. undefined: too many ask. */
  #ask(key: string, question: Question): Promise<Answer | undefined> {
    const known = this.#asking.get(key)
    if (known !== undefined) return known
    const asking = this.#turnstile
      .pass(this.#closed.signal, siteOf(question.remote), () => this.#post(question))
      .then((answer) => answer && this.#remember(key, answer))
      .finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #post(question: Question): Promise<Answer> {
    const { url, timeoutMs } = this.#options
    const { clock, fetch } = this.#context
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(question) }
    const answer = await ask(
      { url, init, timeoutMs, mostBytes: ANSWER_BYTES, signal: this.#closed.signal },
      clock,
      fetch,
    ).then(
      ({ status, text }) => readAnswer(status, text, this.name),
      (error: Error): Answer => ({ kind: 'none', reason: error.message }),
    )
    this.#tell(answer)
    return answer
  }

  #remember(key: string, answer: Answer): Answer {
    const { cacheMs, cacheRefusalsMs } = this.#options
    const ms = { yes: cacheMs, no: Math.min(cacheMs, cacheRefusalsMs), none: 0 }[answer.kind]
    if (ms > 0) this.#remembered.set(key, { answer, untilMs: this.#context.clock.now() + ms })
    return answer
  }

  #verdict(answer: Answer): Verdict {
    if (answer.kind === 'yes') {
      const { expiresAtMs } = answer.user
      const over = expiresAtMs !== undefined && expiresAtMs <= this.#context.clock.now()
      return over ? refused('token-expired', 'what was shown has expired') : { kind: 'admitted', user: answer.user }
    }
    if (answer.kind === 'no') return refused('login-refused', 'the login was refused', 'the backend said no')
    if (this.#options.onError === 'allow') return { kind: 'admitted', user: stranger(this.name) }
    return refused('auth-unavailable', 'logins cannot be checked now: try again later', answer.reason)
  }

  /** Once per outage. */
  #tell(answer: Answer): void {
    const failing = answer.kind === 'none'
    if (failing === this.#failing || this.#closed.signal.aborted) return
    this.#failing = failing
    const { observer } = this.#context
    if (answer.kind === 'none') observer.warning(this.name, `no answer from the backend: ${answer.reason}`)
    else observer.recovered(this.name, 'the backend answers again')
  }
}

/** What authenticators are shown and given in tests: attempts, a clock that stands still, real HTTP servers on loopback. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Attempt, Authenticator, Verdict } from '../../src/auth/authenticator.ts'
import type { AuthContext } from '../../src/auth/context.ts'
import { FieldError } from '../../src/broker/errors.ts'
import { FakeClock } from '../support/clock.ts'

export interface Shown {
  readonly login?: string
  readonly passcode?: string
  /** Of CONNECT. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of the upgrade request. */
  readonly upgrade?: Readonly<Record<string, string>>
  readonly url?: string
  readonly remote?: string
}

export function attempt({
  login,
  passcode = '',
  headers = {},
  upgrade = {},
  url = '/ws',
  remote = '192.0.2.1',
}: Shown): Attempt {
  const names = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    credentials: login === undefined ? undefined : { login, passcode, host: undefined },
    remote,
    header: (name) => names.get(name.toLowerCase()),
    request: { headers: upgrade, url, origin: undefined },
  }
}

export const ever = new AbortController().signal

/** `admitted ann`, `refused login-refused`, `passed`: what a test mostly wants to know. */
export function brief(verdict: Verdict): string {
  if (verdict.kind === 'admitted') return `admitted ${verdict.user.name}`
  return verdict.kind === 'refused' ? `refused ${verdict.code}` : verdict.kind
}

export async function says(authenticator: Authenticator, shown: Shown): Promise<string> {
  return brief(await authenticator.authenticate(attempt(shown), ever))
}

export class Scene {
  readonly clock = new FakeClock()
  /** What the log would hold. */
  readonly told: string[] = []

  context(name = 'auth'): AuthContext {
    return {
      name,
      clock: this.clock,
      fetch,
      observer: {
        decided: () => {},
        warning: (who, text) => this.told.push(`warning ${who}: ${text}`),
        recovered: (who, text) => this.told.push(`recovered ${who}: ${text}`),
      },
    }
  }

  keep<A extends AsyncDisposable>(made: A): A {
    onTestFinished(() => made[Symbol.asyncDispose]())
    return made
  }
}

/** The rule that is broken, as `path: rule`; fails when none is. */
export function faultOf(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    if (error instanceof FieldError) return `${error.path.join('.')}: ${error.message}`
    throw error
  }
  throw new Error('no fault was found')
}

export class Server {
  readonly hits: string[] = []
  readonly bodies: string[] = []
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end()
  readonly #server = createServer(async (request, response) => {
    this.hits.push(`${request.method} ${request.url}`)
    this.bodies.push((await request.toArray()).join(''))
    this.answer(request, response)
  })
  #port = 0

  /** On any free port, until the test ends. */
  async start(): Promise<this> {
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
    onTestFinished(() => this.stop())
    return this
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }
}

export async function openServer(): Promise<Server> {
  return await new Server().start()
}

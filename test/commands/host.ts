/** A process for commands to run in: what they write is kept, and the test says when to stop. */
import type { Host, Input } from '../../src/commands/command.ts'

export class FakeHost implements Host {
  readonly env: Record<string, string>
  readonly #stop = new AbortController()
  out = ''
  err = ''
  readonly stdout = { write: (text: string) => (this.out += text) }
  readonly stderr = { write: (text: string) => (this.err += text) }
  /** Nothing, and then its end. */
  stdin: Input = (async function* () {})()

  /** Ops and clients' port are any free ones, unless `env` says otherwise. */
  constructor(env: Record<string, string> = {}) {
    this.env = { STOMP_BRIDGE_LISTEN_PORT: '0', STOMP_BRIDGE_OPS_PORT: '0', ...env }
  }

  get stop(): AbortSignal {
    return this.#stop.signal
  }

  hangUp: () => void = () => {}

  onHangup(reload: () => void): void {
    this.hangUp = reload
  }

  onCrash(): void {}

  stopNow(): void {
    this.#stop.abort('SIGTERM')
  }
}

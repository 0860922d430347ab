/**
 * The books of a test: what was sent, what has a RECEIPT, what was consumed and how it was marked. Bodies are unique. `check` is the promise of
 * PROMISES §1: "A ledger may show duplicates only where `redelivered` or `bridge-resent` stands."
 */
import { expect } from 'vitest'
import type { Heard } from './driver.ts'

export class Ledger {
  readonly #sent = new Set<string>()
  readonly #receipted = new Set<string>()
  /** For each body and each time that it came: whether it was marked. */
  readonly #consumed = new Map<string, boolean[]>()

  get receipted(): number {
    return this.#receipted.size
  }

  /** Different bodies. */
  get consumed(): number {
    return this.#consumed.size
  }

  get duplicates(): number {
    return [...this.#consumed.values()].reduce((sum, times) => sum + times.length - 1, 0)
  }

  sends(body: string): void {
    this.#sent.add(body)
  }

  hasReceipt(body: string): void {
    this.#receipted.add(body)
  }

  consumes({ headers, body }: Heard): void {
    const marked = headers.redelivered === 'true' || headers['bridge-resent'] === 'true'
    const text = body.toString()
    const times = this.#consumed.get(text)
    if (times === undefined) this.#consumed.set(text, [marked])
    else times.push(marked)
  }

  /** Receipted, and not yet consumed. */
  get outstanding(): string[] {
    return [...this.#receipted].filter((body) => !this.#consumed.has(body))
  }

  /** None lost, none invented, none twice without saying so. */
  check(): void {
    const unmarked = [...this.#consumed].filter(([, times]) => times.filter((marked) => !marked).length > 1)
    expect(this.outstanding).toEqual([])
    expect([...this.#consumed.keys()].filter((body) => !this.#sent.has(body))).toEqual([])
    expect(unmarked.map(([body]) => body)).toEqual([])
  }
}

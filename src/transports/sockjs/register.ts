/**
 * The sessions over HTTP requests, by the id that their client has chosen, and whose they are. An id is short and may be guessed; so it is not enough:
 * a request belongs to a session if it shows the cookie of the browser that began it, or comes from the same address (an IPv6 one: the same /64); and
 * if both name an origin, it is the same. What comes from elsewhere finds nothing under that id.
 */
import { siteOf } from '../../broker/address.ts'
import type { Clock } from '../../broker/clock.ts'
import type { PolledWire } from './polled.ts'

/** Who makes a request. */
export interface Visitor {
  readonly remote: string
  readonly origin: string | undefined
  /** Of the cookie that it shows. */
  readonly browser: string | undefined
}

/** A session that there is, or was a moment ago: then the frame that says so. */
export type Found = { readonly wire: PolledWire } | { readonly farewell: string }

interface Owner extends Visitor {
  /** Of a cookie that was shown; until then of one that was set, perhaps at the same time as by another tab. */
  browser: string
  isShown: boolean
}

interface Entry {
  readonly owner: Owner
  readonly found: Found
}

/** Sessions that are remembered after their end. */
const REMEMBERED = 4_096

export class Register {
  readonly #clock: Clock
  readonly #memoryMs: number
  readonly #open = new Map<string, Entry>()
  readonly #gone = new Map<string, Entry>()

  /** @param memoryMs "until the timeout occurs, the server must constantly serve the close message" */
  constructor(clock: Clock, memoryMs: number) {
    this.#clock = clock
    this.#memoryMs = memoryMs
  }

  /** @returns `foreign`: it is somebody else's */
  find(id: string, visitor: Visitor): Found | 'foreign' | undefined {
    const entry = this.#open.get(id) ?? this.#gone.get(id)
    if (entry === undefined) return undefined
    return isOf(entry.owner, visitor) ? entry.found : 'foreign'
  }

  /** @param set the cookie that the answer sets, when the visitor has shown none */
  add(id: string, visitor: Visitor, set: string | undefined, wire: PolledWire): void {
    const browser = visitor.browser ?? set ?? ''
    this.#open.set(id, { owner: { ...visitor, browser, isShown: visitor.browser !== undefined }, found: { wire } })
  }

  /** It has ended. */
  remove(id: string, farewell: string): void {
    const entry = this.#open.get(id)
    if (entry === undefined) return
    this.#open.delete(id)
    const gone: Entry = { owner: entry.owner, found: { farewell } }
    this.#gone.set(id, gone)
    const [oldest] = this.#gone.keys()
    if (this.#gone.size > REMEMBERED && oldest !== undefined) this.#gone.delete(oldest)
    this.#clock.after(this.#memoryMs, () => {
      if (this.#gone.get(id) === gone) this.#gone.delete(id)
    })
  }

  /** All that there are. */
  wires(): readonly PolledWire[] {
    return [...this.#open.values()].flatMap(({ found }) => ('wire' in found ? [found.wire] : []))
  }
}

function isOf(owner: Owner, { remote, origin, browser }: Visitor): boolean {
  if (owner.origin !== undefined && origin !== undefined && owner.origin !== origin) return false
  if (owner.browser === browser) {
    owner.isShown = true
    return true
  }
  if (siteOf(owner.remote) !== siteOf(remote)) return false
  if (browser !== undefined && !owner.isShown) {
    owner.browser = browser
    owner.isShown = true
  }
  return true
}

/** Where a destination leads for one session: through the bridge's own destinations, which come first, or through the routes. */
import type { Verb } from '../routing/access.ts'
import { isReserved } from '../routing/reserved.ts'
import type { Place, Route } from '../routing/route.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { PolicyError } from './failure.ts'
import { brief } from './headers.ts'
import type { Snapshot } from './house.ts'

/** Who asks. */
interface Asking {
  readonly id: string
  readonly user: { readonly name: string | undefined }
  readonly snapshot: Snapshot
}

/** Whom `/user/…` means when this session subscribes: its user, or the session itself, which nobody else can guess. */
function ownName({ user, id }: Asking): string {
  return user.name ?? id
}

/**
 * @returns undefined: nothing is there
 * @throws BrokerError `bad-destination`
 */
export function resolve(asking: Asking, destination: string, verb: Verb): Place | undefined {
  const { router, inner } = asking.snapshot
  return isReserved(destination) ? inner?.resolve(destination, verb, ownName(asking)) : router.resolve(destination)
}

/** @throws PolicyError `no-route`, `forbidden`, BrokerError `bad-destination` */
export function placeOf(asking: Asking, destination: string, verb: Verb): Place {
  const place = resolve(asking, destination, verb)
  if (place !== undefined) return place
  if (isReserved(destination)) throw new PolicyError('forbidden', `${brief(destination)} is reserved for the bridge`)
  throw new PolicyError('no-route', `no route for the destination ${brief(destination)}`)
}

/**
 * `unmapped: ignore`. Spring drops what it has no handler or broker for, without a word, and so is it done here: but for frames that ask for an
 * answer (a receipt, or a transaction, whose COMMIT vouches for them). A RECEIPT would be a lie, and silence would keep the client waiting.
 * @param error of a SEND or SUBSCRIBE to such a destination, or of the UNSUBSCRIBE that follows
 */
export function isIgnored({ snapshot }: Asking, frame: Frame, error: unknown): boolean {
  if (snapshot.unmapped !== 'ignore' || !(error instanceof PolicyError)) return false
  if (error.code !== 'no-route' && error.code !== 'unknown-subscription') return false
  return header(frame, 'receipt') === undefined && header(frame, 'transaction') === undefined
}

/** The route whose `errors` say what follows an ERROR about this destination; undefined = none. */
export function meant({ router, inner }: Snapshot, destination: string): Route | undefined {
  return isReserved(destination) ? inner?.meant(destination) : router.meant(destination)
}

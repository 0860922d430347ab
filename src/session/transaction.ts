/**
 * BEGIN, COMMIT, ABORT. A transaction groups: at COMMIT every SEND is published in order, and when all are confirmed the ACKs and NACKs are
 * settled. A failure leaves at worst published-but-unacked, never acked-but-unpublished (PROMISES §3). It is not atomic.
 */
import type { Broker, Link } from '../broker/broker.ts'
import { asError, BrokerError } from '../broker/errors.ts'
import { absence } from '../routing/inner.ts'
import { type Frame, header } from '../stomp/frame.ts'
import { marksOf, type Settlement, STALE, unknown } from './ack.ts'
import { failureOf, PolicyError } from './failure.ts'
import { brief } from './headers.ts'
import { checkStanding } from './review.ts'
import { confirmed, type Publication, publish } from './send.ts'
import type { Session } from './session.ts'

interface Transaction {
  readonly sends: Publication[]
  readonly settlements: Settlement[]
  bytes: number
}

/** The open transactions of a session. Their limits hold for all of them together. */
export class Transactions {
  readonly #session: Session
  readonly #open = new Map<string, Transaction>()
  #frames = 0
  #bytes = 0

  constructor(session: Session) {
    this.#session = session
  }

  begin(id: string): void {
    const most = this.#session.snapshot.limits.transactions
    // STOMP 1.2, BEGIN: the identifier "MUST be different" from that of any other open transaction of the connection
    if (this.#open.has(id)) throw new PolicyError('duplicate-transaction', `transaction "${brief(id)}" is open already`)
    if (this.#open.size >= most)
      throw new PolicyError('too-many-transactions', `a session may have ${most} open transactions`)
    this.#open.set(id, { sends: [], settlements: [], bytes: 0 })
    this.#session.house.counters.transactions++
  }

  addSend(id: string, publication: Publication): void {
    this.#grow(id, publication.bytes).sends.push(publication)
  }

  addSettlement(id: string, settlement: Settlement): void {
    this.#grow(id, 0).settlements.push(settlement)
  }

  /** Ends it and hands out what it holds. */
  take(id: string): Transaction {
    const transaction = this.#find(id)
    this.#open.delete(id)
    this.#session.house.counters.transactions--
    this.#frames -= transaction.sends.length + transaction.settlements.length
    this.#bytes -= transaction.bytes
    return transaction
  }

  /** Disconnected: STOMP 1.2, ABORT and BEGIN: what was not committed never happened. */
  clear(): void {
    this.#session.house.counters.transactions -= this.#open.size
    this.#open.clear()
    this.#frames = 0
    this.#bytes = 0
  }

  #grow(id: string, bytes: number): Transaction {
    const transaction = this.#find(id)
    const { transactionFrames, transactionBytes } = this.#session.snapshot.limits
    if (this.#frames + 1 > transactionFrames || this.#bytes + bytes > transactionBytes) {
      throw new PolicyError(
        'transaction-too-large',
        `the open transactions of a session may hold ${transactionFrames} frames and ${transactionBytes} bytes`,
      )
    }
    this.#frames++
    this.#bytes += bytes
    transaction.bytes += bytes
    return transaction
  }

  #find(id: string): Transaction {
    const transaction = this.#open.get(id)
    if (transaction === undefined)
      throw new PolicyError('unknown-transaction', `there is no open transaction "${brief(id)}"`)
    return transaction
  }
}

export function begin(session: Session, frame: Frame): void {
  session.transactions.begin(header(frame, 'transaction')!)
  session.receipt(header(frame, 'receipt'))
}

export function abort(session: Session, frame: Frame): void {
  session.transactions.take(header(frame, 'transaction')!)
  session.receipt(header(frame, 'receipt'))
}

export function commit(session: Session, frame: Frame): void {
  const receipt = header(frame, 'receipt')
  const transaction = session.transactions.take(header(frame, 'transaction')!)
  try {
    // A new token, or a reload, may have taken away what the user had when he sent it.
    for (const { place } of transaction.sends) checkStanding(session, place, 'send')
    // A stale ACK in it: ERROR before anything is done.
    for (const settlement of transaction.settlements) check(settlement)
  } catch (error) {
    refuse(session, transaction, receipt, error)
    return
  }
  session.pending.begin(transaction.bytes)
  void perform(session, transaction)
    .then(
      (stale) => session.receipt(receipt, stale ? STALE : []),
      (error: unknown) => refuse(session, transaction, receipt, error),
    )
    .then(() => session.pending.done(transaction.bytes))
}

function refuse(session: Session, transaction: Transaction, receipt: string | undefined, error: unknown): void {
  // Spans of what was published, or refused by itself, are over.
  for (const { span } of transaction.sends) span?.fail(failureOf(error))
  session.fail(error, { receipt }, errorsOf(transaction))
}

function check({ subscription, tag }: Settlement): void {
  const found = subscription.look(tag)
  if (found === 'unknown') throw unknown(`${subscription.number}-${tag}`)
  if (found === 'stale') {
    throw new PolicyError(
      'stale-ack',
      `message ${subscription.number}-${tag} comes again: nothing of this transaction was done`,
    )
  }
}

/** `keep` only where every route of the transaction says so. */
function errorsOf(transaction: Transaction): 'close' | 'keep' {
  const places = [
    ...transaction.sends.map((each) => each.place),
    ...transaction.settlements.map((each) => each.subscription.place),
  ]
  return places.every((place) => place.route.policy.errors === 'keep') ? 'keep' : 'close'
}

/** @returns whether an ACK turned out stale after all SENDs were confirmed */
async function perform(session: Session, transaction: Transaction): Promise<boolean> {
  const brokers = new Set<Broker>(transaction.sends.map((each) => each.place.route.broker))
  // All at once: a frame that follows the COMMIT must find every lane taken.
  const holds = await Promise.allSettled([...brokers].map((broker) => hold(session, broker)))
  const held = holds.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  try {
    for (const each of holds) if (each.status === 'rejected') throw each.reason
    await publishAll(session, transaction, new Map(held.map((each) => [each.broker, each.link])))
    return await settleAll(session, transaction)
  } finally {
    for (const each of held) each.release()
  }
}

interface Held {
  readonly broker: Broker
  readonly link: Link
  release(): void
}

/** Waits for what is before us in the lane, then keeps later frames to that broker waiting until `release`. */
function hold(session: Session, broker: Broker): Promise<Held> {
  return new Promise((resolve, reject) => {
    session.lanes.of(broker).run({
      run: (link) => new Promise<void>((release) => resolve({ broker, link, release })),
      fail: reject,
    })
  })
}

/** Receipts of frames inside come during COMMIT, before its own. */
async function publishAll(session: Session, { sends }: Transaction, links: ReadonlyMap<Broker, Link>): Promise<void> {
  const outcomes = await Promise.allSettled(
    sends.map((publication) => {
      const began = session.house.turn.ticks()
      return publish(links.get(publication.place.route.broker)!, publication).then(() => {
        confirmed(session, publication, began)
        session.receipt(publication.receipt)
      })
    }),
  )
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'rejected') sends[index]!.span?.fail(failureOf(outcome.reason))
  })
  const failed = outcomes.findIndex((outcome) => outcome.status === 'rejected')
  if (failed < 0) return
  const done = sends
    .filter((_, index) => outcomes[index]!.status === 'fulfilled')
    .map((each) => brief(each.place.destination))
  const cause = asError(absence(sends[failed]!.place, (outcomes[failed] as PromiseRejectedResult).reason))
  const why = cause instanceof BrokerError ? cause.message : 'internal error'
  throw new PolicyError(
    'transaction-failed',
    `SEND ${failed + 1} of ${sends.length} to ${brief(sends[failed]!.place.destination)} failed: ${why}\n` +
      `published: ${done.length === 0 ? 'nothing' : list(done)}; no ACK or NACK of the transaction was settled`,
    { cause },
  )
}

/** At most twenty names: an ERROR is no place for a thousand. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}

async function settleAll(session: Session, { settlements }: Transaction): Promise<boolean> {
  let anyStale = false
  for (const { subscription, tag, outcome, receipt } of settlements) {
    const claim = subscription.claim(tag)
    // Unknown now: an earlier cumulative ACK of the same transaction has settled it already.
    const tags = typeof claim === 'string' ? [] : claim
    const stale = claim === 'stale' ? [tag] : tags.length === 0 ? [] : await subscription.settle(tags, outcome)
    anyStale ||= stale.length > 0
    session.receipt(receipt, marksOf(subscription, tags, stale))
  }
  return anyStale
}

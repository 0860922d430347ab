/** Random schedules for the world of sharing.stage.ts: who plays, and what happens. */
import fc from 'fast-check'
import type { Act, Player, Schedule } from './sharing.stage.ts'

const PLAYERS = 4
const SLOTS = 3
/** What overlaps, in both spellings; the topics that are published to are `a` and `b.c`. */
const EXACT = ['/topic/a', '/shout/a', '/topic/b.c']
const WILD = ['/topic/*', '/topic/#', '/shout/b.*', '/shout/#']

/** How likely is what, and how large. */
interface Mix {
  readonly send: number
  readonly drain: number
  /** Of bodies, in bytes. */
  readonly sizes: readonly number[]
  /** Whether what was published while the connection was cut comes after all, and then all at once. */
  readonly kept: fc.Arbitrary<boolean>
}

const player = fc.nat(PLAYERS - 1)
const slot = fc.nat(SLOTS - 1)
const topic = fc.constantFrom('a', 'b.c')
const destination = fc.constantFrom(...EXACT, ...EXACT, ...WILD)
const does = <D extends Act['does']>(word: D) => fc.constant(word)

function act({ send, drain, sizes, kept }: Mix): fc.Arbitrary<Act> {
  return fc.oneof(
    { weight: 25, arbitrary: fc.record({ does: does('subscribe'), destination, player, slot }) },
    { weight: 10, arbitrary: fc.record({ does: does('unsubscribe'), player, slot }) },
    {
      weight: send,
      arbitrary: fc.record({ does: does('send'), player, topic, size: fc.constantFrom(...sizes) }),
    },
    { weight: 20, arbitrary: fc.record({ does: does('turn') }) },
    { weight: 10, arbitrary: fc.record({ does: does('stall'), player }) },
    { weight: 5, arbitrary: fc.record({ does: does('drip'), player, bytes: fc.nat(2000) }) },
    { weight: drain, arbitrary: fc.record({ does: does('drain'), player }) },
    { weight: 5, arbitrary: fc.record({ does: does('cut') }) },
    { weight: 5, arbitrary: fc.record({ does: does('mend'), kept }) },
    { weight: 5, arbitrary: fc.record({ does: does('wait'), ms: fc.constantFrom(1, 3000, 8000) }) },
    { weight: 1, arbitrary: fc.record({ does: does('disconnect'), player }) },
  )
}

const players = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        version: fc.constantFrom('1.0', '1.1', '1.2'),
        ids: fc.constantFrom('common', 'common', 'own'),
        framing: fc.constantFrom('common', 'common', 'common', 'own'),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Player>({ version: '1.0', ids: 'none', framing: 'common' }) },
  ),
  { minLength: 2, maxLength: PLAYERS },
)

/** Everybody listens to `a` to begin with. */
const opening: readonly Act[] = Array.from({ length: PLAYERS }, (_, player) => ({
  does: 'subscribe',
  destination: '/topic/a',
  player,
  slot: 0,
}))

const easy = act({ send: 40, drain: 10, sizes: [0, 10, 200], kept: fc.boolean() })

/** A bit of everything. */
export const schedule: fc.Arbitrary<Schedule> = fc.record({
  players,
  acts: fc.array(easy, { minLength: 20, maxLength: 60 }).map((acts) => [...opening, ...acts]),
})

/** The same, with all sending left to one who reads: the others may be sent away, and what is published does not depend on it. */
export function withSpeaker({ players, acts }: Schedule): Schedule {
  const speaker = players.length - 1
  const change = (act: Act): Act => {
    if (act.does === 'send') return { ...act, player: speaker }
    const silences = (act.does === 'stall' || act.does === 'disconnect') && act.player % players.length === speaker
    return silences ? { does: 'turn' } : act
  }
  return { players, acts: acts.map(change) }
}

const hard = act({ send: 120, drain: 5, sizes: [100, 500], kept: fc.constant(false) })
const turns = fc.array(fc.array(hard, { minLength: 1, maxLength: 2 }), { minLength: 20, maxLength: 40 })

/** Much is sent and little is read; but one client is written at most 6 × 700 bytes in a turn. */
export const heavySchedule: fc.Arbitrary<Schedule> = fc.record({
  players,
  acts: turns.map((turns) => [
    ...opening,
    { does: 'stall', player: 0 },
    ...turns.flatMap((turn): Act[] => [...turn, { does: 'turn' }]),
  ]),
})

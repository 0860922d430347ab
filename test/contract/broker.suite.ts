/**
 * The contract that every broker adapter passes, written against the port alone. An adapter's own test brings a harness:
 *
 *   brokerContract('memory', { stage: async () => …, exceptions: { 'case name': 'reason' } })
 *
 * An exception is run as well and must fail, so that none outlives its reason; the reason stands in the test's name.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deliveries } from './cases/deliveries.ts'
import { durables } from './cases/durables.ts'
import { lifetimes } from './cases/lifetimes.ts'
import { messages } from './cases/messages.ts'
import { outages } from './cases/outages.ts'
import { settling } from './cases/settling.ts'
import type { BrokerHarness } from './harness.ts'
import { type Case, Scene } from './scene.ts'

export type { BrokerHarness, Spot, Stage } from './harness.ts'

const GROUPS = { messages, deliveries, settling, lifetimes, durables, outages }

export type CaseName =
  | keyof typeof messages
  | keyof typeof deliveries
  | keyof typeof settling
  | keyof typeof lifetimes
  | keyof typeof durables
  | keyof typeof outages

/** All cases about lost connections, for a broker that has none to lose. */
export const OUTAGE_CASES = Object.keys(outages) as readonly (keyof typeof outages)[]

const CASE_MS = 60_000
const BEGIN_MS = 120_000
/** How long an exception waits for what does not come. */
const IN_VAIN_MS = 1_500

export function brokerContract(name: string, harness: BrokerHarness<CaseName>): void {
  describe(`${name} keeps the contract of the port`, () => {
    beforeAll(() => harness.begin?.(), BEGIN_MS)
    afterAll(() => harness.end?.(), BEGIN_MS)
    for (const [group, cases] of Object.entries(GROUPS)) {
      describe(group, () => {
        for (const [title, play] of Object.entries(cases)) state(title, play, harness)
      })
    }
  })
}

function state(title: string, play: Case, harness: BrokerHarness<CaseName>): void {
  const reason = harness.exceptions?.[title as CaseName]
  if (reason === undefined) {
    it(title, () => run(play, harness), CASE_MS)
  } else {
    it(
      `${title} [EXCEPTION: ${reason}]`,
      () => expect(run(play, harness, IN_VAIN_MS), 'the case passes: drop the exception').rejects.toThrow(),
      CASE_MS,
    )
  }
}

async function run(play: Case, harness: BrokerHarness<CaseName>, patienceMs?: number): Promise<void> {
  await using scene = new Scene(await harness.stage(), patienceMs)
  await play(scene)
  expect(scene.violations, 'port rule 2: credit').toEqual([])
}

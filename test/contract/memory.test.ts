/** The contract on the embedded broker. What is its own (bounds, words, time, turns) stands in test/broker/memory.test.ts. */
import { type MemoryBroker, memoryBroker } from '../../src/adapters/memory/index.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { silentBrokerObserver } from '../../src/broker/observer.ts'
import { brokerContract, type CaseName, OUTAGE_CASES, type Spot, type Stage } from './broker.suite.ts'

const NO_CONNECTION = 'a memory broker has no connection to lose'

const exceptions: Partial<Record<CaseName, string>> = {
  ...Object.fromEntries(OUTAGE_CASES.map((name) => [name, NO_CONNECTION])),
  'a publish with a receipt to nowhere is refused with not-found, and the link goes on':
    'a queue comes into being with its first message',
  'a subscription to nowhere is refused with not-found, and the link goes on':
    'a queue comes into being with its first consumer',
  'a forbidden publish is refused with forbidden, and the link goes on': 'a memory broker has no permissions',
  'a refused principal gets login-refused and learns nothing': 'a memory broker has no accounts',
}

function memoryStage(broker: MemoryBroker): Stage {
  let names = 0
  const spot = (options: Record<string, string>, path: string): Spot => {
    const route = broker.route(options, ['path'])
    return { route, target: route.target({ path }) }
  }
  const queue = (): Spot => spot({ queue: 'contract.{path}' }, `q${++names}`)
  const topic = (path = `t${++names}`): Spot => spot({ topic: 'contract/{path}' }, path)
  return {
    broker,
    queue: async () => queue(),
    topic: async () => topic(),
    async wildcard() {
      const root = `w${++names}`
      const inside = [topic(`${root}.one.price`), topic(`${root}.two.price`)] as const
      return { pattern: topic(`${root}.*.price`), inside, outside: topic(`${root}.one.volume`) }
    },
    async deadLetter() {
      const path = `q${++names}`
      return {
        queue: spot({ queue: 'contract.{path}', deadLetter: 'dead.{path}' }, path),
        dead: spot({ queue: 'dead.{path}' }, path),
      }
    },
    async leftovers() {
      return Object.entries(broker.holdings)
        .filter(([, held]) => held !== 0)
        .map(([what, held]) => `${held} ${what}`)
    },
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
}

brokerContract('memory', {
  exceptions,
  stage: async () => memoryStage(memoryBroker('local', {}, { observer: silentBrokerObserver, clock: systemClock })),
})

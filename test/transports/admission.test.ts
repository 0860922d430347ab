/** How many may be inside, and how fast they may come; with a clock of the test's own. */
import { describe, expect, test } from 'vitest'
import { Admission, type AdmissionLimits } from '../../src/transports/admission.ts'

const NONE: AdmissionLimits = {
  connections: 0,
  connectionsPerIp: 0,
  connectRate: 0,
  connectBurst: 1,
  connectRatePerIp: 0,
}

function door(limits: Partial<AdmissionLimits>) {
  let now = 0
  const admission = new Admission({ ...NONE, ...limits }, () => now)
  return {
    admission,
    /** Comes in, or is told why not. */
    knock(remote: string): string | (() => void) {
      return admission.refusal(remote) ?? admission.enter(remote)
    },
    passes(ms: number): void {
      now += ms
    },
  }
}

/** Refusals in words, entries as 'in'. */
const words = (answers: readonly (string | (() => void))[]): string[] =>
  answers.map((answer) => (typeof answer === 'string' ? answer : 'in'))

test('without limits everybody comes in', () => {
  const { knock, admission } = door({})
  for (let count = 0; count < 1_000; count++) expect(knock('192.0.2.1')).toBeTypeOf('function')
  expect(admission.open).toBe(1_000)
})

describe('connections', () => {
  test('at n and n + 1; a place that is free again is given again', () => {
    const { knock, admission } = door({ connections: 2 })
    const leave = knock('192.0.2.1') as () => void
    expect(words([knock('192.0.2.2'), knock('192.0.2.3')])).toEqual(['in', 'connections'])
    leave()
    expect(words([knock('192.0.2.3'), knock('192.0.2.4')])).toEqual(['in', 'connections'])
    expect(admission.open).toBe(2)
  })

  test('of one address: others have theirs', () => {
    const { knock } = door({ connectionsPerIp: 2 })
    const leave = knock('192.0.2.1') as () => void
    expect(words([knock('192.0.2.1'), knock('192.0.2.1'), knock('192.0.2.2')])).toEqual([
      'in',
      'connectionsPerIp',
      'in',
    ])
    leave()
    expect(words([knock('192.0.2.1')])).toEqual(['in'])
  })

  test('the addresses of one /64 are one', () => {
    const { knock } = door({ connectionsPerIp: 1 })
    const answers = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8:0:2::1', '::1'].map(knock)
    expect(words(answers)).toEqual(['in', 'connectionsPerIp', 'in', 'in'])
  })
})

describe('new connections in a second', () => {
  test('a burst, then the rate', () => {
    const { knock, passes } = door({ connectRate: 10, connectBurst: 3 })
    const four = (): string[] => words(['a', 'b', 'c', 'd'].map((name) => knock(name)))
    expect(four()).toEqual(['in', 'in', 'in', 'connectRate'])
    passes(100)
    expect(four()).toEqual(['in', 'connectRate', 'connectRate', 'connectRate'])
  })

  test('of one address: its burst is what it may have open', () => {
    const { knock, passes } = door({ connectRatePerIp: 1, connectionsPerIp: 2 })
    for (const _ of [1, 2]) (knock('192.0.2.1') as () => void)()
    expect(words([knock('192.0.2.1'), knock('192.0.2.2')])).toEqual(['connectRatePerIp', 'in'])
    passes(1_000)
    expect(words([knock('192.0.2.1')])).toEqual(['in'])
  })

  test('a flood from one address takes nothing from what all share', () => {
    const { knock } = door({
      connectRate: 1,
      connectBurst: 4,
      connectionsPerIp: 1,
      connectRatePerIp: 1,
      connections: 4,
    })
    const flood = Array.from({ length: 1_000 }, () => knock('192.0.2.1'))
    expect(words(flood).filter((word) => word === 'in')).toHaveLength(1)
    expect(words(['192.0.2.2', '192.0.2.3', '192.0.2.4'].map(knock))).toEqual(['in', 'in', 'in'])
  })
})

test('a hundred thousand addresses that came and went are not remembered', () => {
  const { knock, passes, admission } = door({ connectRatePerIp: 100, connectionsPerIp: 10 })
  const stays = knock('198.51.100.1')
  expect(stays).toBeTypeOf('function')
  for (let count = 0; count < 100_000; count++) {
    const leave = knock(`2001:db8:${(count >> 16).toString(16)}:${(count & 0xffff).toString(16)}::1`) as () => void
    leave()
    if (count % 1_000 === 0) passes(10)
  }
  expect(admission.sites).toBeLessThan(10_000)
  expect(admission.open).toBe(1)
})

describe('other limits', () => {
  test('hold for who comes next; who is inside stays and counts', () => {
    const { admission, knock } = door({ connections: 5 })
    for (let count = 0; count < 3; count++) knock('192.0.2.1')
    admission.limits = { ...NONE, connections: 2 }
    expect(knock('192.0.2.2')).toBe('connections')
    expect(admission.open).toBe(3)
    admission.limits = { ...NONE, connections: 4 }
    expect(knock('192.0.2.2')).toBeTypeOf('function')
  })

  test('make new rates, for addresses that are known too', () => {
    const { admission, knock } = door({ connectRatePerIp: 1, connectBurst: 1 })
    expect(words([knock('192.0.2.1'), knock('192.0.2.1')])).toEqual(['in', 'connectRatePerIp'])
    admission.limits = { ...NONE, connectRatePerIp: 1, connectBurst: 3 }
    const answers = [1, 2, 3, 4].map(() => knock('192.0.2.1'))
    expect(words(answers)).toEqual(['in', 'in', 'in', 'connectRatePerIp'])
  })

  test('that are the same give nobody a new burst', () => {
    const { admission, knock } = door({ connectRate: 1 })
    expect(words([knock('192.0.2.1'), knock('192.0.2.2')])).toEqual(['in', 'connectRate'])
    admission.limits = { ...NONE, connectRate: 1 }
    expect(knock('192.0.2.3')).toBe('connectRate')
  })
})

/** Acknowledgements of one channel: what is said at the end of a turn, and that `multiple` never speaks for a message that is not settled. */
import type { Channel } from 'amqplib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Acks } from '../../src/adapters/rabbitmq/acks.ts'
import type { Gate } from '../../src/adapters/rabbitmq/gate.ts'
import { Inbox } from '../../src/adapters/rabbitmq/inbox.ts'

type Said = readonly ['ack' | 'requeue' | 'reject', tag: number, multiple: boolean]

/** A channel that notes what is said, and a gate whose turn ends when the test says so. */
function stage() {
  const said: Said[] = []
  const late: (() => void)[] = []
  const tagOf = ({ fields }: { fields: { deliveryTag: number } }) => fields.deliveryTag
  const channel = {
    ack: (message, multiple) => void said.push(['ack', tagOf(message), multiple ?? false]),
    nack: (message, multiple, requeue) =>
      void said.push([requeue ? 'requeue' : 'reject', tagOf(message), multiple ?? false]),
  } satisfies Pick<Channel, 'ack' | 'nack'>
  const gate = { atTheEnd: (write: () => void) => void late.push(write) } as unknown as Gate
  const acks = new Acks(channel as unknown as Channel, gate)
  const end = (): void => {
    for (const write of late.splice(0)) write()
  }
  return { acks, said, end }
}

const plain = (...tags: number[]) => tags.map((deliveryTag) => ({ deliveryTag, bytes: 1, offset: undefined }))
const ALL = Number.POSITIVE_INFINITY

describe('acknowledgements of a turn', () => {
  it('one by one and in order: one frame', () => {
    const { acks, said, end } = stage()
    acks.settle(plain(1), 2, 'accepted')
    acks.settle(plain(2), 3, 'accepted')
    acks.settle(plain(3), ALL, 'accepted')
    expect(said).toEqual([])
    end()
    expect(said).toEqual([['ack', 3, true]])
  })

  it('in any order: one frame when nothing is missing, single ones behind a gap', () => {
    const { acks, said, end } = stage()
    acks.settle(plain(3), 1, 'accepted')
    acks.settle(plain(1), 2, 'accepted')
    acks.settle(plain(2), 4, 'accepted')
    acks.settle(plain(6), 4, 'accepted')
    end()
    expect(said).toEqual([
      ['ack', 6, false],
      ['ack', 3, true],
    ])
  })

  it('a lone one speaks for itself', () => {
    const { acks, said, end } = stage()
    acks.settle(plain(9), ALL, 'accepted')
    end()
    expect(said).toEqual([['ack', 9, false]])
  })

  it('are said before a refusal, which waits for nothing', () => {
    const { acks, said, end } = stage()
    acks.settle(plain(1), 2, 'accepted')
    acks.settle(plain(2, 3), 4, 'released')
    acks.settle(plain(5), 4, 'rejected')
    expect(said).toEqual([
      ['ack', 1, false],
      ['requeue', 3, true],
      ['reject', 5, false],
    ])
    end()
    expect(said).toHaveLength(3)
  })

  it('of a stream: whatever the outcome, an ack', () => {
    const { acks, said, end } = stage()
    acks.settle([{ deliveryTag: 1, bytes: 1, offset: 41 }], ALL, 'rejected')
    end()
    expect(said).toEqual([['ack', 1, false]])
  })

  it('tell the broker, in any schedule, exactly what was settled and how', () => {
    const outcomes = fc.constantFrom('accepted', 'accepted', 'released', 'rejected')
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ does: fc.constant('arrive' as const) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          does: fc.constant('settle' as const),
          at: fc.nat(),
          more: fc.nat(3),
          outcome: outcomes,
        }),
      },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('end' as const) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { acks, said, end } = stage()
        const inbox = new Inbox({ credit: 8, creditBytes: Number.POSITIVE_INFINITY })
        const expected = new Map<number, string>()
        let out: number[] = []
        let arrived = 0
        const give = (): void => {
          for (let next = inbox.next(); next !== undefined; next = inbox.next()) out.push(next.tag)
        }
        for (const each of steps) {
          if (each.does === 'end') end()
          if (each.does === 'arrive') inbox.park(delivery(++arrived))
          if (each.does === 'settle' && out.length > 0) {
            const at = each.at % out.length
            const tags = out.slice(at, at + 1 + each.more)
            out = out.filter((tag) => !tags.includes(tag))
            for (const tag of tags) expected.set(tag, each.outcome)
            const { list, settledBelow } = inbox.take(tags)
            acks.settle(list, settledBelow, each.outcome)
          }
          give()
        }
        end()
        expect(heard(said, arrived)).toEqual(new Map([...expected].sort(([left], [right]) => left - right)))
      }),
    )
  })
})

/** Nothing but its delivery tag, which here is its tag: only one consumer, and nothing was lost. */
function delivery(deliveryTag: number): Parameters<Inbox['park']>[0] {
  const message = { fields: { deliveryTag, redelivered: false }, properties: {}, content: Buffer.alloc(1) }
  return message as unknown as Parameters<Inbox['park']>[0]
}

/** What a broker understands: by delivery tag, how it was settled. */
function heard(said: readonly Said[], arrived: number): Map<number, string> {
  const words = { ack: 'accepted', requeue: 'released', reject: 'rejected' }
  const settled = new Map<number, string>()
  for (const [word, tag, multiple] of said) {
    for (let each = multiple ? 1 : tag; each <= tag; each++) {
      // A second time is a channel error; `multiple` passes over what is settled.
      expect(!multiple && settled.has(each)).toBe(false)
      if (!settled.has(each)) settled.set(each, words[word])
    }
    expect(tag).toBeLessThanOrEqual(arrived)
  }
  return new Map([...settled].sort(([left], [right]) => left - right))
}

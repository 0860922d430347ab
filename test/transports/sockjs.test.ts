/** What SockJS puts around and into texts: its frames, and the two framings. What goes over connections is in test/contract/. */
import { describe, expect, test } from 'vitest'
import { deflated, plain } from '../../src/transports/framings.ts'
import { closeFrame, escaped, messagesOf, Octets } from '../../src/transports/sockjs/frames.ts'
import { messagesOver, strings } from '../../src/transports/sockjs/framing.ts'

describe('frames', () => {
  test.each([
    ['"\\\b\f\n\r\t/', '\\"\\\\\\b\\f\\n\\r\\t/'],
    ['\u0000\u001f\u007f', '\\u0000\\u001f\u007f'],
    ['\u200c\u2028\u206f\ufeff\ufff0\uffff', '\\u200c\\u2028\\u206f\ufeff\\ufff0\\uffff'],
    ['€ grüße 😀', '€ grüße 😀'],
    ['\ud800 \udc00', '\\ud800 \\udc00'],
    ['100 %, %41', '100 \\u0025, \\u002541'],
  ])('%j is escaped, and read back as it was', (text, expected) => {
    expect(escaped(text)).toBe(expected)
    expect(JSON.parse(`"${escaped(text)}"`)).toBe(text)
  })

  test('nothing that a stream of events is made of, or that decodeURI would touch, stays as it is', () => {
    const all = Array.from({ length: 65_536 }, (_, unit) => String.fromCharCode(unit)).join('')
    const text = escaped(all)
    expect(text).not.toMatch(/[\r\n\0%]/)
    expect(text.isWellFormed()).toBe(true)
    expect(decodeURI(text)).toBe(text)
  })

  test('a close names its code and its reason', () => {
    expect(closeFrame(3000, 'Go away!')).toBe('c[3000,"Go away!"]')
    expect(JSON.parse(closeFrame(1008, 'a "b"\n').slice(1))).toEqual([1008, 'a "b"\n'])
  })

  test.each([
    ['["a","b"]', ['a', 'b']],
    ['"a"', ['a']],
    ['[]', []],
    ['', 'Payload expected.'],
    ['null', 'Payload expected.'],
    ['{"a":1}', 'Payload expected.'],
    ['["a",1]', 'Payload expected.'],
    ['["a', 'Broken JSON encoding.'],
    ['a', 'Broken JSON encoding.'],
  ])('%s is read as %j', (text, expected) => {
    expect(messagesOf(text)).toEqual(expected)
  })
})

describe('octets', () => {
  test('messages come one after another', () => {
    expect(new Octets(100).of(['SEND\n', 'ü\0'])).toEqual(Buffer.from('SEND\nü\0'))
    expect(new Octets(100).of([])).toEqual(Buffer.alloc(0))
  })

  test('a character that was cut in two is put together, in one body and over two', () => {
    const octets = new Octets(100)
    expect(octets.of(['a\ud83d', '\ude00b'])).toEqual(Buffer.from('a😀b'))
    expect(octets.of(['a\ud83d'])).toEqual(Buffer.from('a'))
    expect(octets.of(['\ude00b'])).toEqual(Buffer.from('😀b'))
  })

  test('half a character whose other half does not come is one that cannot be shown', () => {
    const octets = new Octets(100)
    octets.of(['\ud83d'])
    expect(octets.of(['b'])).toEqual(Buffer.from('\ufffdb'))
  })

  test('the limit is that of one message, in octets', () => {
    expect(new Octets(4).of(['üü', 'üü'])).toEqual(Buffer.from('üüüü'))
    expect(new Octets(4).of(['üü', 'üüx'])).toBeUndefined()
  })
})

describe('framing', () => {
  const frame = Buffer.from('MESSAGE\n\n"ü" 😀 100 %\0')

  test('a frame is a JSON string with a comma, or a whole message of a WebSocket', () => {
    const json = '"MESSAGE\\n\\n\\"ü\\" 😀 100 \\u0025\\u0000"'
    expect(strings.pack(frame).toString()).toBe(`${json},`)
    expect(messagesOver(plain).pack(frame)).toEqual(plain.pack(Buffer.from(`a[${json}]`)))
    expect(messagesOver(deflated).pack(frame).toString()).toBe(`a[${json}]`)
  })

  test('it is one object for all wires that take the same bytes', () => {
    expect(messagesOver(plain)).toBe(messagesOver(plain))
    expect(messagesOver(plain)).not.toBe(messagesOver(deflated))
    expect([plain, deflated, strings, messagesOver(plain)].map(({ textOnly }) => textOnly)).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  const tails = ['', 'ü\0', '"\\\n'.repeat(300), '😀'.repeat(20_000), 'x'.repeat(70_000), 'end'].map((text) =>
    Buffer.from(text),
  )

  test.each([strings, messagesOver(plain), messagesOver(deflated)])('joined is as if each were packed', (framing) => {
    for (const head of ['', 'MESSAGE\nsubscription:"ü"\n'].map((text) => Buffer.from(text))) {
      for (const [from, readers] of [0, 3, 5].flatMap((from) => [1, 1000].map((readers) => [from, readers] as const))) {
        const looked = tails.map((bytes) => framing.tail(bytes))
        const packed = tails.slice(from).map((tail) => framing.pack(Buffer.concat([head, tail])))
        expect(Buffer.concat(framing.join(head, looked, from, readers)).equals(Buffer.concat(packed))).toBe(true)
      }
    }
  })

  test.each([strings, messagesOver(plain), messagesOver(deflated)])(
    'who looks on reads back what was packed',
    (framing) => {
      const read = framing.reader()
      const head = Buffer.from('MESSAGE\nsubscription:"ü"\n')
      const looked = tails.map((bytes) => framing.tail(bytes))
      const joined = framing.join(head, looked, 0, 1_000)
      const seen = [framing.pack(frame), ...joined, framing.pack(frame)].flatMap((packed) => read(packed))
      expect(seen).toEqual([frame, ...tails.map((bytes) => Buffer.concat([head, bytes])), frame])
    },
  )

  test.each([plain, deflated])('what SockJS says of its own is no frame to who looks on', (below) => {
    const read = messagesOver(below).reader()
    const own = ['o', 'h', 'c[1000,"a"]'].flatMap((text) => read(below.pack(Buffer.from(text))))
    expect(own).toEqual([])
  })

  test('what is joined for responses is cut where a response may end', () => {
    const many = Array.from({ length: 100 }, () => strings.tail(Buffer.alloc(1_000, 'x')))
    const joined = strings.join(Buffer.from('head'), many, 0, 1)
    expect(joined.length).toBeGreaterThan(2)
    for (const each of joined) {
      expect(each.length).toBeLessThan(34_000)
      expect(JSON.parse(`[${each.subarray(0, -1)}]`)).toEqual(expect.arrayContaining([`head${'x'.repeat(1_000)}`]))
    }
  })
})

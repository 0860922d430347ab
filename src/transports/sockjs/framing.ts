/**
 * STOMP frames as the strings of SockJS messages. Two kinds of bytes, each made once for all wires that take them: JSON strings for what goes into
 * HTTP responses, whatever their kind, and whole WebSocket messages. Both can carry UTF-8 and nothing else.
 */
import { Buffer } from 'node:buffer'
import { deflated, plain } from '../framings.ts'
import type { Framing, Tail } from '../wire.ts'
import { escaped } from './frames.ts'

/** A response is written buffer by buffer, and is over when it is long enough: what is joined must not be too long for that. */
const JOINED_UP_TO = 32 * 1024

/**
 * Each frame a JSON string with a comma behind it. The wire puts `a[` before as many of them as it likes, and `]` for the last
 * comma: so the same bytes do for xhr, xhr_streaming and eventsource.
 */
export const strings: Framing = {
  name: 'sockjs',
  textOnly: true,
  pack: (frame) => Buffer.from(`"${escaped(frame.toString())}",`),
  tail: (bytes) => ({ bytes: Buffer.from(`${escaped(bytes.toString())}",`), isText: true }),
  join(head, tails, from) {
    const start = Buffer.from(`"${escaped(head.toString())}`)
    const joined: Buffer[] = []
    let parts: Buffer[] = []
    let total = 0
    for (let index = from; index < tails.length; index++) {
      const { bytes } = tails[index]!
      parts.push(start, bytes)
      total += start.length + bytes.length
      if (total < JOINED_UP_TO && index + 1 < tails.length) continue
      joined.push(Buffer.concat(parts, total))
      parts = []
      total = 0
    }
    return joined
  },
  reader: () => (packed) => textsOf(packed.toString('utf8', 0, packed.length - 1)),
}

/** `a["…"]`, one for each frame, in the messages of another framing. */
function messagesIn(framing: Framing): Framing {
  const text = (bytes: Buffer): string => escaped(bytes.toString())
  return {
    name: `sockjs ${framing.name}`,
    textOnly: true,
    pack: (frame) => framing.pack(Buffer.from(`a["${text(frame)}"]`)),
    tail: (bytes): Tail => framing.tail(Buffer.from(`${text(bytes)}"]`)),
    join: (head, tails, from, readers) => framing.join(Buffer.from(`a["${text(head)}`), tails, from, readers),
    reader() {
      const read = framing.reader()
      return (packed) => read(packed).flatMap((message) => framesIn(message.toString()))
    },
  }
}

/** The STOMP frames in one message: `o`, `h` and `c[…]` have none. */
function framesIn(message: string): readonly Buffer[] {
  return message.startsWith('a') ? textsOf(message.slice(2, -1)) : []
}

/** @param json of strings, with commas between them; our own */
function textsOf(json: string): readonly Buffer[] {
  return (JSON.parse(`[${json}]`) as string[]).map((text) => Buffer.from(text))
}

const inPlain = messagesIn(plain)
const inDeflated = messagesIn(deflated)

/** For a WebSocket of this framing: always the same object. */
export function messagesOver(framing: Framing): Framing {
  return framing === deflated ? inDeflated : inPlain
}

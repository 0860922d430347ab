/** Peers that are one small program of `servers/` in one process, and keep everything there. */
import { fileURLToPath } from 'node:url'
import type { Need } from '../scenarios/scenario.ts'
import { startServer } from './child.ts'
import type { Peer } from './peer.ts'

const FLOOR = new URL('./servers/floor.ts', import.meta.url)

/** stomp-broker-js from npm, as its README shows it. */
export const stompBrokerJs = scripted({
  name: 'stomp-broker-js',
  // It knows no queues: whatever is sent to a destination goes to all who are subscribed at that moment. With one consumer each, present from
  // the start, that looks like a queue, and so it is let into those scenarios; it cannot keep a message, share it out or take it back. It
  // means to answer the RECEIPT of a SEND, but its middleware drops the callback that would. Every session is 1.1 to it, and header octets pass
  // through it as they came.
  features: ['topics', 'queues', 'headers', 'ids'],
  program: new URL('./servers/stomp-broker-js.ts', import.meta.url),
})

/** The least that Node and `ws` can do for a broadcast: one ready Buffer to everybody, a system call each. */
export const floor = scripted({ name: 'floor', features: ['topics', 'receipts'], program: FLOOR })

/** The same with one system call per socket and turn of the event loop. */
export const floorCorked = scripted({
  name: 'floor-corked',
  features: ['topics', 'receipts'],
  program: FLOOR,
  args: ['--cork'],
})

interface ScriptOptions {
  readonly name: string
  readonly features: readonly Need[]
  readonly program: URL
  readonly args?: readonly string[]
}

function scripted({ name, features, program, args = [] }: ScriptOptions): Peer {
  return {
    name,
    features: new Set(features),
    isOurs: false,
    onRabbit: false,
    async start({ profiles }) {
      const server = await startServer({ name, args: [fileURLToPath(program), ...args], profiles })
      return {
        target: {
          url: server.url,
          connect: {},
          topics: '/topic/',
          queues: '/queue/',
          processes: { [name]: server.pid },
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}

/** sockjs-client in Node, which has a WebSocket of its own; its requests over HTTP are those of a browser: see browser/sockjs.test.ts. */
import { afterAll, beforeAll } from 'vitest'
import { conversations } from './conversations/index.ts'
import { sockjs } from './drivers/sockjs.ts'
import { type StartedPlace, sockjsPlace } from './places.ts'

let place: StartedPlace

beforeAll(async () => {
  place = await sockjsPlace()
})

afterAll(() => place?.[Symbol.asyncDispose]())

conversations([sockjs], () => place)

/** Real client libraries in front of the embedded broker. */
import { afterAll, beforeAll } from 'vitest'
import { conversations } from './conversations/index.ts'
import { dialects } from './drivers/index.ts'
import { memoryPlace, type StartedPlace } from './places.ts'

let place: StartedPlace

beforeAll(async () => {
  place = await memoryPlace()
})

afterAll(() => place?.[Symbol.asyncDispose]())

conversations(dialects, () => place)

/** Real client libraries in front of a real RabbitMQ. */
import { afterAll, beforeAll } from 'vitest'
import { conversations } from './conversations/index.ts'
import { onRabbitmq } from './conversations/rabbitmq.ts'
import { dialects } from './drivers/index.ts'
import { type RabbitPlace, rabbitPlace } from './places.ts'

let started: RabbitPlace

beforeAll(async () => {
  started = await rabbitPlace()
})

afterAll(() => started?.place[Symbol.asyncDispose]())

conversations(
  dialects,
  () => started.place,
  onRabbitmq(() => started.rabbit),
)

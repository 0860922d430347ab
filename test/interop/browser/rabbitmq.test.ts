/** A page in a real browser, in front of a real RabbitMQ. */
import { afterAll, beforeAll } from 'vitest'
import { conversations } from '../conversations/index.ts'
import { onRabbitmq } from '../conversations/rabbitmq.ts'
import { type RabbitPlace, rabbitPlace } from '../places.ts'
import { inBrowser, type Theater } from './driver.ts'
import { House } from './house.ts'

const started = new AsyncDisposableStack()
let theater: Theater
let behind: RabbitPlace

beforeAll(async () => {
  behind = await rabbitPlace()
  started.use(behind.place)
  theater = await started.use(await House.open()).theater()
})

afterAll(() => started.disposeAsync())

conversations(
  [inBrowser('1.2', () => theater)],
  () => behind.place,
  onRabbitmq(() => behind.rabbit),
)

/** A page in a real browser, in front of the embedded broker. */
import { afterAll, beforeAll } from 'vitest'
import { conversations } from '../conversations/index.ts'
import { memoryPlace, type StartedPlace } from '../places.ts'
import { inBrowser, type Theater } from './driver.ts'
import { House } from './house.ts'

const started = new AsyncDisposableStack()
let theater: Theater
let place: StartedPlace

beforeAll(async () => {
  place = started.use(await memoryPlace())
  theater = await started.use(await House.open()).theater()
})

afterAll(() => started.disposeAsync())

conversations(
  [inBrowser('1.2', () => theater), inBrowser('1.1', () => theater), inBrowser('1.0', () => theater)],
  () => place,
)

/** Crowds on one bridge, and several bridges on one broker: what is shared, and what must not be noticed of it. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { comingAndGoing } from './cases/coming-and-going.ts'
import { metrics } from './cases/metrics.ts'
import { reload } from './cases/reload.ts'
import { reloadStorm } from './cases/reload-storm.ts'
import { rolling } from './cases/rolling.ts'
import { twoBridges } from './cases/two-bridges.ts'
import { users } from './cases/users.ts'

describe('sharing', () => {
  const brokers = new AsyncDisposableStack()
  let rabbit: Rabbit
  let mosquitto: Mosquitto

  beforeAll(async () => {
    rabbit = brokers.use(await startRabbit())
    mosquitto = brokers.use(await startMosquitto())
  })

  afterAll(() => brokers.disposeAsync())

  comingAndGoing(() => rabbit)
  reload(
    () => rabbit,
    () => mosquitto,
  )
  reloadStorm(() => rabbit)
  twoBridges(
    () => rabbit,
    () => mosquitto,
  )
  users(() => rabbit)
  rolling(() => rabbit)
  metrics(
    () => rabbit,
    () => mosquitto,
  )
})

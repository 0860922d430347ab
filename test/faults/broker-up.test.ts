/** Clients and bridges in trouble, in front of a RabbitMQ that is well. One server for all, and few channels on a connection of it. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { bridgeKilled } from './cases/bridge-killed.ts'
import { credentials } from './cases/credentials.ts'
import { crowds } from './cases/crowds.ts'
import { draining } from './cases/draining.ts'
import { hostileHeaders } from './cases/hostile-headers.ts'
import { refusals } from './cases/refusals.ts'
import { slowClient } from './cases/slow-client.ts'
import { traceHeaders } from './cases/trace-headers.ts'

describe('in front of one RabbitMQ', () => {
  let rabbit: Rabbit
  const place = (): Rabbit => rabbit

  beforeAll(async () => {
    rabbit = await startRabbit({ config: ['channel_max = 256'] })
  })

  afterAll(async () => {
    await rabbit?.[Symbol.asyncDispose]()
  })

  refusals(place)
  hostileHeaders(place)
  traceHeaders(place)
  slowClient(place)
  crowds(place)
  credentials(place)
  bridgeKilled(place)
  draining(place)
})

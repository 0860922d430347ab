/** A RabbitMQ that is killed, stopped, frozen or out of memory. One server for all; each group leaves it as it found it. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { brokerAway } from './cases/broker-away.ts'
import { brokerBlocked } from './cases/broker-blocked.ts'
import { brokerKilled } from './cases/broker-killed.ts'

describe('a broker in trouble', () => {
  let rabbit: Rabbit
  const place = (): Rabbit => rabbit

  beforeAll(async () => {
    rabbit = await startRabbit()
  })

  afterAll(async () => {
    await rabbit?.[Symbol.asyncDispose]()
  })

  brokerKilled(place)
  brokerAway(place)
  brokerBlocked(place)
})

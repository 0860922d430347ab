/** A bridge that asks who comes, in front of a RabbitMQ that trusts it: tokens, forgers, and what may be read in the log of it all. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { injection } from './cases/injection.ts'
import { secrets } from './cases/secrets.ts'
import { tokens } from './cases/tokens.ts'

describe('on the internet, in front of one RabbitMQ', () => {
  let rabbit: Rabbit
  const place = (): Rabbit => rabbit

  beforeAll(async () => {
    rabbit = await startRabbit()
  })

  afterAll(async () => {
    await rabbit?.[Symbol.asyncDispose]()
  })

  tokens(place)
  injection(place)
  secrets(place)
})

/** The contract of the port on a real RabbitMQ. */
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { brokerContract } from './broker.suite.ts'
import { ACCOUNT, RabbitStage } from './rabbitmq.stage.ts'

let rabbit: Rabbit

brokerContract('rabbitmq', {
  async begin() {
    rabbit = await startRabbit()
    await rabbit.addUser(ACCOUNT.name, ACCOUNT.password, ACCOUNT.rights)
  },
  end: () => rabbit[Symbol.asyncDispose](),
  stage: () => RabbitStage.open(rabbit),
})

/** The contract of the port on RabbitMQ's MQTT plugin (3.10): MQTT 3.1.1, without shared subscriptions. */
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { brokerContract } from './broker.suite.ts'
import type { Spot } from './harness.ts'
import { EXCEPTIONS_3, NO_GROUPS } from './mqtt.exceptions.ts'
import { MqttStage, type MqttStageOptions } from './mqtt.stage.ts'

/** Without groups the nearest thing to a queue is a topic. */
class RabbitMqttStage extends MqttStage {
  /** It gives messages to a session that has said DISCONNECT until its process has ended. */
  readonly overmarks = true

  override async queue(): Promise<Spot> {
    return this.topic()
  }

  override async deadLetter(): Promise<{ queue: Spot; dead: Spot }> {
    const name = this.name('queue')
    const queue = this.spot({ topic: 'contract/{name}', nack: 'dead/{name}' }, { name })
    return { queue, dead: this.spot({ topic: 'dead/{name}' }, { name }) }
  }
}

let rabbit: Rabbit

brokerContract('RabbitMQ’s MQTT plugin, MQTT 3.1.1', {
  async begin() {
    rabbit = await startRabbit({ plugins: ['rabbitmq_mqtt'] })
  },
  end: () => rabbit[Symbol.asyncDispose](),
  exceptions: {
    ...EXCEPTIONS_3,
    'a queue shares: each message goes to one consumer': NO_GROUPS,
    'what competes, settles or is durable is never shared': NO_GROUPS,
  },
  stage() {
    const options: MqttStageOptions = { port: rabbit.ports.mqtt, protocol: 4, account: 'guest:guest@' }
    return RabbitMqttStage.open(options)
  },
})

/** A Mosquitto that is killed, stopped or frozen, alone and beside a RabbitMQ; and clients that are slow or leave much unacknowledged. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Rabbit, startRabbit } from '../support/rabbitmq.ts'
import { mqttAway } from './cases/mqtt-away.ts'
import { bothBrokers } from './cases/mqtt-both.ts'
import { mqttDurable } from './cases/mqtt-durable.ts'
import { mqttKilled } from './cases/mqtt-killed.ts'
import { mqttUnacked } from './cases/mqtt-unacked.ts'
import { slowOnTopic } from './cases/slow-client.ts'
import { inFrontOfMqtt } from './mqtt-place.ts'
import { LONG_MS } from './place.ts'

describe('MQTT in trouble', () => {
  let mosquitto: Mosquitto
  const shore = (): Mosquitto => mosquitto

  beforeAll(async () => {
    mosquitto = await startMosquitto()
  })

  afterAll(async () => {
    await mosquitto?.[Symbol.asyncDispose]()
  })

  mqttKilled(shore)
  mqttAway(shore)
  mqttUnacked(shore)

  test('a client that stops reading a shared topic is sent away, the others get everything', { timeout: LONG_MS }, () =>
    slowOnTopic((rest) => inFrontOfMqtt(mosquitto.port, { rest })),
  )

  describe('beside a RabbitMQ', () => {
    let rabbit: Rabbit
    const place = (): Rabbit => rabbit

    beforeAll(async () => {
      rabbit = await startRabbit()
    })

    afterAll(async () => {
      await rabbit?.[Symbol.asyncDispose]()
    })

    mqttDurable(shore, place)
    bothBrokers(shore, place)
  })
})

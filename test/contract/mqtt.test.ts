/** The contract of the port on a real Mosquitto: MQTT 5 and MQTT 3.1.1. */
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { brokerContract } from './broker.suite.ts'
import { EXCEPTIONS_3, EXCEPTIONS_5 } from './mqtt.exceptions.ts'
import { MqttStage } from './mqtt.stage.ts'

let mosquitto: Mosquitto
const begin = async (): Promise<void> => {
  mosquitto = await startMosquitto({ acl: ['topic readwrite #', 'topic deny forbidden/#'] })
}
const end = (): Promise<void> => mosquitto[Symbol.asyncDispose]()

brokerContract('mosquitto, MQTT 5', {
  begin,
  end,
  exceptions: EXCEPTIONS_5,
  stage: () => MqttStage.open({ port: mosquitto.port }),
})

brokerContract('mosquitto, MQTT 3.1.1', {
  begin,
  end,
  exceptions: EXCEPTIONS_3,
  stage: () => MqttStage.open({ port: mosquitto.port, protocol: 4 }),
})

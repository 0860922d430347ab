/**
 * SUBSCRIBE with an answer in its place: `answered` runs when the SUBACK is handled, before the packet behind it. The library's own callback
 * comes a promise or two later, when messages that came in the same chunk have been delivered already.
 */
import type { IClientSubscribeOptions, MqttClient } from 'mqtt'
import { reasonOf } from './failure.ts'

export class Subacks {
  readonly #client: MqttClient
  /** By message id. */
  readonly #waiting = new Map<number, (refusal: number | undefined) => void>()

  /** @param client one that is connected */
  constructor(client: MqttClient) {
    this.#client = client
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'suback' || packet.messageId === undefined) return
      const [granted] = packet.granted
      this.#waiting.get(packet.messageId)?.(typeof granted === 'number' && granted >= 0x80 ? granted : undefined)
    })
  }

  /** @param answered called once with the reason of a refusal, undefined = granted; never when the connection is lost before */
  subscribe(filter: string, options: IClientSubscribeOptions, answered: (refusal: number | undefined) => void): void {
    const client = this.#client
    const before = client.getLastMessageId()
    let id: number | undefined
    let isAnswered = false
    const answer = (refusal: number | undefined): void => {
      if (isAnswered) return
      isAnswered = true
      if (id !== undefined) this.#waiting.delete(id)
      answered(refusal)
    }
    client.subscribe(filter, options, (error) => {
      const refusal = error === null ? undefined : refusalOf(error)
      // Without a reason it is the connection that has failed.
      if (error === null || refusal !== undefined) answer(refusal)
    })
    const now = client.getLastMessageId()
    // When all ids are taken the library sends it later: then its callback must do.
    if (now === before) return
    id = now
    this.#waiting.set(id, answer)
  }
}

/** The SUBACK's reason, which the library hands over with its error. */
function refusalOf(error: Error): number | undefined {
  const granted = (error as { packet?: { granted?: readonly unknown[] } }).packet?.granted?.[0]
  return typeof granted === 'number' ? granted : reasonOf(error)
}

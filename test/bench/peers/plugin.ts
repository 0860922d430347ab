/** RabbitMQ's own Web STOMP plugin: the measure of all others. */
import type { Peer } from './peer.ts'

export const plugin: Peer = {
  name: 'plugin',
  features: new Set(['topics', 'queues', 'acks', 'receipts', 'persistent', 'versions', 'headers', 'ids']),
  isOurs: false,
  onRabbit: true,
  async start(rig) {
    const { rabbit, pid } = await rig.rabbit()
    return {
      target: {
        url: `ws://127.0.0.1:${rabbit.ports.webStomp}/ws`,
        connect: { host: '/', login: 'guest', passcode: 'guest' },
        topics: '/topic/',
        queues: '/queue/',
        processes: { broker: pid },
      },
      [Symbol.asyncDispose]: async () => {},
    }
  },
}

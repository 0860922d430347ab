/** RabbitMQ's own Web STOMP plugin: the measure of all others. */
import type { Peer } from './peer.ts'

export const plugin: Peer = {
  name: 'plugin',
  async start({ rabbit, rabbitPid }) {
    return {
      target: {
        url: `ws://127.0.0.1:${rabbit.ports.webStomp}/ws`,
        connect: { host: '/', login: 'guest', passcode: 'guest' },
        topics: '/topic/',
        queues: '/queue/',
        processes: { broker: rabbitPid },
      },
      [Symbol.asyncDispose]: async () => {},
    }
  },
}

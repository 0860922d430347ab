/**
 * The page: stompjs 7 as any frontend uses it. The test on the other side says what to do through `stage`, and is told through `tell`.
 * Octets travel between the two as arrays of numbers.
 */
import { Client, Versions } from '@stomp/stompjs'

const clients = new Map()
const messages = []

globalThis.stage = {
  open(key, url, version, headers, heartBeat, reconnectDelay) {
    const wanted = new Map()
    const client = new Client({
      brokerURL: url,
      stompVersions: new Versions([version]),
      connectHeaders: headers,
      heartbeatIncoming: heartBeat,
      heartbeatOutgoing: heartBeat,
      reconnectDelay,
      onConnect(frame) {
        for (const subscribe of wanted.values()) subscribe()
        hear(key, 'CONNECTED', frame)
      },
      onStompError: (frame) => hear(key, 'ERROR', frame),
      onUnhandledReceipt: (frame) => hear(key, 'RECEIPT', frame),
      onUnhandledMessage: (message) => deliver(key, undefined, message),
      onHeartbeatReceived: () => globalThis.tell(key, { event: 'EOL' }),
      onDisconnect: () => globalThis.tell(key, { event: 'left' }),
    })
    clients.set(key, { client, wanted })
    client.activate()
  },

  send(key, destination, body, headers) {
    const content = typeof body === 'string' ? { body } : { binaryBody: Uint8Array.from(body) }
    clients.get(key).client.publish({ destination, headers, ...content })
  },

  subscribe(key, destination, headers) {
    const { client, wanted } = clients.get(key)
    const subscribe = () => client.subscribe(destination, (message) => deliver(key, headers.id, message), headers)
    wanted.set(headers.id, subscribe)
    subscribe()
  },

  unsubscribe(key, id) {
    const { client, wanted } = clients.get(key)
    wanted.delete(id)
    client.unsubscribe(id)
  },

  /** @param verb `ack` or `nack` */
  settle(verb, index, headers) {
    messages[index][verb](headers)
  },

  /** @param verb `begin`, `commit` or `abort` */
  transact(key, verb, transaction) {
    clients.get(key).client[verb](transaction)
  },

  async close(key) {
    await clients.get(key).client.deactivate()
  },
}

function hear(key, command, { headers, body }) {
  globalThis.tell(key, { event: 'frame', command, headers, body })
}

function deliver(key, subscription, message) {
  const index = messages.push(message) - 1
  const { headers, binaryBody } = message
  globalThis.tell(key, { event: 'message', subscription, index, headers, octets: Array.from(binaryBody) })
}

/**
 * The page: stompjs 7 as any frontend uses it. The test on the other side says what to do through `stage`, and is told through `tell`.
 * Octets travel between the two as arrays of numbers.
 */
import { Client, Versions } from '@stomp/stompjs'

const { SockJS } = globalThis

const clients = new Map()
const messages = []

globalThis.stage = {
  /** @param transports of sockjs-client that may be used, none = all; null = none of them: a WebSocket */
  open(key, url, version, headers, heartBeat, reconnectDelay, transports) {
    const wanted = new Map()
    const used = []
    const factory = {
      webSocketFactory() {
        const socket = new SockJS(url, null, { transports })
        socket.addEventListener('open', () => used.push(socket.transport))
        return socket
      },
    }
    const client = new Client({
      ...(transports === null ? { brokerURL: url } : factory),
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
    clients.set(key, { client, wanted, used })
    client.activate()
  },

  /** The transports of its connections. */
  used: (key) => clients.get(key).used,

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

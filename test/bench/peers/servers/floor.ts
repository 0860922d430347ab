/**
 * The floor: what a broadcast over WebSocket costs in Node when nothing is done but that. Each SEND is encoded once, and the same Buffer goes
 * to every subscriber by `ws.send`; with `--cork` each socket is corked at its first write of a turn and uncorked at its end. It speaks as much
 * STOMP as the generator asks of it and checks nothing: no limits, no heart-beats, no escapes, and one subscription id for all subscribers of
 * a destination, the first one's.
 */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { serve } from './serving.ts'

interface Topic {
  readonly id: string
  readonly subscribers: Set<Client>
}

interface Client {
  readonly ws: WebSocket
  readonly socket: Socket
  /** By subscription id. */
  readonly destinations: Map<string, string>
}

const CONNECTED = Buffer.from('CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0')
const END_OF_HEADERS = Buffer.from('\n\n')
// Text, as a browser expects it.
const TEXT = { binary: false } as const

const cork = process.argv.includes('--cork')
const topics = new Map<string, Topic>()
const corked: Socket[] = []
const messages = numbers()

const http = createServer()
const server = new WebSocketServer({ server: http, clientTracking: false })
server.on('connection', (ws, { socket }) => {
  const client: Client = { ws, socket, destinations: new Map() }
  ws.on('message', (data: Buffer) => receive(client, data))
  ws.on('close', () => {
    for (const id of client.destinations.keys()) unsubscribe(client, id)
  })
})
await serve(http, '/ws')

function receive(client: Client, frame: Buffer): void {
  const end = frame.indexOf(END_OF_HEADERS)
  if (end < 0) return
  const [command, ...lines] = frame.toString('latin1', 0, end).split('\n')
  const headers = headersOf(lines)
  if (command === 'SEND') publish(headers.get('destination')!, frame.subarray(end))
  else if (command === 'SUBSCRIBE') subscribe(client, headers.get('id')!, headers.get('destination')!)
  else if (command === 'UNSUBSCRIBE') unsubscribe(client, headers.get('id')!)
  else if (command === 'CONNECT' || command === 'STOMP') send(client, CONNECTED)
  const receipt = headers.get('receipt')
  if (receipt !== undefined) send(client, Buffer.from(`RECEIPT\nreceipt-id:${receipt}\n\n\0`))
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return headers
}

/** `rest`: the empty line, the body and the NUL that ends it, as they came. */
function publish(destination: string, rest: Buffer): void {
  const topic = topics.get(destination)
  if (topic === undefined) return
  const body = rest.length - END_OF_HEADERS.length - 1
  const { value } = messages.next()
  const head = `MESSAGE\nsubscription:${topic.id}\nmessage-id:${value}\ndestination:${destination}\ncontent-length:${body}`
  const message = Buffer.concat([Buffer.from(head), rest])
  for (const client of topic.subscribers) send(client, message)
}

function subscribe(client: Client, id: string, destination: string): void {
  const topic = topics.get(destination) ?? { id, subscribers: new Set() }
  topics.set(destination, topic)
  topic.subscribers.add(client)
  client.destinations.set(id, destination)
}

function unsubscribe(client: Client, id: string): void {
  const destination = client.destinations.get(id)
  if (destination === undefined) return
  client.destinations.delete(id)
  const topic = topics.get(destination)!
  topic.subscribers.delete(client)
  if (topic.subscribers.size === 0) topics.delete(destination)
}

function send({ ws, socket }: Client, frame: Buffer): void {
  if (cork && socket.writableCorked === 0) {
    socket.cork()
    if (corked.push(socket) === 1) setImmediate(uncork)
  }
  ws.send(frame, TEXT)
}

function uncork(): void {
  for (const socket of corked) socket.uncork()
  corked.length = 0
}

function* numbers(): Generator<number, never> {
  for (let number = 1; ; number++) yield number
}

/**
 * stomp-broker-js in a process of its own, by its README; heart-beats are off by its own default. The one addition: it answers the receipt of a
 * SUBSCRIBE and an UNSUBSCRIBE, which it leaves unanswered otherwise; without it no client could tell when a subscription is live. Nothing on
 * the way of a message is touched.
 */
import { createServer } from 'node:http'
import StompServer from 'stomp-broker-js'
import { serve } from './serving.ts'

const PATH = '/stomp'

const http = createServer()
const { frameHandler } = new StompServer({ server: http, path: PATH })
for (const command of ['SUBSCRIBE', 'UNSUBSCRIBE'] as const) {
  const handle = frameHandler[command].bind(frameHandler)
  frameHandler[command] = (socket, frame) => {
    handle(socket, frame)
    const { receipt } = frame.headers
    if (receipt !== undefined) socket.send(`RECEIPT\nreceipt-id:${receipt}\n\n\0`)
  }
}
await serve(http, PATH)

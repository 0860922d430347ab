/** As much of stomp-broker-js 1.3.0 as the benchmark uses; it comes without types. */
declare module 'stomp-broker-js' {
  import type { Server } from 'node:http'

  interface Frame {
    readonly headers: Readonly<Record<string, string | undefined>>
  }

  interface Socket {
    send(data: string): void
  }

  type Handler = (socket: Socket, frame: Frame) => void

  export default class StompServer {
    constructor(config: { server: Server; path: string })
    readonly frameHandler: Record<'SUBSCRIBE' | 'UNSUBSCRIBE', Handler>
  }
}

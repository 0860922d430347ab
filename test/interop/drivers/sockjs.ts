/** stompjs 7 over sockjs-client in Node, over a WebSocket: what a Spring frontend does, without a browser. */
import type { IStompSocket } from '@stomp/stompjs'
import SockJS from 'sockjs-client'
import { admitted, type Dialect } from '../client.ts'
import { StompjsDriver, stompjs } from './stompjs.ts'

/** Where `listen.sockjs.path` is the path of the WebSockets, as it is where Spring has been. */
export function sockjsUrl(websocketUrl: string): string {
  return websocketUrl.replace(/^ws/, 'http')
}

export const sockjs: Dialect = {
  ...stompjs('1.2'),
  name: 'stompjs 7 over sockjs-client (websocket)',
  // It makes texts of what it is given.
  octets: false,
  open: async (url, options = {}) => await admitted(new StompjsDriver(url, '1.2', options, overSockjs)),
}

function overSockjs(url: string): IStompSocket {
  return new SockJS(sockjsUrl(url), null, { transports: ['websocket'] })
}

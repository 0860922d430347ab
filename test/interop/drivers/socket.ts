/** What the drivers of libraries that are handed a WebSocket have in common. */
import type { WebSocket } from 'ws'

export const SUBPROTOCOL = { '1.0': 'v10.stomp', '1.1': 'v11.stomp', '1.2': 'v12.stomp' } as const

/** Resolves when it is closed. An error of the socket is followed by its close. */
export function gone(socket: WebSocket): Promise<void> {
  socket.on('error', () => {})
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

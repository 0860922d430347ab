/**
 * A bridge drains, and its clients have a library that does not come back by itself: pages do so in its error callback, which must be called once.
 * Called for an ERROR and again for the close it would make two connections of one, at every restart.
 */
import Stomp from 'stompjs'
import { expect, test } from 'vitest'
import webstomp from 'webstomp-client'
import { WebSocket } from 'ws'
import { startTestBridge } from '../support/bridge.ts'
import { gone } from './drivers/socket.ts'

const LIBRARIES = { 'stompjs 2': Stomp.over, 'webstomp-client': webstomp.over }

test.each(Object.entries(LIBRARIES))('%s calls back once', async (_, over) => {
  await using bridge = await startTestBridge()
  const socket = new WebSocket(bridge.url, ['v11.stomp'])
  const closed = gone(socket)
  const client = over(socket)
  client.debug = () => {}
  let callbacks = 0
  await new Promise<void>((resolve) =>
    client.connect(
      {},
      () => resolve(),
      () => callbacks++,
    ),
  )
  await bridge.bridge.drain('test')
  await closed
  expect(callbacks).toBe(1)
})

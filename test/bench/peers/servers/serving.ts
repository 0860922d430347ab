/** What the programs of this folder have in common: a free port on loopback, its address in one line of JSON, an orderly end. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens, says where, and ends the process on SIGTERM: in order, so that a CPU profile is written. */
export async function serve(server: Server, path: string): Promise<void> {
  server.listen(0, '127.0.0.1', 4_096)
  await once(server, 'listening')
  process.once('SIGTERM', () => process.exit())
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ websocket: `ws://127.0.0.1:${port}${path}` }))
}

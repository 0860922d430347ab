/** `stomp-bridge healthcheck` against an ops port that is well, unwell, or not there. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

/** An ops port that answers /livez with `status`. */
async function opsPort(status: number) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(String(request.url))
    response.writeHead(status).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port: String(port), asked, close, [Symbol.asyncDispose]: close }
}

test.each([
  [200, EXIT.ok],
  [503, EXIT.failed],
])('/livez answers %i: exit code %i', async (status, code) => {
  await using ops = await opsPort(status)
  expect(await run(['healthcheck'], new FakeHost({ STOMP_BRIDGE_OPS_PORT: ops.port }))).toBe(code)
  expect(ops.asked).toEqual(['/livez'])
})

test('an ops port on all addresses is asked on loopback', async () => {
  await using ops = await opsPort(200)
  const env = { STOMP_BRIDGE_OPS_PORT: ops.port, STOMP_BRIDGE_OPS_HOST: '0.0.0.0' }
  expect(await run(['healthcheck'], new FakeHost(env))).toBe(EXIT.ok)
})

test('nobody there: exit code 1', async () => {
  const ops = await opsPort(200)
  await ops.close()
  const host = new FakeHost({ STOMP_BRIDGE_OPS_PORT: ops.port })
  expect(await run(['healthcheck'], host)).toBe(EXIT.failed)
  expect(host.err).toContain('/livez')
})

test('no ops port in the configuration: exit code 1; a faulty configuration: 78', async () => {
  expect(await run(['healthcheck'], new FakeHost({ STOMP_BRIDGE_OPS_ENABLED: 'false' }))).toBe(EXIT.failed)
  expect(await run(['healthcheck'], new FakeHost({ STOMP_BRIDGE_OPS_PORT: 'x' }))).toBe(EXIT.config)
})

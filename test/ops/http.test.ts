import { afterEach, describe, expect, test } from 'vitest'
import { type OpsServer, type Readiness, serveOps } from '../../src/ops/http.ts'

const up: Readiness = {
  ready: true,
  reason: undefined,
  brokers: [{ name: 'rabbit', state: 'up', since: 0, reason: undefined }],
}
const down: Readiness = {
  ready: false,
  reason: 'draining',
  brokers: [
    { name: 'rabbit', state: 'down', since: 1_000, reason: 'connection refused' },
    { name: 'local', state: 'up', since: 0, reason: undefined },
  ],
}

describe('the ops port', () => {
  const running: OpsServer[] = []

  afterEach(async () => {
    for (const each of running.splice(0)) await each[Symbol.asyncDispose]()
  })

  async function served(readiness: () => Readiness): Promise<OpsServer> {
    const server = await serveOps({ host: '127.0.0.1', port: 0 }, readiness)
    running.push(server)
    return server
  }

  test('livez is 200 whatever the brokers do', async () => {
    const { address } = await served(() => down)
    expect((await fetch(`${address}/livez`)).status).toBe(200)
  })

  test('readyz follows the readiness of the moment', async () => {
    let state = up
    const { address } = await served(() => state)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    state = down
    expect((await fetch(`${address}/readyz`)).status).toBe(503)
  })

  test('readyz says why, and lists the brokers, only when asked to', async () => {
    const { address } = await served(() => down)
    const short = await (await fetch(`${address}/readyz`)).text()
    expect(short).not.toContain('rabbit')
    const response = await fetch(`${address}/readyz?verbose`)
    expect(response.status).toBe(503)
    const lines = (await response.text()).trim().split('\n')
    expect(lines[0]).toContain('draining')
    expect(lines[1]).toMatch(/^rabbit: down since 1970-01-01T00:00:01.000Z \(connection refused\)$/)
    expect(lines[2]).toMatch(/^local: up since/)
  })

  test('other paths and methods are refused', async () => {
    const { address } = await served(() => up)
    expect((await fetch(`${address}/`)).status).toBe(404)
    expect((await fetch(`${address}/livez/`)).status).toBe(404)
    expect((await fetch(`${address}/readyz`, { method: 'HEAD' })).status).toBe(200)
    const response = await fetch(`${address}/readyz`, { method: 'POST' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  test('disposing twice frees the port', async () => {
    const server = await served(() => up)
    await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()])
    await expect(fetch(`${server.address}/livez`)).rejects.toThrow()
  })

  test('a port that is taken rejects', async () => {
    const { port } = await served(() => up)
    await expect(serveOps({ host: '127.0.0.1', port }, () => up)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

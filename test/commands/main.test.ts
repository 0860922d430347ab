/** The process itself: it starts without a file, answers, and ends as it is told. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'

const main = new URL('../../src/main.ts', import.meta.url).pathname
const children = new Set<ChildProcessByStdio<null, Readable, Readable>>()

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})

function start(args: readonly string[] = [], env: Record<string, string> = {}) {
  const ports = { STOMP_BRIDGE_LISTEN_PORT: '0', STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_DRAIN_SPREAD: '0' }
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...ports, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  const ended = once(child, 'exit').then(([code]) => code as number)
  return { child, ended }
}

interface Listening {
  readonly websocket: string
  readonly ops: string
}

/** The record that says where it listens. */
async function listening(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Listening> {
  for await (const line of createInterface(child.stdout)) {
    const record = JSON.parse(line)
    if (record.msg === 'listening') return record
  }
  throw new Error('it ended before it listened')
}

test('without arguments it listens; /livez answers; SIGTERM ends it with 0', async () => {
  const { child, ended } = start()
  const { websocket, ops } = await listening(child)
  expect(websocket).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/ws$/)
  const response = await fetch(new URL('/livez', ops))
  expect(response.status).toBe(200)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('SIGINT ends it too', async () => {
  const { child, ended } = start()
  await listening(child)
  child.kill('SIGINT')
  expect(await ended).toBe(0)
})

test('SIGHUP ends nothing: the configuration is read again', async () => {
  const { child, ended } = start()
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const says = async (msg: string): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`it ended before it said: ${msg}`)
      if (JSON.parse(value).msg === msg) return
    }
  }
  await says('listening')
  child.kill('SIGHUP')
  await says('configuration read again: nothing has changed')
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('a second signal ends it at once', async () => {
  const { child, ended } = start([], { STOMP_BRIDGE_DRAIN_GRACE: '1h' })
  const { websocket } = await listening(child)
  const socket = new WebSocket(websocket)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  child.kill('SIGTERM')
  child.kill('SIGINT')
  expect([130, 143]).toContain(await ended)
})

test('a port that is taken: one line, exit code 1', async () => {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { child, ended } = start(['--port', String(port)])
  child.stdout.resume()
  const text = child.stderr.setEncoding('utf8').toArray()
  expect(await ended).toBe(1)
  expect((await text).join('')).toMatch(/^cannot listen: .*EADDRINUSE.*\n$/)
  await new Promise((resolve) => server.close(resolve))
})

test('a faulty configuration: exit code 78 before anything listens', async () => {
  const { ended } = start(['--port', 'http'])
  expect(await ended).toBe(78)
})

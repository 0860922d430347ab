/** Handlers behind a whole bridge: what a browser sends, what it hears, what a reload and a drain leave alone; and the handler that the page shows. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openReloadable, type Reloadable } from '../bridge/reload.scene.ts'
import { bodies, Client } from '../faults/driver.ts'
import { type Handle, Handlers, waitingFor } from '../support/handlers.ts'
import { until } from '../support/until.ts'

const yaml = (url: string, more = ''): string => `
brokers:
  backend: { adapter: http, url: "${url}", token: secret${more} }
  local: { adapter: memory }
user: { broker: local }
routes:
  - { destination: "/app/echo/{path+}", broker: backend, errors: keep, reply: sender }
  - { destination: "/app/quiet/{path+}", broker: backend, errors: keep, onError: user }
  - { destination: "/app/{path+}", broker: backend, errors: keep }
  - { preset: memory, broker: local }
`

async function scene(handle: Handle): Promise<{ readonly handlers: Handlers; readonly place: Reloadable }> {
  const handlers = await Handlers.listen(handle)
  onTestFinished(() => handlers[Symbol.asyncDispose]())
  return { handlers, place: await openReloadable(yaml(handlers.url)) }
}

async function connect({ url }: Pick<Reloadable, 'url'>): Promise<Client> {
  const client = await Client.connect(url)
  onTestFinished(() => client[Symbol.asyncDispose]())
  return client
}

const at = (destination: string, id = destination): Record<string, string> => ({ destination, id })
const echo: Handle = ({ body }, response) => response.end(`${body}!`)

describe('a browser', () => {
  test('sends to a handler, and everybody hears the answer before the RECEIPT comes', async () => {
    const { handlers, place } = await scene(echo)
    const [ann, bob] = [await connect(place), await connect(place)]
    await ann.do('SUBSCRIBE', at('/topic/chat/1'))
    await bob.do('SUBSCRIBE', at('/topic/chat/1'))
    await ann.do('SEND', { destination: '/app/chat/1', 'x-mood': 'good', receipt: 'r' }, 'hello')
    expect([(await ann.message()).body.toString(), (await bob.message()).body.toString()]).toEqual(['hello!', 'hello!'])
    expect((await bob.message()).headers).not.toHaveProperty('stomp-session')
    expect(handlers.asked[0]!.headers).toMatchObject({
      authorization: 'Bearer secret',
      'stomp-destination': '/app/chat/1',
      'stomp-session': ann.connected!.headers.session,
      'stomp-header-x-mood': 'good',
    })
    expect(handlers.asked[0]!.headers).not.toHaveProperty('stomp-header-receipt')
  })

  test('is answered alone, where the route says so', async () => {
    const { place } = await scene(echo)
    const [ann, bob] = [await connect(place), await connect(place)]
    for (const client of [ann, bob]) await client.do('SUBSCRIBE', at('/user/queue/echo/x'))
    await ann.do('SEND', { destination: '/app/echo/x', 'correlation-id': 'c' }, 'mine')
    expect((await ann.message()).headers).toMatchObject({ destination: '/user/queue/echo/x', 'correlation-id': 'c' })
    await bob.do('SEND', { destination: '/app/echo/x' }, 'his')
    await bob.message()
    expect([bodies(ann.messages), bodies(bob.messages)]).toEqual([['mine!'], ['his!']])
  })

  test('subscribes to an answer, and gets it once', async () => {
    const { handlers, place } = await scene(({ method }, response) => response.end(method))
    const ann = await connect(place)
    await ann.do('SUBSCRIBE', at('/app/init', 's'))
    expect((await ann.message()).headers).toMatchObject({ subscription: 's', destination: '/app/init' })
    await ann.do('UNSUBSCRIBE', { id: 's' })
    expect((await ann.ask('SUBSCRIBE', { ...at('/app/init', 's'), ack: 'client' })).headers['bridge-code']).toBe(
      'unsupported',
    )
    handlers.handle = (_, response) => response.writeHead(404).end()
    expect((await ann.ask('SUBSCRIBE', at('/app/none', 's'))).headers).toMatchObject({
      'bridge-code': 'not-found',
      subscription: 's',
    })
    expect(bodies(ann.messages)).toEqual(['GET'])
  })

  test('hears what a handler refuses as ERROR, or where the route says so on /user/queue/errors', async () => {
    const { place } = await scene((_, response) => response.writeHead(403).end('inner'))
    const ann = await connect(place)
    const error = await ann.ask('SEND', { destination: '/app/x' })
    expect(error.headers['bridge-code']).toBe('forbidden')
    expect(error.body.toString()).not.toContain('inner')
    expect((await ann.ask('SEND', { destination: '/app/quiet/x' })).command).toBe('ERROR')
    await ann.do('SUBSCRIBE', at('/user/queue/errors'))
    await ann.do('SEND', { destination: '/app/quiet/x' })
    const told = await ann.message()
    expect(told.headers['content-type']).toBe('application/json')
    expect(JSON.parse(told.body.toString())).toMatchObject({ code: 'forbidden', destination: '/app/quiet/x' })
  })

  test('never speaks for the bridge, and never leaves the path', async () => {
    const { handlers, place } = await scene(echo)
    const ann = await connect(place)
    for (const path of ['bridge.sessions', '..', '..%2F..%2Fadmin', '%2e%2e/x', '*']) {
      expect((await ann.ask('SEND', { destination: `/app/${path}` })).headers['bridge-code'], path).toBe(
        'bad-destination',
      )
    }
    expect(handlers.asked).toEqual([])
  })
})

describe('a bridge', () => {
  test('that gets another backend lets the requests to the old one finish', async () => {
    const open: (() => void)[] = []
    const { handlers, place } = await scene((_, response) => void open.push(() => response.end('old')))
    const ann = await connect(place)
    await ann.do('SUBSCRIBE', at('/topic/a'))
    const sending = ann.do('SEND', { destination: '/app/a' })
    await waitingFor(handlers, 1)
    const other = await Handlers.listen((_, response) => response.end('new'))
    onTestFinished(() => other[Symbol.asyncDispose]())
    expect((await place.reload(yaml(other.url, ', timeout: 5s'))).result).toBe('applied')
    await ann.do('SEND', { destination: '/app/a' })
    open[0]!()
    await sending
    await ann.message(2)
    expect(bodies(ann.messages)).toEqual(['new', 'old'])
    await until('the old connections are closed', () => handlers.open === 0)
  })

  test('that drains waits for what a handler has begun', async () => {
    const open: (() => void)[] = []
    const { handlers, place } = await scene((_, response) => void open.push(() => response.end('done')))
    const ann = await connect(place)
    await ann.do('SUBSCRIBE', at('/topic/a'))
    const sending = ann.do('SEND', { destination: '/app/a' })
    await waitingFor(handlers, 1)
    const drained = place.bridge.drain('a test')
    open[0]!()
    await sending
    await drained
    expect(bodies(ann.messages)).toEqual(['done'])
  })
})

describe('a handler that fails', () => {
  const chunk = Buffer.alloc(65_536, 'x')
  /** By the room that it is asked for; all others are answered. */
  const failures: Readonly<Record<string, Handle>> = {
    slow() {},
    crashing: (_, response) => response.destroy(),
    garbage: (_, response) => response.socket?.end('what did you say?\r\n\r\n'),
    broken: (_, response) => response.writeHead(500).end('at line 7'),
    endless(_, response) {
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) {}
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    },
  }

  test.each([
    ['slow', 'outcome-unknown'],
    ['crashing', 'outcome-unknown'],
    ['garbage', 'outcome-unknown'],
    ['broken', 'refused'],
    ['endless', 'limit'],
  ])('%s: its client has one ERROR %s and goes on; another is answered meanwhile', async (room, code) => {
    const handlers = await Handlers.listen((asked, response, raw) =>
      (failures[asked.url.slice('/chat/'.length)] ?? echo)(asked, response, raw),
    )
    onTestFinished(() => handlers[Symbol.asyncDispose]())
    const place = await openReloadable(yaml(handlers.url, ', timeout: 500ms'))
    const [ann, bob] = [await connect(place), await connect(place)]
    for (const name of ['ann', 'bob', room]) await bob.do('SUBSCRIBE', at(`/topic/chat/${name}`))
    const failing = ann.ask('SEND', { destination: `/app/chat/${room}` }, 'hello')
    const next = ann.do('SEND', { destination: '/app/chat/ann' }, 'next')
    await bob.do('SEND', { destination: '/app/chat/bob' }, 'other')
    expect((await failing).headers['bridge-code']).toBe(code)
    await next
    expect(ann.errors).toHaveLength(1)
    await bob.message(2)
    expect(bodies(bob.messages).sort()).toEqual(['next!', 'other!'])
    await until('nothing of it is left', () => handlers.waiting === 0)
  })
})

/** Nobody listens there now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('the handler of docs/handlers.md does what the page says', async () => {
  const page = readFileSync(new URL('../../docs/handlers.md', import.meta.url), 'utf8')
  const [code] = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, text]) => text!)
  const [config] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)
  const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-handler-'))
  writeFileSync(join(folder, 'handler.mjs'), code!)
  const port = await freePort()
  const handler = spawn(process.execPath, [join(folder, 'handler.mjs')], {
    env: { PORT: String(port) },
    stdio: 'ignore',
  })
  onTestFinished(() => {
    handler.kill()
    rmSync(folder, { recursive: true })
  })
  const place = await openReloadable(config!.replace('http://localhost:8080', `http://127.0.0.1:${port}`))
  const ann = await connect(place)
  await ann.do('SUBSCRIBE', at('/app/hello'))
  expect(JSON.parse((await ann.message()).body.toString())).toEqual({ welcome: 'somebody' })
  await ann.do('SUBSCRIBE', at('/topic/chat/1'))
  await ann.do('SEND', { destination: '/app/chat/1' })
  await ann.do('SEND', { destination: '/app/chat/1' }, 'hi')
  expect(JSON.parse((await ann.message(2)).body.toString())).toMatchObject({ user: 'somebody', text: 'hi' })
})

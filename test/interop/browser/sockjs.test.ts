/**
 * sockjs-client 1.6 in a page, as the frontends of Spring have it: over each of its transports, and over the one that is left when somebody on the way
 * lets no WebSocket pass.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { admitted } from '../client.ts'
import { carrying, conversations } from '../conversations/index.ts'
import { sockjsUrl } from '../drivers/sockjs.ts'
import { type StartedPlace, sockjsPlace } from '../places.ts'
import { FOREIGN } from './chromium.ts'
import { type BrowserClient, inBrowserOverSockjs, type Theater } from './driver.ts'
import { House } from './house.ts'

const started = new AsyncDisposableStack()
let house: House
let theater: Theater
let place: StartedPlace

beforeAll(async () => {
  place = started.use(await sockjsPlace())
  house = started.use(await House.open())
  theater = await house.theater()
})

afterAll(() => started.disposeAsync())

const over = (transport: string) => inBrowserOverSockjs([transport], () => theater)

conversations([over('websocket'), over('xhr-polling')], () => place)
conversations([over('xhr-streaming'), over('eventsource')], () => place, [], carrying)

/** What stands in many offices: it passes requests on, and answers those that ask for an upgrade itself. */
class OldProxy implements AsyncDisposable {
  refused = 0
  readonly #server = createServer((incoming, response) => this.#pass(incoming, response))
  readonly #target: number

  static async to(target: number): Promise<OldProxy> {
    const proxy = new OldProxy(target)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    return proxy
  }

  private constructor(target: number) {
    this.#target = target
    this.#server.on('upgrade', (_, socket) => {
      this.refused++
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url: path = '', headers } = incoming
    const asked = request({ port: this.#target, host: '127.0.0.1', method, path, headers })
    asked.on('error', () => response.destroy())
    asked.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    response.on('close', () => asked.destroy())
    incoming.pipe(asked)
  }
}

/** Everything passes, both ways, in order. */
async function chats(client: BrowserClient, on: Theater, bridge: TestBridge): Promise<void> {
  const { messages } = client.subscribe('/topic/chat', { receipt: 'subscribed' })
  await client.ears.receipt('subscribed')
  const other = await admitted(on.open(bridge.url, '1.2', {}))
  const texts = Array.from({ length: 300 }, (_, index) => `100 % "grüße" 😀 \u2028 ${index}`)
  for (const text of texts) other.send('/topic/chat', text)
  expect((await messages.take(texts.length)).map(({ body }) => body)).toEqual(texts)
  client.send('/topic/chat', texts[0]!, { receipt: 'sent' })
  await client.ears.receipt('sent')
  expect((await messages.next()).body).toBe(texts[0])
  await client.disconnect()
  await other.disconnect()
}

test('where no upgrade passes it falls back by itself', async () => {
  await using proxy = await OldProxy.to(place.bridge.port)
  const client = await admitted(theater.open(proxy.url, '1.2', {}, []))
  expect(proxy.refused).toBeGreaterThan(0)
  expect(await client.used()).toEqual(['xhr-streaming'])
  await chats(client, theater, place.bridge)
})

test('where a WebSocket passes it takes that', async () => {
  const client = await admitted(theater.open(sockjsUrl(place.bridge.url), '1.2', {}, []))
  expect(await client.used()).toEqual(['websocket'])
  await chats(client, theater, place.bridge)
})

test('a frame of the bridge serves a page of another origin, and no page that may not connect', async () => {
  const listen = `listen: { sockjs: { path: /ws, clientUrl: "${house.origin('localhost')}/sockjs.js" } }`
  await using bridge = await startTestBridge(`${place.yaml.replace(/listen: .*/, '')}${listen}\n`)
  const framed = ['iframe-xhr-polling']
  const client = await admitted(theater.open(sockjsUrl(bridge.url), '1.2', {}, framed))
  expect(await client.used()).toEqual(framed)
  await chats(client, theater, bridge)

  const page = await house.page()
  const said: string[] = []
  page.on('console', (message) => said.push(message.text()))
  await page.goto(`${house.origin(FOREIGN)}/`)
  // Without a Referer, which would tell the bridge whose page it is.
  await page.setContent(
    `<meta name="referrer" content="no-referrer"><iframe src="${sockjsUrl(bridge.url)}/iframe.html"></iframe>`,
  )
  await expect.poll(() => said.join('\n')).toMatch(/frame-ancestors/)
})

test('behind a session that is refused the page hears why', async () => {
  await using bridge = await startTestBridge(`${place.yaml}limits: { connections: 1 }\n`)
  const first = await admitted(theater.open(sockjsUrl(bridge.url), '1.2', {}, ['xhr-streaming']))
  const page = await house.page()
  await page.goto(`${house.origin('localhost')}/client`)
  const closed = await page.evaluate<[number, string]>(`new Promise((resolve) => {
    const socket = new SockJS(${JSON.stringify(sockjsUrl(bridge.url))}, null, { transports: ['xhr-streaming'] })
    socket.onclose = ({ code, reason }) => resolve([code, reason])
  })`)
  expect(closed[0]).toBe(2000)
  await first.disconnect()
})

/**
 * The chat of Spring's tutorials, its frontend as it is: pages in a real browser, config/spring-chat.yaml in front of them, a backend of thirty lines
 * behind. On the memory broker with one bridge, and on RabbitMQ with two.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { type Rabbit, startRabbit } from '../../support/rabbitmq.ts'
import { House } from './house.ts'
import { chatBackend } from './spring-chat/backend.ts'

const TOKEN = 'what-only-bridge-and-backend-know'
const example = readFileSync(new URL('../../../config/spring-chat.yaml', import.meta.url), 'utf8')
const own = (name: string) => readFileSync(new URL(`spring-chat/${name}`, import.meta.url))
const library = (path: string) => readFileSync(new URL(`../../../node_modules/${path}`, import.meta.url))

/** What a Spring application serves beside its endpoint, at the same origin. */
const FILES: ReadonlyMap<string, readonly [type: string, content: Buffer]> = new Map([
  ['/', ['text/html', own('index.html')]],
  ['/js/main.js', ['text/javascript', own('main.js')]],
  ['/webjars/sockjs-client/sockjs.min.js', ['text/javascript', library('sockjs-client/dist/sockjs.min.js')]],
  ['/webjars/stomp-websocket/stomp.min.js', ['text/javascript', library('stompjs/lib/stomp.min.js')]],
])

/** Bridges that share a broker, and their backend. */
class Town implements AsyncDisposable {
  readonly bridges: TestBridge[] = []
  readonly #parts = new AsyncDisposableStack()

  /** @param change what is different from the example */
  async open(bridges: number, change: (yaml: string) => string = (yaml) => yaml): Promise<this> {
    const backend = chatBackend(TOKEN, (destination, body) => this.#tell(destination, body))
    await once(backend.listen(0, '127.0.0.1'), 'listening')
    this.#parts.defer(async () => {
      backend.closeAllConnections()
      await new Promise((resolve) => backend.close(resolve))
    })
    const { port } = backend.address() as AddressInfo
    const yaml = change(example)
      .replaceAll(/\$\{BACKEND_URL:-[^}]*\}/g, `http://127.0.0.1:${port}`)
      .replaceAll(/\$\{BACKEND_TOKEN:-[^}]*\}/g, TOKEN)
    while (this.bridges.length < bridges) {
      this.bridges.push(this.#parts.use(await startTestBridge(`${yaml}\nops: { token: [${TOKEN}] }\n`)))
    }
    return this
  }

  /** To any bridge: which one is no matter. Those that go have nobody left to tell. */
  async #tell(destination: string, body: string): Promise<void> {
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify({ destination, body }) }
    await fetch(`${this.bridges.at(-1)!.ops}/api/messages`, init).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}

/** Somebody at a page of the chat. */
class Guest {
  readonly page: Page
  readonly #complaints: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', ({ message }) => this.#complaints.push(message))
  }

  static async enters(house: House, bridge: TestBridge, name: string, room: string): Promise<Guest> {
    const page = await house.page()
    const origin = `http://localhost:${bridge.port}`
    for (const [path, [contentType, body]] of FILES) {
      await page.route(origin + path, (route) => route.fulfill({ contentType, body }))
    }
    const guest = new Guest(page)
    await page.goto(`${origin}/`)
    await page.fill('#name', name)
    await page.fill('#room', room)
    await page.click('#usernameForm button')
    await page.getByText('Connected', { exact: true }).waitFor()
    return guest
  }

  async says(text: string, to = ''): Promise<void> {
    await this.page.fill('#message', text)
    await this.page.fill('#to', to)
    await this.page.click('#messageForm button')
  }

  async sees(people: string): Promise<void> {
    await expect.poll(() => this.page.locator('#people').textContent()).toBe(people)
  }

  /** The line, from where it came, with the backend's time. */
  async reads(line: string, destination: string): Promise<void> {
    const found = this.page.locator('#messageArea li').getByText(line, { exact: true })
    await found.waitFor()
    expect(await found.getAttribute('data-destination')).toBe(destination)
    expect(Date.now() - Date.parse((await found.getAttribute('data-timestamp'))!)).toBeLessThan(60_000)
  }

  async lines(): Promise<readonly string[]> {
    return await this.page.locator('#messageArea li').allTextContents()
  }

  async leaves(): Promise<void> {
    expect(this.#complaints).toEqual([])
    await this.page.close()
  }
}

const started = new AsyncDisposableStack()
let house: House

beforeAll(async () => {
  house = started.use(await House.open())
})

afterAll(() => started.disposeAsync())

/** Everything that the tutorials show. */
async function chat(one: TestBridge, other: TestBridge): Promise<void> {
  const ann = await Guest.enters(house, one, 'ann', '7')
  await ann.sees('ann')
  const bob = await Guest.enters(house, other, 'bob', '7')
  const cleo = await Guest.enters(house, other, 'cleo', '8')
  for (const guest of [ann, bob]) await guest.sees('ann, bob')
  await cleo.sees('cleo')

  await ann.says('hello')
  for (const guest of [ann, bob]) await guest.reads('ann: hello', '/topic/chat/7')
  await bob.says('psst', 'ann')
  await ann.reads('bob: psst', '/user/queue/private')
  await bob.says('and all of you')
  await ann.reads('bob: and all of you', '/topic/chat/7')
  await bob.reads('bob: and all of you', '/topic/chat/7')
  expect(await bob.lines()).toEqual(['ann: hello', 'bob: and all of you'])
  expect(await cleo.lines()).toEqual([])

  await bob.leaves()
  await ann.sees('ann')
  await ann.leaves()
  await cleo.leaves()
}

/** The first of all tutorials, without login: who comes in reads that he has come in. */
async function publicChat(one: TestBridge, other: TestBridge): Promise<void> {
  const ann = await Guest.enters(house, one, 'ann', '')
  await ann.reads('somebody joined!', '/topic/public')
  const bob = await Guest.enters(house, other, 'bob', '')
  await bob.reads('somebody joined!', '/topic/public')
  await bob.says('hello')
  for (const guest of [ann, bob]) await guest.reads('somebody: hello', '/topic/public')
  expect(await bob.lines()).toEqual(['somebody joined!', 'somebody: hello'])
  for (const guest of [ann, bob]) await guest.leaves()
}

const withoutLogin = (yaml: string): string => yaml.replace(/^auth:\n(?: .*\n)*/m, '')

describe('one bridge, on the memory broker', () => {
  test('rooms', async () => {
    await using town = await new Town().open(1)
    const [bridge] = town.bridges
    await chat(bridge!, bridge!)
  })

  test('in public', async () => {
    await using town = await new Town().open(1, withoutLogin)
    const [bridge] = town.bridges
    await publicChat(bridge!, bridge!)
  })
})

describe('two bridges that share a RabbitMQ', () => {
  let rabbit: Rabbit

  beforeAll(async () => {
    rabbit = started.use(await startRabbit())
  }, 120_000)

  const onRabbitmq = (yaml: string): string =>
    yaml.replace('adapter: memory', `adapter: rabbitmq\n    url: ${rabbit.url}`).concat('fanout: { linger: 0s }\n')

  test('rooms, and nothing of them is left behind', async () => {
    await using town = await new Town().open(2, onRabbitmq)
    const [one, other] = town.bridges
    await chat(one!, other!)
    await expect.poll(async () => (await rabbit.queues()).length, { timeout: 10_000 }).toBe(0)
  })

  test('in public', async () => {
    await using town = await new Town().open(2, (yaml) => onRabbitmq(withoutLogin(yaml)))
    const [one, other] = town.bridges
    await publicChat(one!, other!)
  })
})

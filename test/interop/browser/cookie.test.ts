/**
 * Cookies log browsers in, whatever page makes them connect (cross-site WebSocket hijacking): a page of the named origin is let in as who its
 * cookie says, a page of another origin gets 403 although the browser shows the very same cookie.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigError } from '../../../src/config/errors.ts'
import { jwt, tokenFor } from '../../faults/login.ts'
import { MEMORY, startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { FOREIGN } from './chromium.ts'
import { House } from './house.ts'

/** Names below one domain are one site: no rule of the browser keeps a cookie of the domain from a page of any of them. */
const [APP, EVIL, BRIDGE] = [`app.${FOREIGN}`, `evil.${FOREIGN}`, `bridge.${FOREIGN}`]
const CHAIN = `auth: { chain: [${jwt('from: ["cookie:session"]')}] }`

/** A server with a login and a page. It takes no WebSocket, but remembers with which cookies one was asked for. */
class LoginServer implements AsyncDisposable {
  cookie = ''
  readonly shown: (string | undefined)[] = []
  readonly #server = createServer((_, response) => {
    response.setHeader('Set-Cookie', `session=${this.cookie}; Domain=${FOREIGN}; Path=/; HttpOnly; SameSite=Strict`)
    response.setHeader('Content-Type', 'text/html')
    response.end('<!doctype html><title>logged in</title>')
  }).on('upgrade', ({ headers }, socket) => {
    this.shown.push(headers.cookie)
    socket.destroy()
  })

  async start(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const started = new AsyncDisposableStack()
let house: House
let login: LoginServer
let token: string

beforeAll(async () => {
  house = started.use(await House.open())
  login = started.use(await new LoginServer().start())
  token = await tokenFor('ann')
  login.cookie = token
})

afterAll(() => started.disposeAsync())

/** With a token in a cookie from pages of APP, by the name BRIDGE. */
async function startBridge(): Promise<TestBridge> {
  const listen = `listen: { origins: ["http://${APP}:${login.port}"], hosts: [${BRIDGE}] }`
  return await startTestBridge([MEMORY, CHAIN, listen].join('\n'))
}

/** A page of EVIL or APP, in a browser that has logged in at APP. */
async function pageOf(host: string): Promise<{ page: Page; said: string[] }> {
  const page = await house.page()
  const said: string[] = []
  page.on('console', (message) => said.push(message.text()))
  await page.goto(`http://${APP}:${login.port}/`)
  if (host !== APP) await page.goto(`${house.origin(host)}/`)
  return { page, said }
}

/** CONNECT without a word about who it is; the first frame that comes, or how the connection ended. */
async function connect(page: Page, port: number): Promise<string> {
  const script = `new Promise((resolve) => {
    const socket = new WebSocket('ws://${BRIDGE}:${port}/ws', ['v12.stomp'])
    socket.onopen = () => socket.send('CONNECT\\naccept-version:1.2\\nhost:/\\n\\n\\0')
    socket.onmessage = ({ data }) => { resolve(data); socket.close() }
    socket.onclose = ({ code }) => resolve('closed with ' + code)
  })`
  return await page.evaluate<string>(script)
}

test('a page of the named origin is connected as who its cookie says', async () => {
  await using bridge = await startBridge()
  const { page } = await pageOf(APP)
  expect(await connect(page, bridge.port)).toMatch(/^CONNECTED\n(?:.*\n)*user-name:ann\n/)
  expect(bridge.log()).not.toContain(token)
})

test('a page of another origin gets 403, though the browser shows the cookie', async () => {
  await using bridge = await startBridge()
  const { page, said } = await pageOf(EVIL)
  expect(await connect(page, login.port)).toBe('closed with 1006')
  expect(login.shown).toEqual([`session=${token}`])
  said.length = 0

  expect(await connect(page, bridge.port)).toBe('closed with 1006')
  await until('the browser to say why', () => said.some((text) => text.includes('403')))
  expect(bridge.log()).toContain('"reason":"origin"')
  expect(bridge.log()).not.toContain(token)
})

test('a page of the named origin whose cookie is forged is refused', async () => {
  await using bridge = await startBridge()
  login.cookie = await tokenFor('ann', { key: 'a key that nobody but the forger has' })
  const { page } = await pageOf(APP)
  expect(await connect(page, bridge.port)).toMatch(/^ERROR\n(?:.*\n)*bridge-code:login-refused\n/)
})

test('cookies without a list of origins are a fault of the configuration', async () => {
  const starting = startTestBridge([MEMORY, CHAIN].join('\n'))
  const fault = await starting.then(
    () => undefined,
    (error) => error,
  )
  expect(fault).toBeInstanceOf(ConfigError)
  expect(fault.faults.map(({ path }: { path: unknown }) => path)).toEqual([['auth', 'chain', 0]])
})

/**
 * The page of deploy/compose.yaml, in a browser, through the Caddy of deploy/compose.yaml: one origin for page and bridge, stompjs by its hash, and a
 * policy that lets nothing else in. Both brokers are memory here: which one a destination means is the routes' affair, and real ones have tests of
 * their own.
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { freePort } from '../../support/mosquitto.ts'
import { Caddy } from '../deploy/caddy.ts'
import { House } from './house.ts'

const caddyfile = new URL('../../../deploy/compose/Caddyfile', import.meta.url)
const script = new URL('../../../deploy/compose/page/page.js', import.meta.url)
const stompjs = new URL('../../../node_modules/@stomp/stompjs/', import.meta.url)
const BRIDGE = `
listen: { trustedProxies: [loopback] }
auth: { anonymous: true }
brokers: { rabbit: { adapter: memory }, plant: { adapter: memory } }
routes:
  - { destination: "/sensors/{path+}", broker: plant, topic: "plant/{path+}" }
  - { preset: memory, broker: rabbit }
`

const started = new AsyncDisposableStack()
let house: House
let bridge: TestBridge
let origin: string

beforeAll(async () => {
  house = started.use(await House.open())
  bridge = started.use(await startTestBridge(BRIDGE))
  const caddy = started.use(new Caddy())
  const port = await freePort()
  origin = `http://localhost:${port}`
  const env = { PORT: String(port), BRIDGE: `127.0.0.1:${bridge.port}`, PAGE: dirname(script.pathname) }
  await caddy.start(caddyfile.pathname, () => answers(origin), env)
})
afterAll(() => started[Symbol.asyncDispose]())

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** The page, and everything that the browser had against it. */
async function opened(): Promise<{ page: Page; complaints: string[] }> {
  const page = await house.page()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(message.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  // jsDelivr's copy of a package is the package; this machine's is the same one, and the page checks its hash
  await page.route(/^https:\/\/cdn\.jsdelivr\.net\/npm\/@stomp\/stompjs@[^/]+\//, async (route) => {
    const file = route
      .request()
      .url()
      .replace(/^.*stompjs@[^/]+\//, '')
    const headers = { 'Access-Control-Allow-Origin': '*' }
    await route.fulfill({ body: readFileSync(new URL(file, stompjs)), contentType: 'text/javascript', headers })
  })
  await page.goto(origin)
  await page.locator('#state[data-connected]').waitFor()
  return { page, complaints }
}

test('two pages chat, and a reading goes to both; each RECEIPT makes a tick', async () => {
  const [one, two] = [await opened(), await opened()]
  await one.page.fill('input[name=text]', 'hello')
  await one.page.click('#chat button')
  await one.page.getByText('Send ✓').waitFor()
  await two.page.locator('#messages li').getByText('hello').waitFor()

  await two.page.fill('input[name=value]', '23')
  await two.page.click('#report button')
  await two.page.getByText('Report as device 7 ✓').waitFor()
  for (const { page } of [one, two]) await page.locator('#readings li').getByText('/sensors/7/temp 23 °C').waitFor()
  expect([...one.complaints, ...two.complaints]).toEqual([])
})

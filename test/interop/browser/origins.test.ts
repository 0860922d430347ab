/** Which pages may connect: those of this machine, and those that the operator names. And what the README tells to paste. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MEMORY, startTestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { FOREIGN } from './chromium.ts'
import { House } from './house.ts'

const started = new AsyncDisposableStack()
let house: House

beforeAll(async () => {
  house = started.use(await House.open())
})

afterAll(() => started.disposeAsync())

/** A page of this origin, and what its console says. */
async function pageOf(origin: string): Promise<{ page: Page; said: string[] }> {
  const page = await house.page()
  const said: string[] = []
  page.on('console', (message) => said.push(message.text()))
  await page.goto(`${origin}/`)
  return { page, said }
}

/** Opens a WebSocket and tells how that ended. */
async function knock(page: Page, url: string): Promise<string> {
  const script = `new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(url)}, ['v12.stomp'])
    socket.onopen = () => { socket.close(); resolve('open') }
    socket.onclose = ({ code }) => resolve('closed with ' + code)
  })`
  return await page.evaluate<string>(script)
}

test.each(['localhost', '127.0.0.1'])('a page of %s may connect', async (host) => {
  await using bridge = started.use(await startTestBridge(MEMORY))
  const { page } = await pageOf(house.origin(host))
  expect(await knock(page, bridge.url)).toBe('open')
  expect(await knock(page, bridge.url.replace('127.0.0.1', 'localhost'))).toBe('open')
})

test('a page of a foreign origin is refused with 403, and the log has the line that lets it in', async () => {
  const origin = house.origin(FOREIGN)
  const { page, said } = await pageOf(origin)
  let line: string
  {
    await using bridge = started.use(await startTestBridge(MEMORY))
    expect(await knock(page, bridge.url)).toBe('closed with 1006')
    await until('the browser to say why', () => said.some((text) => text.includes('403')))
    expect(bridge.log()).toContain('"reason":"origin"')
    line = /origins: \[[^\]]*\]/.exec(JSON.parse(refusal(bridge.log())).msg)![0]
    expect(line).toContain(origin)
  }
  await using bridge = started.use(await startTestBridge(`${MEMORY}\nlisten: { ${line} }\n`))
  expect(await knock(page, bridge.url)).toBe('open')
})

test('a foreign name that suddenly means this machine is refused too', async () => {
  await using bridge = started.use(await startTestBridge(MEMORY))
  const { page, said } = await pageOf(house.origin(FOREIGN))
  // The same host as the page's, as after DNS rebinding.
  expect(await knock(page, bridge.url.replace('127.0.0.1', FOREIGN))).toBe('closed with 1006')
  await until('the browser to say why', () => said.some((text) => text.includes('403')))
  expect(JSON.parse(refusal(bridge.log()))).toMatchObject({ reason: 'host', msg: expect.stringContaining('hosts: [') })
})

test('the snippet of the README works when it is pasted into the console of a page of localhost', async () => {
  await using bridge = started.use(await startTestBridge(MEMORY))
  const { page, said } = await pageOf(house.origin('localhost'))
  // The test reaches no network: esm.sh is played by the copy that npm has installed.
  const copy = `export * from '${house.origin('localhost')}/stompjs/index.js'`
  await page.route('https://esm.sh/**', (route) =>
    route.fulfill({ contentType: 'text/javascript', headers: { 'Access-Control-Allow-Origin': '*' }, body: copy }),
  )
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')
  const snippet = /```js\n(const \{ Client \}[^`]*)```/.exec(readme)![1]!
  expect(snippet).toContain(':15674/ws')
  await page.evaluate(`(async () => { ${snippet.replace(':15674/', `:${bridge.port}/`)} })()`)
  await until('the message and its receipt', () => said.length >= 2)
  expect(said.toSorted()).toEqual(['chat: hello', 'the broker has it'])
})

/** The record of the log that tells of a refused upgrade. */
function refusal(log: string): string {
  return log.split('\n').find((record) => record.includes('refused at the door'))!
}

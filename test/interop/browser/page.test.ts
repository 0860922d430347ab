/** The first five minutes: the page that the start-up lines name, in a real browser, in front of a bridge without any configuration. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MEMORY, startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { House } from './house.ts'

const started = new AsyncDisposableStack()
let house: House

beforeAll(async () => {
  house = started.use(await House.open())
})

afterAll(() => started.disposeAsync())

/** The page as somebody opens it who has read the start-up lines, and everything that its console complains about. */
async function opened(bridge: TestBridge): Promise<{ page: Page; complaints: string[] }> {
  const url = bridge.bridge.lines
    .map((line) => /http:\/\/\S+\/(?=\s)/.exec(line)?.[0])
    .find((each) => each !== undefined)
  const page = await house.page()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(url!)
  return { page, complaints }
}

const logOf = (page: Page) => page.locator('#log li').allTextContents()

test('connect, subscribe, send: the first message arrives, and its receipt', async () => {
  await using bridge = await startTestBridge(MEMORY)
  const { page, complaints } = await opened(bridge)
  await page.click('#connect')
  await page.waitForSelector('#subscribe:enabled')
  await page.click('#subscribe')
  await page.getByText('← RECEIPT r1').waitFor()
  const body = '<img src=x onerror=alert(1)> & "ü" \\ :'
  await page.fill('#body', body)
  await page.click('#send')
  await page.getByText('← RECEIPT r2').waitFor()
  await page.getByText('← MESSAGE').waitFor()
  const log = await logOf(page)
  expect(log).toContain(`← MESSAGE /topic/demo  ${body}`)
  expect(log).toContain('← RECEIPT r1  subscribed')
  expect(log).toContain('← RECEIPT r2  the broker has it')
  expect(await page.locator('#log img').count()).toBe(0)
  await page.click('#disconnect')
  await page.getByText('closed with 1000').waitFor()
  expect(complaints).toEqual([])
})

test('a destination with everything in it, and one that is refused', async () => {
  await using bridge = await startTestBridge(MEMORY)
  const { page } = await opened(bridge)
  await page.click('#connect')
  await page.waitForSelector('#subscribe:enabled')
  await page.fill('#destination', '/topic/a:b\\c')
  await page.click('#subscribe')
  await page.getByText('← RECEIPT r1').waitFor()
  await page.click('#send')
  await page.getByText('← MESSAGE /topic/a:b\\c  hello').waitFor()
  await page.fill('#destination', '/nowhere')
  await page.click('#send')
  await page.getByText('closed with 1008: no route').waitFor()
  expect((await logOf(page)).some((line) => line.startsWith('← ERROR no route'))).toBe(true)
  expect(await page.locator('#connect').isEnabled()).toBe(true)
})

test('it tells whether the bridge is ready, at this moment', async () => {
  await using bridge = await startTestBridge(`ops: { token: "0123456789abcdef" }\n${MEMORY}`)
  const { page } = await opened(bridge)
  await page.getByText('broker local: up').waitFor()
  expect(await page.textContent('#state')).toBe('ready')
  void bridge.bridge.drain('the test')
  await until('the page to say so', async () => (await page.textContent('#state')) === 'not ready')
})

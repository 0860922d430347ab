/** A page in a real browser, and devices behind Mosquitto: what somebody who looks at it sees. */
import { connectAsync } from 'mqtt'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MqttPlace } from '../mqtt.place.ts'
import { House } from './house.ts'

const DASHBOARD = new URL('./dashboard.js', import.meta.url).pathname
const started = new AsyncDisposableStack()
let place: MqttPlace
let house: House

beforeAll(async () => {
  place = started.use(
    await MqttPlace.open({
      routes: ['destination: "/commands/{device}", topic: "{device}/command", mandatory: true'],
    }),
  )
  house = started.use(await House.open())
})

afterAll(() => started.disposeAsync())

/** The dashboard, connected. */
async function dashboard(): Promise<Page> {
  const page = await house.page()
  await page.goto(`${house.origin('localhost')}/client#${place.bridge.url}`)
  await page.addScriptTag({ path: DASHBOARD, type: 'module' })
  await shows(page, 'connections', '1')
  return page
}

async function shows(page: Page, id: string, text: string): Promise<void> {
  await expect.poll(() => page.evaluate(`document.getElementById('${id}')?.textContent`)).toBe(text)
}

test('the page shows what mosquitto_pub publishes, as it comes', async () => {
  const page = await dashboard()
  await place.publishes('plant/7/temp', '21.5 °C', '-r', '-q', '1')
  await shows(page, 'machine-7', '21.5 °C')
  await place.publishes('plant/8/temp', '19 °C')
  await shows(page, 'machine-8', '19 °C')
  await place.publishes('plant/7/temp', '21.6 °C', '-r', '-q', '1')
  await shows(page, 'machine-7', '21.6 °C')
  // One that is opened later begins with what the broker has kept.
  await shows(await dashboard(), 'machine-7', '21.6 °C')
})

test('a click commands a device: "done" when the broker has it, and "not-found" when no device is there', async () => {
  const page = await dashboard()
  await page.click('#on')
  await shows(page, 'command', 'not-found')
  const lamp = await connectAsync(place.mosquitto.url, { protocolVersion: 5, reconnectPeriod: 0 })
  lamp.on('message', (_topic: string, body: Buffer) => lamp.publish('lamp/state', `${body}`, { qos: 1, retain: true }))
  await lamp.subscribeAsync('lamp/command', { qos: 1 })
  await page.click('#on')
  await shows(page, 'command', 'done')
  await shows(page, 'lamp', 'on')
  await lamp.endAsync()
  await shows(page, 'connections', '1')
})

test('Mosquitto restarts: the page stays connected, and its readings go on', async () => {
  const page = await dashboard()
  await place.publishes('plant/9/temp', 'before')
  await shows(page, 'machine-9', 'before')
  await place.mosquitto.kill()
  await expect.poll(() => place.bridge.log()).toContain('"state":"down"')
  await page.click('#on')
  await shows(page, 'command', 'broker-unavailable')
  await place.mosquitto.start()
  await expect.poll(() => place.bridge.log()).toContain('broker has recovered')
  // Nobody keeps what is published before the subscription is back: a device publishes again and again.
  await expect
    .poll(async () => {
      await place.publishes('plant/9/temp', 'after')
      return await page.evaluate(`document.getElementById('machine-9').textContent`)
    })
    .toBe('after')
  await shows(page, 'connections', '1')
})

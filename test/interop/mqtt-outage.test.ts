/** Mosquitto goes and comes back: a command is not held unless its route says so, subscriptions come back by themselves. */
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { MqttPlace, printed, refusedSend, refusedSubscribe } from './mqtt.place.ts'
import { bodies } from './scene.ts'

/** The bridge knows that its broker is away. */
async function noticed(place: MqttPlace): Promise<void> {
  await until('the bridge to notice', () => place.bridge.log().includes('"state":"down"'))
}

test('held too long a command is dangerous: while the broker is away SEND and SUBSCRIBE are refused at once', async () => {
  await using place = await MqttPlace.open()
  await using scene = place.scene()
  const browser = await scene.client()
  const { messages } = await scene.subscribes(browser, '/readings')
  await place.mosquitto.stop()
  await noticed(place)
  expect(await refusedSend(scene, browser, '/commands/lamp')).toBe('broker-unavailable')
  expect(await refusedSubscribe(scene, browser, '/elsewhere')).toBe('broker-unavailable')
  await place.mosquitto.start()
  const device = await place.listens('commands/#')
  await until('the bridge is back', () => place.bridge.log().includes('broker has recovered'))
  // What was refused is not published later.
  await scene.sends(browser, '/commands/lamp', 'after it')
  expect((await printed(device, 1)).map(({ payload }) => payload)).toEqual(['after it'])
  await place.publishes('readings', '1')
  expect(await messages.next()).toMatchObject({ body: '1', headers: { 'bridge-gap': 'true' } })
})

test('with holdMs a SEND with a receipt and a SUBSCRIBE wait for the broker, and one without a receipt does not', async () => {
  const patient = 'destination: "/patient/{path+}", topic: "patient/{path+}", holdMs: 30s'
  await using place = await MqttPlace.open({ routes: [patient] })
  await using scene = place.scene()
  const [browser, neighbour] = [await scene.client(), await scene.client()]
  await place.mosquitto.stop()
  await noticed(place)
  // QoS 0 promises nothing that would be worth waiting for: it is refused, and an ERROR with no receipt-id says so.
  browser.send('/patient/lamp', 'at most once')
  expect((await browser.ears.errors.next()).headers['bridge-code']).toBe('broker-unavailable')
  const { messages } = browser.subscribe('/patient/readings', { receipt: 'subscribed' })
  browser.send('/patient/readings', 'held', { receipt: 'sent' })
  // Another session does not wait behind it, and what its route does not hold is refused as ever.
  expect(await refusedSend(scene, neighbour, '/impatient')).toBe('broker-unavailable')
  expect(browser.ears.receipts.all).toEqual([])
  await place.mosquitto.start()
  await browser.ears.receipt('subscribed')
  await browser.ears.receipt('sent')
  expect((await messages.next()).body).toBe('held')
})

test('a standing subscription that shares a filter comes back for all of its subscribers', async () => {
  await using place = await MqttPlace.open()
  await using scene = place.scene()
  const subscriptions = []
  for (let count = 0; count < 5; count++)
    subscriptions.push(await scene.subscribes(await scene.client(), '/topic/plant.*.temp'))
  await place.publishes('plant/1/temp', 'before', '-r')
  for (const { messages } of subscriptions) expect((await messages.next()).body).toBe('before')
  await place.mosquitto.kill()
  await noticed(place)
  await place.mosquitto.start()
  await until('the bridge is back', () => place.bridge.log().includes('broker has recovered'))
  // `recovered` is told when the subscriptions have been asked for: a SUBSCRIBE of one's own is answered behind them.
  await scene.subscribes(await scene.client(), '/topic/plant.2.temp')
  await place.publishes('plant/2/temp', 'after')
  for (const { messages } of subscriptions) {
    await messages.find('what comes after', ({ body }) => body === 'after')
    const gaps = messages.all.filter(({ headers }) => headers['bridge-gap'] === 'true')
    expect(gaps).toHaveLength(1)
    // What was kept may come once more: it may have changed meanwhile.
    expect(['before', 'after']).toEqual(expect.arrayContaining(bodies(gaps)))
  }
})

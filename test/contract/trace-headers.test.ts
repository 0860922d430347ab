/** `traceparent`, `tracestate` and `baggage` between browsers and devices, on a real Mosquitto and in memory: untouched both ways. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../faults/driver.ts'
import { startTestBridge } from '../support/bridge.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { REPEATED, TRACE_HEADERS } from '../support/trace-headers.ts'

const names = Object.keys(TRACE_HEADERS)

let mosquitto: Mosquitto
beforeAll(async () => {
  mosquitto = await startMosquitto()
})
afterAll(() => mosquitto[Symbol.asyncDispose]())

const yaml = (protocol: 4 | 5): string => `
brokers:
  plant: { adapter: mqtt, url: "${mosquitto.url}", protocol: ${protocol} }
routes:
  - { destination: "/retained/{path+}", broker: plant, topic: "retained/{path+}", retain: true }
  - { preset: mqtt, broker: plant }
`

describe('MQTT 5', () => {
  test('a device sees user properties, of repeated headers the first', async () => {
    await using bridge = await startTestBridge(yaml(5))
    await using client = await Client.connect(bridge.url)
    await using device = await mosquitto.sub(['-t', 'valve/#', '-q', '1', '-F', '%P'])
    await client.do('SEND', ['destination', '/valve/1', ...REPEATED], 'plain')
    client.send('BEGIN', { transaction: 't' })
    client.send('SEND', ['destination', '/valve/2', 'transaction', 't', ...REPEATED], 'in a transaction')
    await client.do('COMMIT', { transaction: 't' })
    for (const line of await device.heard(2)) {
      for (const [name, value] of Object.entries(TRACE_HEADERS)) expect(` ${line} `).toContain(` ${name}:${value} `)
      expect(line).not.toContain('second')
    }
  })

  test('a browser sees those of a device, live and retained, shared and its own', async () => {
    await using bridge = await startTestBridge(yaml(5))
    await using early = await Client.connect(bridge.url)
    await early.do('SUBSCRIBE', { id: 'live', destination: '/retained/temp' })
    const said = Object.entries(TRACE_HEADERS).flatMap((pair) => ['-D', 'publish', 'user-property', ...pair])
    await mosquitto.pub(['-t', 'retained/temp', '-r', '-q', '1', '-m', '21', ...said])
    await early.message(1)
    await using late = await Client.connect(bridge.url)
    await late.do('SUBSCRIBE', { id: 'shared', destination: '/retained/temp' })
    await late.do('SUBSCRIBE', { id: 'own', destination: '/retained/temp', ack: 'client' })
    await late.message(2)
    for (const { headers } of [...early.messages, ...late.messages]) expect(headers).toMatchObject(TRACE_HEADERS)
    expect(late.messages.map(({ headers }) => headers.retain)).toEqual(['true', 'true'])
  })

  test('a browser sees those of another, across the broker', async () => {
    await using bridge = await startTestBridge(yaml(5))
    await using client = await Client.connect(bridge.url)
    await client.do('SUBSCRIBE', { id: 's', destination: '/topic/round.trip' })
    await client.do('SEND', ['destination', '/topic/round.trip', ...REPEATED], 'x')
    expect((await client.message()).headers).toMatchObject(TRACE_HEADERS)
  })
})

test('MQTT 3.1.1 has no headers: the message arrives without its context', async () => {
  await using bridge = await startTestBridge(yaml(4))
  await using client = await Client.connect(bridge.url)
  await client.do('SUBSCRIBE', { id: 's', destination: '/topic/old' })
  await client.do('SEND', { destination: '/topic/old', ...TRACE_HEADERS }, 'x')
  const { headers, body } = await client.message()
  expect([body.toString(), names.filter((name) => name in headers)]).toEqual(['x', []])
})

test.each(['/topic/a', '/queue/a'])('memory, %s: untouched, of repeated headers the first', async (destination) => {
  await using bridge = await startTestBridge()
  await using client = await Client.connect(bridge.url)
  await client.do('SUBSCRIBE', { id: 's', destination })
  await client.do('SEND', ['destination', destination, ...REPEATED], 'x')
  expect((await client.message()).headers).toMatchObject(TRACE_HEADERS)
})

test('the line of the log about a refused SEND names the trace of its message', async () => {
  await using bridge = await startTestBridge()
  await using client = await Client.connect(bridge.url)
  client.send('SEND', { destination: '/nowhere', ...TRACE_HEADERS })
  await client.gone()
  const line = bridge
    .log()
    .split('\n')
    .find((each) => each.includes('no-route'))!
  expect(JSON.parse(line)).toMatchObject({ code: 'no-route', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' })
})

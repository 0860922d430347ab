/** Wires that carry nothing but UTF-8: a body that is none comes as base64, and says so. */
import { describe, expect, test } from 'vitest'
import { PlainFraming } from '../support/wire.ts'
import { joins, openStage, type Stage, VERSIONS } from './stage.ts'

const OCTETS = Buffer.from([0x00, 0xff, 0xfe, 0x80])

async function textClient(stage: Stage, version: (typeof VERSIONS)[number]) {
  const client = stage.client(version, new PlainFraming(true))
  await client.connects()
  return client
}

describe.each(VERSIONS)('STOMP %s', (version) => {
  test.each(['/topic/a', '/queue/a'])('%s', async (destination) => {
    const stage = openStage()
    const client = await joins(await textClient(stage, version), { destination })
    const subscription = stage.main.subscription()
    const properties = { contentType: 'image/png', contentEncoding: 'gzip' }
    subscription.deliver(OCTETS, { headers: ['bridge-encoding', 'forged'], properties })
    const { headers, raw } = await client.gets('MESSAGE', {}, OCTETS.toString('base64'))
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'content-encoding': 'gzip',
      'bridge-encoding': 'base64',
      'content-length': '8',
    })
    expect(raw.filter((name) => name === 'bridge-encoding')).toHaveLength(1)
    subscription.deliver('grüße', { headers: ['bridge-encoding', 'base64'] })
    expect((await client.gets('MESSAGE', {}, 'grüße')).headers).not.toHaveProperty('bridge-encoding')
  })
})

test('others who share the topic get it as it is', async () => {
  const stage = openStage()
  const text = await joins(await textClient(stage, '1.2'))
  const binary = await joins(await stage.connected())
  expect(stage.main.subscriptions).toHaveLength(1)
  stage.main.subscription().deliver(OCTETS)
  await text.gets('MESSAGE', { 'bridge-encoding': 'base64' }, OCTETS.toString('base64'))
  const { headers } = await binary.gets('MESSAGE', { 'content-length': '4' })
  expect(headers).not.toHaveProperty('bridge-encoding')
  expect(binary.wire.out.at(-1)!.includes(OCTETS)).toBe(true)
})

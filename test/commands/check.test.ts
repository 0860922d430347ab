/** `stomp-bridge check FILE`: all faults of a file, whoever finds them, in one run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-check-'))
const file = join(folder, 'bridge.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

async function check(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(file, yaml)
  const host = new FakeHost(env)
  const code = await run(['check', file], host)
  return { code, out: host.out, lines: host.err.replaceAll(`${folder}/`, '').split('\n').filter(Boolean) }
}

test('five faults, found by five parts of the program, are five lines with positions', async () => {
  const { code, out, lines } = await check(
    [
      'heartbeat:',
      '  incoming: often', // a rule of the schema
      'brokers:',
      '  local: { adapter: memory, maxMessages: -1 }', // a rule of the adapter about its broker
      '  other: { adapter: memory }',
      'routes:',
      '  - { destination: "/topic/{a}/{a}", broker: other, topic: x }', // a rule of patterns
      '  - { destination: "/queue/{name}", broker: other, queue: "{nam}" }', // a rule of the adapter about its route
      '  - { preset: memory, broker: other, eror: keep }', // an unknown key
    ].join('\n'),
  )
  expect(code).toBe(EXIT.config)
  expect(out).toBe('')
  expect(lines.map((line) => line.split(': ', 2))).toEqual([
    ['bridge.yaml:2:13', 'heartbeat.incoming'],
    ['bridge.yaml:4:42', 'brokers.local.maxMessages'],
    ['bridge.yaml:7:20', 'routes[0].destination'],
    ['bridge.yaml:8:59', 'routes[1].queue'],
    ['bridge.yaml:9:38', 'routes[2].eror'],
  ])
})

test('a broker with a fault makes no faults of the routes to it', async () => {
  const { lines } = await check(
    [
      'brokers:',
      '  a: { adapter: memori }',
      '  b: { adapter: memory, maxBytes: 0 }',
      'routes:',
      '  - { preset: memory, broker: a }',
      '  - { preset: memory, broker: b }',
    ].join('\n'),
  )
  expect(lines.map((line) => line.split(': ', 1)[0])).toEqual(['bridge.yaml:2:17', 'bridge.yaml:3:35'])
})

test('an address that others can reach, with nothing that checks who connects', async () => {
  const { code, lines } = await check('listen:\n  host: 0.0.0.0\n')
  expect(code).toBe(EXIT.config)
  expect(lines.map((line) => line.split(': ', 1)[0])).toEqual(['bridge.yaml:2:9'])
})

test('… from the environment, where the file is not to blame', async () => {
  const { lines } = await check('', { STOMP_BRIDGE_LISTEN_HOST: '0.0.0.0' })
  expect(lines.map((line) => line.split(': ', 1)[0])).toEqual(['environment STOMP_BRIDGE_LISTEN_HOST'])
})

test('a file without faults', async () => {
  const { code, out, lines } = await check(
    'brokers: { m: { adapter: memory } }\nroutes: [{ preset: memory, broker: m }]\n',
  )
  expect({ code, lines }).toEqual({ code: EXIT.ok, lines: [] })
  expect(out).toContain('no faults')
})

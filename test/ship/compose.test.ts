/** deploy/compose.yaml: what its linter and the Compose specification say of it, and the files that it mounts. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DCLinter } from 'dclint'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { checked, drainMs } from './checked.ts'
import { checkout, readJson } from './checkout.ts'
import { Dockerfile } from './dockerfile.ts'

interface Linted {
  readonly messages: readonly { readonly rule: string; readonly line: number; readonly message: string }[]
}

const file = checkout('deploy/compose.yaml')
const compose = parse(readFileSync(file, 'utf8'))

test('is what dclint finds nothing wrong with, the schema of the Compose specification included', () => {
  const rules = { 'require-quotes-in-ports': [1, { quoteType: 'double' }] }
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] })
  const results: readonly Linted[] = linter.lintFiles([file], false)
  const found = results.flatMap(({ messages }) => messages)
  expect(found.map(({ rule, line, message }) => `${line}: ${rule}: ${message}`)).toEqual([])
})

test('mounts what is there, read-only, and publishes ports on loopback only', () => {
  for (const { volumes = [], ports = [] } of Object.values<{ volumes?: string[]; ports?: string[] }>(
    compose.services,
  )) {
    for (const [source, , mode] of volumes.map((each) => each.split(':'))) {
      if (!source!.startsWith('.')) continue
      expect(existsSync(checkout('deploy', source!))).toBe(true)
      expect(mode).toBe('ro')
    }
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  }
})

describe('the bridge in it', () => {
  const { bridge } = compose.services
  const [folder, place] = bridge.volumes[0].split(':')
  const { STOMP_BRIDGE_CONFIG, ...environment } = bridge.environment
  // Compose specification, interpolation: ${NAME:-value}
  const env = Object.fromEntries(
    Object.entries<string>(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-(.*)\}/, '$1')]),
  )
  const load = () => checked(join(checkout('deploy', folder), STOMP_BRIDGE_CONFIG.slice(place.length)), env)

  test('has a configuration without faults', async () => {
    const { brokers, listen } = await load()
    expect(Object.values(brokers).map(({ url }) => new URL(String(url)).hostname)).toEqual(['rabbitmq', 'mosquitto'])
    for (const { url } of Object.values(brokers))
      expect(Object.keys(compose.services)).toContain(new URL(String(url)).hostname)
    expect(listen.trustedProxies).toEqual(
      compose.networks.web.ipam.config.map(({ subnet }: { subnet: string }) => subnet),
    )
  })

  test('has time enough to drain', async () => {
    const { drain } = await load()
    expect(Number.parseInt(bridge.stop_grace_period, 10) * 1000).toBeGreaterThanOrEqual(drainMs(drain))
  })

  test('is confined as the image allows', () => {
    expect(bridge).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(existsSync(checkout('deploy', bridge.build.context, 'Dockerfile'))).toBe(true)
    // of the image: nobody else may say how it is found healthy
    expect(bridge.healthcheck).toBeUndefined()
    expect(new Dockerfile().healthcheck).toContain('healthcheck')
  })
})

test('the page loads the stompjs that is tested here, and nothing that has changed since', () => {
  const page = readFileSync(checkout('deploy/compose/page/index.html'), 'utf8')
  const [, version, path, integrity] = /npm\/@stomp\/stompjs@([^/]+)\/(\S+)" integrity="(\S+)"/.exec(page)!
  const folder = 'node_modules/@stomp/stompjs'
  expect(version).toBe(readJson(folder, 'package.json').version)
  const hash = createHash('sha384')
    .update(readFileSync(checkout(folder, path!)))
    .digest('base64')
  expect(integrity).toBe(`sha384-${hash}`)
})

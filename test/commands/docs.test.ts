/** docs/configuration.md: its file is right, and every command on the page prints what the page says. A line that is only `…` is any lines. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
const [[, yaml = ''] = []] = page.matchAll(/```yaml\n(.*?)```/gs)
const sessions = [...page.matchAll(/```console\n\$ stomp-bridge (.*?)\n(.*?)```/gs)]

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-docs-'))
const file = join(folder, 'bridge.yaml')
writeFileSync(file, yaml)
afterAll(() => rmSync(folder, { recursive: true }))

test('there is something to try', () => {
  expect(sessions.length).toBeGreaterThan(3)
})

test.each(sessions.map(([, line = '', output = '']) => [line, output] as const))(
  'stomp-bridge %s',
  async (line, output) => {
    const host = new FakeHost({ RABBITMQ_PASSWORD: 'secret' })
    delete host.env.STOMP_BRIDGE_LISTEN_PORT
    await run(line.replace('bridge.yaml', file).split(' '), host)
    const printed = host.out.replaceAll(`${folder}/`, '')
    expect(host.err).toBe('')
    const parts = output.split(/^…\n/m)
    if (parts.length === 1) expect(printed).toBe(output)
    for (const part of parts) expect(printed).toContain(part)
  },
)

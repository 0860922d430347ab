/** `stomp-bridge init`: configurations to begin with, each of which passes `stomp-bridge check`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-init-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each(['rabbitmq', 'mqtt', 'memory', 'spring'])('init %s writes a file that passes check', async (kind) => {
  const file = join(folder, `${kind}.yaml`)
  const host = new FakeHost()
  expect(await run(['init', kind, '--output', file], host)).toBe(EXIT.ok)
  expect(host.out).toContain(`stomp-bridge check ${file}`)
  expect(await run(['check', file], host)).toBe(EXIT.ok)
  const printed = new FakeHost()
  expect(await run(['init', kind], printed)).toBe(EXIT.ok)
  expect(printed.out).toBe(readFileSync(file, 'utf8'))
  expect(printed.out).toContain(readFileSync(new URL(`../../config/${kind}.yaml`, import.meta.url), 'utf8'))
})

test('a file that is there stays as it is', async () => {
  const file = join(folder, 'mine.yaml')
  writeFileSync(file, 'mine')
  const host = new FakeHost()
  expect(await run(['init', 'memory', '-o', file], host)).toBe(EXIT.failed)
  expect(host.err).toContain('is there already')
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('a folder that is not there', async () => {
  const host = new FakeHost()
  expect(await run(['init', 'memory', '-o', join(folder, 'no', 'where.yaml')], host)).toBe(EXIT.failed)
})

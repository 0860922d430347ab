/** When it is time to look at files again. Changes are real, time is the test's own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileWatch } from '../src/watch.ts'
import { FakeClock } from './support/clock.ts'
import { until } from './support/until.ts'

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const clock = new FakeClock()
  let looks = 0
  const file = join(folder, 'file')
  await writeFile(file, '1')
  const watch = new FileWatch([file], clock, () => looks++)
  onTestFinished(() => watch[Symbol.dispose]())
  return {
    folder,
    file,
    clock,
    watch,
    looks: () => looks,
    /** Until the watch has seen a change: its second timer is set. */
    noticed: () => until('the change is noticed', () => clock.pending === 2),
  }
}

test('a change is looked at when a quarter of a second was quiet', async () => {
  const { file, clock, looks, noticed } = await open()
  await writeFile(file, '2')
  await noticed()
  expect(looks()).toBe(0)
  clock.advance(250)
  expect(looks()).toBe(1)
})

test('many changes in a row are one; where it never gets quiet it is looked at after two seconds', async () => {
  const { file, clock, looks, noticed } = await open()
  for (let count = 0; looks() === 0; count++) {
    await writeFile(file, String(count))
    await noticed()
    clock.advance(200)
    expect(count).toBeLessThan(15)
  }
  expect(looks()).toBe(1)
})

test('without any change it is looked at every minute', async () => {
  const { clock, looks } = await open()
  clock.advance(59_999)
  expect(looks()).toBe(0)
  clock.advance(1)
  clock.advance(60_000)
  expect(looks()).toBe(2)
})

test('other files, in other folders', async () => {
  const { folder, clock, watch, looks, noticed } = await open()
  await mkdir(join(folder, 'other'))
  watch.paths = [join(folder, 'other', 'file'), join(folder, 'nowhere', 'file')]
  await writeFile(join(folder, 'other', 'file'), '1')
  await noticed()
  clock.advance(250)
  expect(looks()).toBe(1)
})

test('when it is disposed there is no timer and no look', async () => {
  const { file, clock, watch, looks, noticed } = await open()
  await writeFile(file, '2')
  await noticed()
  watch[Symbol.dispose]()
  watch[Symbol.dispose]()
  watch.paths = [file]
  clock.advance(120_000)
  expect(looks()).toBe(0)
  expect(clock.pending).toBe(0)
})

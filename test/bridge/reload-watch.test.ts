/** Files that change under a running bridge, as editors, operators and Kubernetes change them. */
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { openReloadable, type Reloadable } from './reload.scene.ts'

const WATCHED = { STOMP_BRIDGE_RELOAD_WATCH: '' }

function yaml(name: string, rest = ''): string {
  return `brokers: { local: { adapter: memory } }\nroutes: [{ destination: "/${name}/{n}", broker: local, queue: "{n}" }]\n${rest}`
}

/** Waiting for what the log says. */
function watch(place: Reloadable) {
  const says = (text: string, count: number) => until(`${count} × ${text}`, () => place.logged(text).length >= count)
  return {
    applied: (count = 1) => says('configuration reloaded', count),
    rejected: (count = 1) => says('not reloaded', count),
  }
}

/** As the kubelet's AtomicWriter does it: a new folder with the files, a new link to it, and one rename over the old link. */
async function project(folder: string, generation: string, files: Readonly<Record<string, string>>): Promise<void> {
  const before = await readFile(join(folder, 'generation'), 'utf8').catch(() => undefined)
  await mkdir(join(folder, `..${generation}`))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `..${generation}`, name), text)
  await symlink(`..${generation}`, join(folder, '..data_tmp'))
  await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  for (const name of Object.keys(files)) await symlink(`..data/${name}`, join(folder, name)).catch(() => {})
  if (before !== undefined) await rm(join(folder, `..${before}`), { recursive: true })
  await writeFile(join(folder, 'generation'), generation)
}

test('a file that is replaced, or written in place, is read again', async () => {
  const place = await openReloadable(yaml('a'), { env: WATCHED })
  const { applied } = watch(place)
  await place.write(yaml('b'))
  await applied()
  await writeFile(place.file, yaml('c'))
  await applied(2)
  expect(place.logged('configuration reloaded').map(({ by }) => by)).toEqual(['a changed file', 'a changed file'])
})

test('a ConfigMap: files are links, and another folder takes the place of the one they lead to', async () => {
  const place = await openReloadable('', {
    env: WATCHED,
    async prepare(folder) {
      const mount = join(folder, 'config')
      await mkdir(mount)
      await project(mount, '2024_1', { 'bridge.yaml': yaml('a') })
      return join(mount, 'bridge.yaml')
    },
  })
  const { applied } = watch(place)
  await project(place.folder, '2024_2', { 'bridge.yaml': yaml('b') })
  await applied()
  await project(place.folder, '2024_3', { 'bridge.yaml': yaml('c') })
  await applied(2)
})

test('a secret in a folder of its own that the file names', async () => {
  const place = await openReloadable('', {
    env: WATCHED,
    async prepare(folder) {
      await mkdir(join(folder, 'secret'))
      await project(join(folder, 'secret'), '1', { name: 'first' })
      await writeFile(join(folder, 'bridge.yaml'), yaml(`\${file:${folder}/secret/name}`))
      return join(folder, 'bridge.yaml')
    },
  })
  await project(join(place.folder, 'secret'), '2', { name: 'second' })
  await watch(place).applied()
})

test('half of a file is told once; when the rest is there it is applied', async () => {
  const place = await openReloadable(yaml('a'), { env: WATCHED })
  const { applied, rejected } = watch(place)
  const whole = yaml('b')
  await writeFile(place.file, whole.slice(0, whole.length - 20))
  await rejected()
  const told = place.logged('not reloaded').length
  await writeFile(place.file, whole)
  await applied()
  expect(place.logged('not reloaded')).toHaveLength(told)
})

test('a file that is gone is told, and the bridge goes on; when it comes back it is read', async () => {
  const place = await openReloadable(yaml('a'), { env: WATCHED })
  const { applied, rejected } = watch(place)
  await rm(place.file)
  await rejected()
  expect(place.logged('not reloaded')[0]!.msg).toContain('no such file')
  await place.write(yaml('b'))
  await applied()
})

test('what a reload has just read is not read again because of its file', async () => {
  const place = await openReloadable(yaml('a'), { env: WATCHED })
  await place.reload(yaml('b'))
  await place.write(yaml('c'))
  await watch(place).applied(2)
  expect(place.logged('nothing has changed')).toEqual([])
})

test('reload.watch: false, of the file itself, ends it', async () => {
  const place = await openReloadable(yaml('a'), { env: WATCHED })
  await place.reload(yaml('b', 'reload: { watch: false }\n'))
  await writeFile(place.file, yaml('c', 'reload: { watch: true }\n'))
  // What is not watched is found by whoever asks.
  expect(await place.bridge.reload('a test')).toMatchObject({ result: 'applied' })
  await place.write(yaml('d'))
  await watch(place).applied(3)
})

/**
 * The image's files, made by its Dockerfile without a container builder: each stage is a folder that stands for /app, COPY copies, RUN runs. Only
 * `npm ci` is not run, since a test asks no registry: the packages are copied from the checkout, which had them from the same lock file.
 */
import { createHash } from 'node:crypto'
import { globSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { checkout, installProduction, run } from './checkout.ts'
import { copyOf, Dockerfile, type Instruction, type Stage } from './dockerfile.ts'

/** What `COPY --from` finds in a stage lies below its working directory. */
const APP = '/app'

/**
 * @param place an empty folder
 * @param epoch SOURCE_DATE_EPOCH, seconds
 * @returns the folder that is /app of the image
 */
export function buildTree(place: string, epoch: number): string {
  const { stages } = new Dockerfile()
  const folderOf = (stage: Stage): string => join(place, stage.name ?? 'image')
  for (const stage of stages) {
    const folder = folderOf(stage)
    mkdirSync(folder)
    for (const instruction of stage.instructions) {
      if (instruction.word === 'COPY') copy(place, folder, instruction)
      if (instruction.word === 'RUN') execute(folder, instruction.rest, epoch)
    }
  }
  return folderOf(stages.at(-1)!)
}

function copy(place: string, folder: string, instruction: Instruction): void {
  const { from, sources, target } = copyOf(instruction)
  for (const source of sources) {
    const path = from === undefined ? checkout(source) : join(place, from, inApp(source))
    const into = target.endsWith('/') ? join(folder, inApp(target), basename(source)) : join(folder, inApp(target))
    // Dockerfile reference, COPY: the contents of a directory are copied, not the directory itself
    const isFolder = statSync(path).isDirectory()
    if (isFolder && target.endsWith('/')) throw new Error(`COPY ${source}: name its target`)
    mkdirSync(isFolder ? into : dirname(into), { recursive: true })
    // with times, those of folders too; what comes from another stage is not copied once more on the disk
    run(place, ['cp', from === undefined ? '-a' : '-al', isFolder ? `${path}/.` : path, into])
  }
}

function inApp(path: string): string {
  return path.startsWith(APP) ? path.slice(APP.length) : path
}

function execute(folder: string, command: string, epoch: number): void {
  if (/^npm ci .*--omit=dev --omit=optional/.test(command)) installProduction(folder)
  else if (command.startsWith('npm ci')) symlinkSync(checkout('node_modules'), join(folder, 'node_modules'))
  else run(folder, ['sh', '-c', command.replaceAll(APP, folder)], { SOURCE_DATE_EPOCH: String(epoch) })
}

/** Names, modes, times and contents of all that is in a folder, itself included. */
export function hashOf(folder: string): string {
  const hash = createHash('sha256')
  for (const path of ['', ...globSync('**', { cwd: folder })].sort()) {
    const file = join(folder, path)
    const { mode, mtimeMs } = lstatSync(file)
    hash.update(`${path} ${mode} ${mtimeMs}\n`)
    if (lstatSync(file).isFile()) hash.update(readFileSync(file))
  }
  return hash.digest('hex')
}

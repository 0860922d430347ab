/**
 * The bill of materials of what ships: the production dependencies that package-lock.json names, as CycloneDX on standard output. The image has
 * it as /app/sbom.cdx.json; `npm run sbom` prints it.
 *
 * It is `npm sbom` on a lock file that has no other packages. `npm sbom --omit=dev` would leave out what production and development both
 * need (`yaml`, to name one). The same lock file gives the same bytes: time and serial number come from the content, the time from
 * SOURCE_DATE_EPOCH if it is set (https://reproducible-builds.org/specs/source-date-epoch/).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why npm has a package, as it writes it into a lock file; left out = false. */
interface Locked {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>
}

interface CycloneDx {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly components: readonly { readonly purl: string }[]
}

/** The lock file as `npm ci --omit=dev --omit=optional` reads it: without what it would not install. */
export function productionOf(lock: Lock): Lock {
  const { '': root, ...all } = lock.packages
  const shipped = Object.entries(all).filter(([, { dev, optional, devOptional }]) => !dev && !optional && !devOptional)
  return { ...lock, packages: { '': { ...root, devDependencies: {} } as Locked, ...Object.fromEntries(shipped) } }
}

/** @param folder with package.json and package-lock.json; nothing needs to be installed */
export function sbomOf(folder: string, epoch = '0'): string {
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const scratch = mkdtempSync(join(tmpdir(), 'sbom-'))
  // npm calls the whole after the folder that it is in
  const place = join(scratch, read('package.json').name)
  mkdirSync(place)
  const write = (name: string, content: unknown) => writeFileSync(join(place, name), JSON.stringify(content))
  try {
    write('package.json', { ...read('package.json'), devDependencies: {} })
    write('package-lock.json', productionOf(read('package-lock.json')))
    const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
    const { serialNumber: _, ...made } = JSON.parse(
      execFileSync('npm', args, { cwd: place, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    return numbered({
      ...made,
      metadata: { ...made.metadata, timestamp: new Date(Number(epoch) * 1000).toISOString() },
    })
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** CycloneDX, serialNumber: a UUID. RFC 9562 §5.8: version 8 is for those that are made from something, here from the content. */
function numbered(bom: CycloneDx): string {
  const hex = createHash('sha256').update(JSON.stringify(bom)).digest('hex')
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return `${JSON.stringify({ ...bom, serialNumber: `urn:uuid:${uuid}` }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(sbomOf(process.cwd(), process.env.SOURCE_DATE_EPOCH))

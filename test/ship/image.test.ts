/**
 * The container image, without a container engine: what its Dockerfile says, the tree that it makes, and that tree run as the image would be:
 * same files, same user, same command, process 1 of a file system that cannot be written to. `test/ship/image.sh` does it with a real builder.
 */
import { once } from 'node:events'
import { chmodSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ValidationSeverity, validate } from 'dockerfile-utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { EXIT } from '../../src/commands/command.ts'
import { until } from '../support/until.ts'
import { checkout, manifest, Place, production, readJson } from './checkout.ts'
import { copyOf, Dockerfile } from './dockerfile.ts'
import { end, ISOLATED, pidOf, type Sandbox, start, statusOf } from './sandbox.ts'
import { buildTree, hashOf } from './tree.ts'

const SLOW = 120_000
const EPOCH = 1_700_000_000
const dockerfile = new Dockerfile()
const place = new Place()
let app: string

beforeAll(() => {
  chmodSync(place.path, 0o755)
  mkdirSync(place.join('one'))
  app = buildTree(place.join('one'), EPOCH)
}, SLOW)

afterAll(() => place[Symbol.dispose]())

describe('the Dockerfile', () => {
  test('is what its linter finds nothing wrong with', () => {
    const rules = { deprecatedMaintainer: ValidationSeverity.ERROR, directiveCasing: ValidationSeverity.ERROR }
    const strict = {
      ...rules,
      instructionCasing: ValidationSeverity.ERROR,
      instructionWorkdirRelative: ValidationSeverity.ERROR,
    }
    expect(validate(dockerfile.text, strict)).toEqual([])
  })

  test('takes the Node that the tests run on', () => {
    expect(dockerfile.args.get('NODE_IMAGE')).toBe(`node:${manifest.devDependencies.node}-slim`)
  })

  test('says of the image what package.json says of the package', () => {
    const { name, description, license } = manifest
    expect(Object.fromEntries(dockerfile.labels)).toEqual({
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.description': description,
      'org.opencontainers.image.licenses': license,
      'org.opencontainers.image.version': `\${VERSION}`,
      'org.opencontainers.image.revision': `\${REVISION}`,
      'org.opencontainers.image.source': `\${SOURCE}`,
    })
  })

  test('copies from the checkout exactly what .dockerignore lets through', () => {
    const copies = dockerfile.stages.flatMap(({ instructions }) =>
      instructions.filter(({ word }) => word === 'COPY').map(copyOf),
    )
    const wanted = copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources)
    const ignored = readFileSync(checkout('.dockerignore'), 'utf8').split('\n')
    expect(ignored).toContain('*')
    const let_ = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
    expect(let_.sort()).toEqual([...new Set(wanted)].sort())
  })
})

describe('the tree', () => {
  test('is the same, byte for byte, mode for mode and time for time, wherever and whenever it is built', {
    timeout: SLOW,
  }, () => {
    mkdirSync(place.join('two'))
    expect(hashOf(buildTree(place.join('two'), EPOCH))).toBe(hashOf(app))
  })

  test('has the program and its production dependencies, without types and source maps', () => {
    expect(globSync('*', { cwd: app }).sort()).toEqual(
      ['LICENSE', 'config', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json'].sort(),
    )
    const packages = globSync('node_modules/**/package.json', { cwd: app })
      .map((path) => path.replace(/\/package\.json$/, ''))
      .filter((path) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/.test(path))
    expect(packages.sort()).toEqual([...production].sort())
    expect(globSync('**/*.{d.ts,d.mts,d.cts,map}', { cwd: app })).toEqual([])
  })

  test('belongs to nobody who runs it', () => {
    const writable = globSync('**', { cwd: app }).filter((path) => (statSync(join(app, path)).mode & 0o022) !== 0)
    expect(writable).toEqual([])
  })

  test('has a bill of materials that names each package of it, at its version', () => {
    const bom = JSON.parse(readFileSync(join(app, 'sbom.cdx.json'), 'utf8'))
    const { packages } = readJson('package-lock.json')
    const shipped = production.map((path) => `${path.replace(/^.*node_modules\//, '')}@${packages[path].version}`)
    const named = bom.components.map(({ purl }: { purl: string }) => decodeURIComponent(purl).replace(/^pkg:npm\//, ''))
    expect([...new Set<string>(named)].sort()).toEqual([...new Set(shipped)].sort())
    expect(bom.bomFormat).toBe('CycloneDX')
    expect(bom.metadata.component).toMatchObject({
      name: manifest.name,
      version: manifest.version,
      type: 'application',
    })
    expect(bom.metadata.timestamp).toBe(new Date(EPOCH * 1000).toISOString())
    expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})

const how = ISOLATED
  ? `as user ${dockerfile.said('USER')} and process 1 of a read-only file system`
  : 'as the current user, without namespaces, which only root may make'

describe(`the image, run ${how}`, () => {
  /** On loopback, on free ports: the rest is the image's own. */
  const environment = {
    ...Object.fromEntries(dockerfile.environment),
    STOMP_BRIDGE_LISTEN_HOST: '127.0.0.1',
    STOMP_BRIDGE_OPS_HOST: '127.0.0.1',
  }
  const anyPort = { STOMP_BRIDGE_LISTEN_PORT: '0', STOMP_BRIDGE_OPS_PORT: '0' }

  /** A command in there, what it prints, and its end. */
  class Container implements AsyncDisposable {
    log = ''
    readonly #child
    readonly exit: Promise<number>
    readonly #orphan = (): void => end(this.#child)

    constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
      mkdirSync(place.join('root'), { recursive: true })
      const sandbox: Sandbox = { root: place.join('root'), app, user: dockerfile.said('USER') }
      this.#child = start(sandbox, command, env)
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        stream!.setEncoding('utf8').on('data', (text: string) => (this.log += text))
      }
      this.exit = once(this.#child, 'close').then(([code]) => code)
      process.on('exit', this.#orphan)
    }

    get pid(): number {
      return pidOf(this.#child)
    }

    async listens(): Promise<{ websocket: string; ops: string }> {
      const line = () => this.log.split('\n').find((each) => each.includes('"msg":"listening"') && each.endsWith('}'))
      await until('it listens', () => line() !== undefined || this.#child.exitCode !== null, SLOW)
      if (line() === undefined) throw new Error(this.log)
      return JSON.parse(line()!)
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#orphan()
      await this.exit
      process.off('exit', this.#orphan)
    }
  }

  test('serves, is found healthy by its own check, and exits with 0 on SIGTERM', { timeout: SLOW }, async () => {
    await using bridge = new Container(dockerfile.entrypoint, { ...environment, ...anyPort })
    const { websocket, ops } = await bridge.listens()
    expect((await fetch(`${ops}/livez`)).status).toBe(200)
    expect((await fetch(`${ops}/readyz`)).status).toBe(200)

    const socket = new WebSocket(websocket, ['v12.stomp'])
    await once(socket, 'open')
    socket.send('CONNECT\naccept-version:1.2\nhost:localhost\n\n\0')
    expect(String((await once(socket, 'message'))[0])).toMatch(/^CONNECTED\n/)
    socket.terminate()

    const { port } = new URL(ops)
    await using check = new Container(dockerfile.healthcheck, { ...environment, STOMP_BRIDGE_OPS_PORT: port })
    expect(await check.exit).toBe(EXIT.ok)

    process.kill(bridge.pid, 'SIGTERM')
    expect(await bridge.exit).toBe(EXIT.ok)
    expect(bridge.log).toContain('"msg":"stopped"')
  })

  test('is process 1, nobody in particular, and can write nowhere', { timeout: SLOW }, async () => {
    await using bridge = new Container(dockerfile.entrypoint, { ...environment, ...anyPort })
    await bridge.listens()
    const [uid, gid] = ISOLATED
      ? dockerfile.said('USER').split(':')
      : [String(process.getuid!()), String(process.getgid!())]
    expect(statusOf(bridge.pid, 'Uid')).toEqual([uid, uid, uid, uid])
    expect(statusOf(bridge.pid, 'Gid')).toEqual([gid, gid, gid, gid])
    if (!ISOLATED) return
    expect(statusOf(bridge.pid, 'NSpid').at(-1)).toBe('1')
    // proc(5), status: CapEff, the effective capabilities
    expect(statusOf(bridge.pid, 'CapEff')).toEqual(['0000000000000000'])
    const writable = readFileSync(`/proc/${bridge.pid}/mounts`, 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, , kind, options]) => kind !== undefined && kind !== 'proc' && !options!.split(',').includes('ro'))
    expect(writable).toEqual([])
  })

  test('alone, it says what it lacks: an address that others reach needs somebody who checks who they are', async () => {
    await using bridge = new Container(dockerfile.entrypoint, Object.fromEntries(dockerfile.environment))
    expect(await bridge.exit).toBe(EXIT.config)
    expect(bridge.log).toContain('auth.chain')
  })
})

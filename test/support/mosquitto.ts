/**
 * A Mosquitto of a test's own: the real broker on a free loopback port, with its own data folder. Several may run at once; nothing of them is
 * left when they are disposed, or when the test process ends. Also its command-line clients, as any device would use them.
 *
 * Needs Debian's mosquitto and mosquitto-clients; the system service need not run.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ServerTls } from './certificates.ts'
import { until } from './until.ts'

const PROGRAM = '/usr/sbin/mosquitto'
const START_MS = 20_000
const run = promisify(execFile)

export interface MosquittoOptions {
  /** Lines of mosquitto.conf beside the listener, e.g. `max_inflight_messages 5`. */
  readonly config?: readonly string[]
  /** Lines of an ACL file: `topic read forbidden/#`. */
  readonly acl?: readonly string[]
  /** PEM texts: the listener speaks TLS. */
  readonly tls?: ServerTls
}

/** Starts a broker and resolves when it answers. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const mosquitto = new Mosquitto(await mkdtemp(join(tmpdir(), 'mosquitto-')), await freePort(), options)
  try {
    await mosquitto.start()
    return mosquitto
  } catch (error) {
    await mosquitto[Symbol.asyncDispose]()
    throw error
  }
}

export class Mosquitto implements AsyncDisposable {
  readonly port: number
  readonly #folder: string
  readonly #options: MosquittoOptions
  readonly #children = new Set<ChildProcess>()
  readonly #exit = (): void => {
    this.#server?.kill('SIGKILL')
    for (const child of this.#children) child.kill('SIGKILL')
  }
  #server: ChildProcess | undefined

  constructor(folder: string, port: number, options: MosquittoOptions) {
    this.#folder = folder
    this.port = port
    this.#options = options
    process.on('exit', this.#exit)
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'mqtt' : 'mqtts'}://127.0.0.1:${this.port}`
  }

  /** Process id of the running server; another one after each start. */
  get pid(): number {
    return this.#server!.pid!
  }

  /** Starts it, or starts it again on the same port and data; resolves when it answers. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return
    await this.#configure()
    const log: string[] = []
    const server = spawn(PROGRAM, ['-c', join(this.#folder, 'mosquitto.conf')], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#server = server
    for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (chunk) => log.push(String(chunk)))
    server.once('exit', () => {
      if (this.#server === server) this.#server = undefined
    })
    await until(
      'mosquitto to answer',
      async () => {
        if (this.#server !== server) throw new Error(`mosquitto did not start: ${log.join('').slice(-2_000)}`)
        return await answers(this.port)
      },
      START_MS,
    )
  }

  /** In order: data is written. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** kill -9; what was written to disk until now comes back with `start`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** It stands still, with its connections open, until `thaw`. */
  freeze(): void {
    this.#server?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#server?.kill('SIGCONT')
  }

  /** `mosquitto_pub` with these arguments, and `input` on its standard input. */
  async pub(args: readonly string[], input?: Buffer): Promise<void> {
    const started = run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(this.port), '-V', '5', ...args])
    started.child.stdin!.end(input)
    await started
  }

  /** `mosquitto_sub` with these arguments; resolves when it is subscribed. */
  async sub(args: readonly string[]): Promise<Listener> {
    // Into a pipe it would keep its own word of being subscribed until a message comes: line by line, please.
    const command = ['-oL', 'mosquitto_sub', '-d', '-h', '127.0.0.1', '-p', String(this.port), '-V', '5', ...args]
    const child = spawn('/usr/bin/stdbuf', command, { stdio: ['ignore', 'pipe', 'ignore'] })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    const listener = new Listener(child)
    await until('mosquitto_sub to subscribe', () => listener.isSubscribed)
    return listener
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await this.kill()
    process.off('exit', this.#exit)
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #configure(): Promise<void> {
    const { config = [], acl, tls } = this.#options
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${this.#folder}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
      // As good as no bound. 0 is none, but 2.0.11 then drops the connection of whoever publishes what the ACL denies.
      'max_queued_messages 1000000',
      'set_tcp_nodelay true',
      'user root',
      ...config,
    ]
    if (acl !== undefined) {
      await writeFile(join(this.#folder, 'acl'), `${acl.join('\n')}\n`, { mode: 0o600 })
      lines.push(`acl_file ${this.#folder}/acl`)
    }
    if (tls !== undefined) {
      const { ca, cert, key } = tls
      for (const [name, pem] of Object.entries({ ca, cert, key }))
        await writeFile(join(this.#folder, `${name}.pem`), pem, { mode: 0o600 })
      lines.push(
        `cafile ${this.#folder}/ca.pem`,
        `certfile ${this.#folder}/cert.pem`,
        `keyfile ${this.#folder}/key.pem`,
      )
      lines.push(`require_certificate ${tls.asksClients}`)
    }
    await writeFile(join(this.#folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    const gone = once(server, 'exit')
    server.kill(signal)
    await gone
  }
}

/** A running mosquitto_sub: what it printed, but for its own debug lines. */
export class Listener implements AsyncDisposable {
  readonly #child: ChildProcess
  #printed = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', (chunk) => {
      this.#printed += String(chunk)
    })
  }

  get isSubscribed(): boolean {
    return this.#printed.includes('Subscribed (mid:')
  }

  get lines(): string[] {
    // What stands behind the last line feed is not yet a line.
    const whole = this.#printed.split('\n').slice(0, -1)
    return whole.filter((line) => line !== '' && !/^(?:Client |Subscribed \(mid)/.test(line))
  }

  /** Resolves when it has printed so many lines. */
  async heard(count: number): Promise<string[]> {
    await until(`${count} lines of mosquitto_sub`, () => this.lines.length >= count)
    return this.lines
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A port of loopback that nobody had a moment ago: for programs that cannot be told to take any. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

/**
 * A RabbitMQ of a test's own: the real server, on free loopback ports, with its own data folder, name registry (epmd) and cookie. Several may
 * run at once; nothing of them is left when they are disposed, or when the test process ends.
 *
 * Needs Debian's rabbitmq-server (the programs below), whose system service need not run.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import type { ServerTls } from './certificates.ts'

const SCRIPTS = '/usr/lib/rabbitmq/bin'
const START_MS = 90_000
const ATTEMPTS = 3
const run = promisify(execFile)

export interface RabbitOptions {
  /** Plugins to enable, e.g. `rabbitmq_web_stomp`; what they depend on is enabled too. Their listeners get ports of their own. */
  readonly plugins?: readonly string[]
  /** Lines of rabbitmq.conf, e.g. `channel_max = 256`. */
  readonly config?: readonly string[]
  /** PEM texts: there is a listener for AMQP over TLS too, at `ports.amqps`. */
  readonly tls?: ServerTls
}

/** Ports on 127.0.0.1. Those of plugins that are not enabled are reserved by nobody. */
export interface RabbitPorts {
  readonly amqp: number
  readonly amqps: number
  readonly stomp: number
  readonly webStomp: number
  readonly management: number
  readonly mqtt: number
  readonly dist: number
  readonly cli: number
  readonly epmd: number
}

/** Starts a server and resolves when it answers; up to 90 s. */
export async function startRabbit(options: RabbitOptions = {}): Promise<Rabbit> {
  // Another process may take a port between our look and the server's bind: then once more, with other ports.
  for (let attempt = 1; ; attempt++) {
    const rabbit = new Rabbit(await mkdtemp(join(tmpdir(), 'rabbit-')), await freePorts(), options)
    try {
      await rabbit.start()
      return rabbit
    } catch (error) {
      await rabbit[Symbol.asyncDispose]()
      if (attempt === ATTEMPTS) throw error
    }
  }
}

export class Rabbit implements AsyncDisposable {
  readonly ports: RabbitPorts
  readonly #folder: string
  readonly #options: RabbitOptions
  readonly #cookie = randomBytes(16).toString('hex')
  readonly #exit = (): void => {
    this.#server?.kill('SIGKILL')
    this.#epmd?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
  #server: ChildProcess | undefined
  #epmd: ChildProcess | undefined

  constructor(folder: string, ports: RabbitPorts, options: RabbitOptions) {
    this.#folder = folder
    this.ports = ports
    this.#options = options
    process.on('exit', this.#exit)
  }

  /** With the service account guest. */
  get url(): string {
    return this.urlFor('guest', 'guest')
  }

  /** Without user and password. */
  get bareUrl(): string {
    return `amqp://127.0.0.1:${this.ports.amqp}`
  }

  /** As `url`, over TLS. */
  get secureUrl(): string {
    return `amqps://guest:guest@127.0.0.1:${this.ports.amqps}`
  }

  urlFor(user: string, password: string): string {
    return `amqp://${user}:${password}@127.0.0.1:${this.ports.amqp}`
  }

  /** Starts it, or starts it again on the same ports and data; resolves when it answers. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return
    await this.#prepare()
    this.#epmd ??= await this.#startEpmd()
    const log: string[] = []
    const server = spawn(`${SCRIPTS}/rabbitmq-server`, [], {
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#server = server
    for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (chunk) => log.push(String(chunk)))
    server.once('exit', () => {
      if (this.#server === server) this.#server = undefined
    })
    const deadline = Date.now() + START_MS
    while (!(await this.#answers())) {
      if (this.#server !== server || Date.now() > deadline) {
        throw new Error(`rabbitmq-server did not start: ${log.join('').slice(-2_000)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** In order: connections are closed with a reason, data is written. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Runs `rabbitmqctl` and returns what it printed; one to three seconds. */
  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await run(`${SCRIPTS}/rabbitmqctl`, ['--quiet', ...args], { env: this.#environment() })
    return stdout
  }

  /** Evaluates Erlang in the server, ending with a dot, and returns the term as text; some milliseconds. */
  async eval(erlang: string): Promise<string> {
    const child = execFile('erl_call', ['-sname', this.#node, '-c', this.#cookie, '-e'], { env: this.#environment() })
    const printed: string[] = []
    child.stdout!.on('data', (chunk) => printed.push(String(chunk)))
    child.stdin!.end(`${erlang}\n`)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`erl_call ended with ${code}: ${printed.join('')}`)
    return printed.join('').replace(/^\{ok, |\}\s*$/g, '')
  }

  /** A user with all rights in `/`, or with the given patterns for configure, write and read. */
  async addUser(
    name: string,
    password: string,
    rights: readonly [string, string, string] = ['.*', '.*', '.*'],
  ): Promise<void> {
    await this.ctl('add_user', name, password)
    await this.ctl('set_permissions', name, ...rights)
  }

  /** Sets or clears the memory alarm, which blocks whoever publishes. */
  async alarm(on: boolean): Promise<void> {
    await this.ctl('set_vm_memory_high_watermark', on ? '0.000001' : '0.4')
  }

  /** Names of all queues in `/`. */
  async queues(): Promise<string[]> {
    const printed = await this.eval(
      '[binary_to_list(element(4, amqqueue:get_name(Q))) || Q <- rabbit_amqqueue:list(<<"/">>)].',
    )
    return [...printed.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => found[1]!)
  }

  /** How many channels and consumers there are on the server. */
  async census(): Promise<{ channels: number; consumers: number; connections: number }> {
    const printed = await this.eval(
      '{length(rabbit_channel:list()), length(rabbit_amqqueue:consumers_all(<<"/">>)), length(rabbit_networking:connections())}.',
    )
    const [channels, consumers, connections] = printed.match(/\d+/g)!.map(Number)
    return { channels: channels!, consumers: consumers!, connections: connections! }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    if (this.#epmd !== undefined) {
      const gone = once(this.#epmd, 'exit')
      this.#epmd.kill('SIGKILL')
      await gone
      this.#epmd = undefined
    }
    process.off('exit', this.#exit)
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  get #node(): string {
    return `rabbit${this.ports.amqp}@localhost`
  }

  async #prepare(): Promise<void> {
    const { ports, plugins = [], config = [], tls } = { ports: this.ports, ...this.#options }
    const lines = [
      `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
      'disk_free_limit.absolute = 1MB',
      'log.file.level = info',
    ]
    const web = plugins.includes('rabbitmq_web_stomp')
    if (web || plugins.includes('rabbitmq_stomp')) lines.push(`stomp.listeners.tcp.1 = 127.0.0.1:${ports.stomp}`)
    if (web) lines.push('web_stomp.tcp.ip = 127.0.0.1', `web_stomp.tcp.port = ${ports.webStomp}`)
    if (plugins.some((plugin) => plugin.startsWith('rabbitmq_management'))) {
      lines.push('management.tcp.ip = 127.0.0.1', `management.tcp.port = ${ports.management}`)
    }
    if (plugins.includes('rabbitmq_mqtt')) lines.push(`mqtt.listeners.tcp.1 = 127.0.0.1:${ports.mqtt}`)
    if (tls !== undefined) lines.push(...(await this.#tlsLines(tls)))
    await writeFile(join(this.#folder, 'rabbitmq.conf'), [...lines, ...config, ''].join('\n'))
    await writeFile(join(this.#folder, 'enabled_plugins'), `[${plugins.join(',')}].\n`)
    // The cookie of a second start is the first one's: the file may not be written to.
    const cookie = join(this.#folder, '.erlang.cookie')
    if ((await readFile(cookie, 'utf8').catch(() => undefined)) === undefined) {
      await writeFile(cookie, this.#cookie, { mode: 0o400 })
    }
  }

  async #tlsLines({ ca, cert, key, asksClients }: ServerTls): Promise<string[]> {
    for (const [name, pem] of Object.entries({ ca, cert, key })) {
      await writeFile(join(this.#folder, `${name}.pem`), pem, { mode: 0o600 })
    }
    return [
      `listeners.ssl.1 = 127.0.0.1:${this.ports.amqps}`,
      `ssl_options.cacertfile = ${this.#folder}/ca.pem`,
      `ssl_options.certfile = ${this.#folder}/cert.pem`,
      `ssl_options.keyfile = ${this.#folder}/key.pem`,
      `ssl_options.verify = ${asksClients ? 'verify_peer' : 'verify_none'}`,
      `ssl_options.fail_if_no_peer_cert = ${asksClients}`,
    ]
  }

  #environment(): NodeJS.ProcessEnv {
    const { amqp, dist, cli, epmd } = this.ports
    return {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: this.#folder,
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      // No shell in between: the child that we kill is the server itself.
      RUNNING_UNDER_SYSTEMD: 'true',
      RABBITMQ_NODENAME: this.#node,
      RABBITMQ_NODE_PORT: String(amqp),
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_CTL_DIST_PORT_MIN: String(cli),
      RABBITMQ_CTL_DIST_PORT_MAX: String(cli + 9),
      RABBITMQ_MNESIA_BASE: join(this.#folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(this.#folder, 'log'),
      RABBITMQ_CONFIG_FILE: join(this.#folder, 'rabbitmq'),
      RABBITMQ_CONF_ENV_FILE: join(this.#folder, 'none'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.#folder, 'enabled_plugins'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_CTL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    }
  }

  /** In the foreground, so that it is ours to end: one started by the server would outlive it. */
  async #startEpmd(): Promise<ChildProcess> {
    const { epmd } = this.ports
    const child = spawn('epmd', ['-port', String(epmd), '-address', '127.0.0.1'], { stdio: 'ignore' })
    await once(child, 'spawn')
    return child
  }

  async #answers(): Promise<boolean> {
    try {
      const connection = await connect(this.url, { timeout: 5_000 })
      await connection.close()
      // It takes clients before it has started in full: rabbitmqctl is refused until then.
      return (await this.eval('rabbit:is_running().')) === 'true'
    } catch {
      return false
    }
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    const gone = once(server, 'exit')
    server.kill(signal)
    await gone
  }
}

/** Outside the ephemeral range, where every outgoing connection of this machine could take one of them meanwhile. */
async function freePorts(): Promise<RabbitPorts> {
  const names = ['amqp', 'amqps', 'stomp', 'webStomp', 'management', 'mqtt', 'dist', 'epmd'] as const
  const found: Record<string, number> = {}
  const base = await freeBlock(names.length + 10)
  for (const [index, name] of names.entries()) found[name] = base + index
  return { ...found, cli: base + names.length } as unknown as RabbitPorts
}

async function freeBlock(size: number): Promise<number> {
  for (;;) {
    const base = 10_000 + Math.floor(Math.random() * ((32_000 - 10_000) / size)) * size
    const free = await Promise.all(Array.from({ length: size }, (_, index) => isFree(base + index)))
    if (free.every(Boolean)) return base
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

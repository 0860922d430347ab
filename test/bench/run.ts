/**
 * Side by side: the bridge and RabbitMQ's own Web STOMP plugin in front of the same RabbitMQ, in turns. See README.md; `--help` tells the
 * options. Exit code 1 when a measurement failed, or a message was lost or came out of order.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRabbit } from '../support/rabbitmq.ts'
import type { Job, Measurement } from './generator/main.ts'
import { describeMachine } from './machine.ts'
import { peers } from './peers/index.ts'
import type { Rig, RunningPeer } from './peers/peer.ts'
import { type Cell, summarise, table } from './report.ts'
import { scenarios } from './scenarios/index.ts'
import { PATIENCE_MS } from './scenarios/scenario.ts'

const GENERATOR = new URL('./generator/main.ts', import.meta.url)
/** To connect everybody, to come to rest, and twice to give up waiting. */
const SLACK_MS = 20_000 + 2 * PATIENCE_MS

const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  'warm-up': { type: 'string', default: '1' },
  out: { type: 'string' },
  only: { type: 'string', default: '' },
  peers: { type: 'string', default: peers.map(({ name }) => name).join(',') },
  profile: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const HELP = `npm run bench -- [options]
  --rounds N     how often each peer meets each scenario (5)
  --seconds N    length of a measurement (2)
  --warm-up N    seconds of the same load before it (1)
  --only TEXT    scenarios whose name contains this
  --peers A,B    of ${peers.map(({ name }) => name).join(', ')}; ratios are to the first
  --out DIR      where results.json and results.md go (a new folder in ${tmpdir()})
  --profile      CPU profiles of the peers written in JavaScript, into the same folder`

const { values: options } = parseArgs({ options: OPTIONS })

if (options.help) console.log(HELP)
else process.exitCode = await bench()

async function bench(): Promise<number> {
  const out = options.out ?? (await mkdtemp(join(tmpdir(), 'stomp-bridge-bench-')))
  await mkdir(out, { recursive: true })
  await using rabbit = await startRabbit({ plugins: ['rabbitmq_web_stomp'] })
  const rabbitPid = Number((await rabbit.eval('os:getpid().')).replaceAll('"', ''))
  const started = new Date().toISOString()
  const machine = await describeMachine(rabbit)
  const cells = await measureAll({ rabbit, rabbitPid, profiles: options.profile ? out : undefined })
  const rows = summarise(cells)
  const markdown = table(rows)
  const { rounds, seconds, 'warm-up': warmUp } = options
  const results = { started, machine, options: { rounds, seconds, warmUp }, rows, cells }
  await writeFile(join(out, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`)
  await writeFile(join(out, 'results.md'), `${describe(started, machine)}\n\n${markdown}`)
  console.log(`\n${markdown}\n${out}`)
  return rows.every(({ lost, disordered, failed }) => lost + disordered + failed === 0) ? 0 : 1
}

async function measureAll(rig: Rig): Promise<Cell[]> {
  await using stack = new AsyncDisposableStack()
  const running: [string, RunningPeer][] = []
  for (const name of options.peers.split(',')) {
    const peer = peers.find((known) => known.name === name)
    if (peer === undefined) throw new Error(`no peer ${name}\n${HELP}`)
    running.push([name, stack.use(await peer.start(rig))])
  }
  const chosen = scenarios.filter(({ name }) => name.includes(options.only))
  const cells: Cell[] = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const { name: scenario, unit } of chosen) {
      for (const [peer, { target }] of running) {
        const warmUpMs = 1000 * Number(options['warm-up'])
        const job: Job = { scenario, target, warmUpMs, measureMs: 1000 * Number(options.seconds) }
        const result = await measure(job).catch((error: Error) => ({ error: error.message }))
        cells.push({ scenario, unit, peer, round, result })
        console.log(`${round}  ${scenario.padEnd(70)} ${peer.padEnd(8)} ${tell(result)}`)
      }
    }
  }
  return cells
}

/** In a process of its own, which is killed when it takes too long. */
async function measure(job: Job): Promise<Measurement> {
  const timeout = job.warmUpMs + job.measureMs + SLACK_MS
  const child = fork(GENERATOR, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], timeout, killSignal: 'SIGKILL' })
  const stderr: string[] = []
  child.stderr!.on('data', (chunk) => stderr.push(String(chunk)))
  let measurement: Measurement | undefined
  child.once('message', (message: Measurement) => {
    measurement = message
  })
  const closed = once(child, 'close')
  child.send(job)
  const [code, signal] = await closed
  if (measurement === undefined) throw new Error(`${signal ?? `exit ${code}`} ${stderr.join('').trim()}`)
  return measurement
}

function tell(result: Cell['result']): string {
  if ('error' in result) return result.error
  const rate = Math.round((1000 * result.units) / result.elapsedMs)
  return `${rate} per second, ${result.lost} lost`
}

function describe(started: string, machine: Awaited<ReturnType<typeof describeMachine>>): string {
  const { cpu, cores, memoryGiB, kernel, loadBefore, node, rabbitmq, erlang } = machine
  const { rounds, seconds } = options
  return [
    `${started}: ${cores} × ${cpu}, ${memoryGiB} GiB, ${kernel}, load ${loadBefore.toFixed(2)} before the run;`,
    `Node ${node}, RabbitMQ ${rabbitmq}, Erlang ${erlang}; medians (and range) of ${rounds} rounds of ${seconds} s.`,
  ].join('\n')
}

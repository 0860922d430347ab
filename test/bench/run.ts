/**
 * Side by side: the bridge on each of its brokers, and who else there is, in turns under the same load. See README.md; `--help` tells the
 * options. Exit code 1 when it could not go on, or when a bridge failed, or lost a message or their order; never for a speed.
 */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fleet, isAlive } from './fleet.ts'
import type { Measurement } from './generator/main.ts'
import { describeMachine } from './machine.ts'
import { measure } from './measure.ts'
import { able, HELP, type Options, readOptions } from './options.ts'
import type { Target } from './peers/peer.ts'
import { type Cell, Report } from './report.ts'
import { writeResults } from './results.ts'
import type { Group, Scenario } from './scenarios/scenario.ts'

/** Memory means something only in a process without a past, and a broker without one. */
const FRESH: ReadonlySet<Group> = new Set(['idle', 'storm'])

// What is running is killed when the process exits, which an unhandled signal would not let happen.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const options = readOptions(process.argv.slice(2))
if (options.help) console.log(HELP)
else if (options.list) list(options)
else process.exitCode = await bench(options)

function list({ scenarios, peers }: Options): void {
  for (const scenario of scenarios) {
    const names = able(peers, scenario).map(({ name }) => name)
    console.log(`${scenario.quick ? '* ' : '  '}${scenario.group.padEnd(9)} ${scenario.name}: ${names.join(', ')}`)
  }
  console.log('* = also with --quick')
}

async function bench(options: Options): Promise<number> {
  const out = options.out ?? (await mkdtemp(join(tmpdir(), 'stomp-bridge-bench-')))
  await mkdir(out, { recursive: true })
  await using fleet = new Fleet(options.profile ? out : undefined)
  const started = new Date().toISOString()
  const loadBefore = loadavg()[0]!
  const cells: Cell[] = []
  const broken = await measureAll(fleet, options, cells).catch((error: Error) => error)
  // What an hour has brought is not thrown away for what ended it.
  if (broken !== undefined && cells.length === 0) throw broken
  const machine = await describeMachine(loadBefore, await fleet.rabbit)
  const report = new Report(cells)
  const markdown = await writeResults(out, { started, machine, options, report })
  console.log(`\n${markdown}\n${out}`)
  if (broken !== undefined) console.error(`The run ended early: ${broken.message}`)
  return broken === undefined && report.isSound ? 0 : 1
}

/**
 * Round by round; within a scenario the peers follow one another at once, in turned order every other round.
 * @param cells gets what is measured
 * @throws Error when nothing could be compared any more: a peer does not start, RabbitMQ is gone
 */
async function measureAll(fleet: Fleet, options: Options, cells: Cell[]): Promise<undefined> {
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of options.scenarios) {
      const peers = able(options.peers, scenario)
      for (const peer of round % 2 === 1 ? peers : peers.toReversed()) {
        await fleet.check()
        const target = await fleet.target(peer, FRESH.has(scenario.group))
        const result = await meet(scenario, target, options).catch((error: Error) => ({ error: error.message }))
        cells.push({ scenario, peer, round, result })
        console.log(`${round}  ${scenario.name.padEnd(72)} ${peer.name.padEnd(16)} ${tell(result)}`)
      }
    }
  }
}

async function meet(scenario: Scenario, target: Target, { warmUpMs, measureMs }: Options): Promise<Measurement> {
  const measuring = measure({ scenario: scenario.name, target, warmUpMs, measureMs }, scenario.slackMs)
  const fault = await measuring.then(
    () => '',
    (error: Error) => `; ${error.message}`,
  )
  // A peer that dies takes its figures with it, whatever the generator made of them; the next measurement starts it again.
  if (!isAlive(target)) throw new Error(`it died${fault}`)
  const measurement = await measuring
  if (measurement.units === 0) throw new Error(`nothing came; ${measurement.lost} lost`)
  return measurement
}

function tell(result: Cell['result']): string {
  if ('error' in result) return `FAILED: ${result.error}`
  const rate = Math.round((1000 * result.units) / result.elapsedMs)
  const { generator: _, ...servers } = result.cpuNs
  const cpu = Object.values(servers).reduce((sum, ns) => sum + ns, 0) / 1000 / result.units
  return `${rate} per second, ${cpu.toFixed(2)} µs, ${result.lost} lost`
}

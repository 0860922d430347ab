/** What the command line of `npm run bench` says: which peers meet which scenarios, how often, for how long, and where the results go. */
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { peers } from './peers/index.ts'
import type { Peer } from './peers/peer.ts'
import { scenarios } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'

const OPTIONS = {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '2' },
  'warm-up': { type: 'string', default: '1' },
  only: { type: 'string', multiple: true },
  peers: { type: 'string', multiple: true },
  quick: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  out: { type: 'string' },
  profile: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** A comma that separates; one within a scenario's name has a space behind it. */
const BETWEEN = /,(?! )/

export const HELP = `npm run bench -- [options]
  --rounds N     how often each peer meets each scenario (3)
  --seconds N    length of a measurement (2)
  --warm-up N    seconds of the same load before it (1)
  --quick        the short selection of scenarios, enough for every target
  --all          all scenarios (this is the default)
  --only TEXT    those whose group or name contains TEXT; several: repeat it, or separate by commas
  --peers A,B    of ${peers.map(({ name }) => name).join(', ')} (all)
  --out DIR      where results.md, results.json and cpu.svg go (a new folder in ${tmpdir()})
  --profile      CPU profiles of the peers written in JavaScript, into the same folder
  --list         tell the scenarios, and which peers can take part, and measure nothing`

export interface Options {
  readonly rounds: number
  readonly measureMs: number
  readonly warmUpMs: number
  /** In the order of the report. */
  readonly scenarios: readonly Scenario[]
  readonly peers: readonly Peer[]
  readonly out: string | undefined
  readonly profile: boolean
  readonly list: boolean
  readonly help: boolean
}

/** @throws Error when an option is unknown, names nothing, or is not a number that makes sense */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ options: OPTIONS, args: [...args] })
  if (values.quick && values.all) throw new Error('--quick or --all')
  return {
    rounds: number('rounds', values.rounds, 1),
    measureMs: 1000 * number('seconds', values.seconds, 0.01),
    warmUpMs: 1000 * number('warm-up', values['warm-up'], 0.01),
    scenarios: chooseScenarios(parts(values.only), values.quick),
    peers: choosePeers(parts(values.peers)),
    out: values.out,
    profile: values.profile,
    list: values.list,
    help: values.help,
  }
}

/** Who takes part in it. */
export function able(among: readonly Peer[], { needs }: Scenario): Peer[] {
  return among.filter(({ features }) => needs.every((need) => features.has(need)))
}

function parts(values: readonly string[] = []): string[] {
  return values
    .flatMap((value) => value.split(BETWEEN))
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function number(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!(value >= least)) throw new Error(`--${name} ${text}: a number from ${least} on`)
  return value
}

function chooseScenarios(only: readonly string[], quick: boolean): readonly Scenario[] {
  const chosen = scenarios
    .filter((scenario) => scenario.quick || !quick)
    .filter(({ name, group }) => only.length === 0 || only.some((text) => group === text || name.includes(text)))
  if (chosen.length === 0) throw new Error(`no scenario contains ${only.join(' or ')}; --list tells them all`)
  return chosen
}

function choosePeers(names: readonly string[]): readonly Peer[] {
  const unknown = names.filter((name) => !peers.some((peer) => peer.name === name))
  if (unknown.length > 0) throw new Error(`no peer ${unknown.join(', ')}; --help tells them all`)
  return names.length === 0 ? peers : peers.filter(({ name }) => names.includes(name))
}

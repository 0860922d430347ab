/** Every command line, option, variable and path of the ops port that the pages name exists. What they print is shown elsewhere. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readArguments } from '../../src/commands/arguments.ts'
import { run } from '../../src/commands/run.ts'
import { schemaText } from '../../src/commands/schema.ts'
import { FakeHost } from '../commands/host.ts'
import { startTestBridge } from '../support/bridge.ts'
import { type Page, pages, type Quote, root } from './pages.ts'

const each = pages.map((page) => [page.path, page] as const)

/** The ways to write the program's name; in a checkout `npm start --`, in a package the file itself. */
const PROGRAM =
  /(?:^|&& |\| )(?:npx |\.\/node_modules\/\.bin\/)?(?:stomp-bridge|npm start --|node (?:\S+ )*?\S*dist\/main\.js)(?= |$)/

/** The arguments of a command line of ours, word by word; undefined: it is another program's. */
function argumentsOf(line: string): string[] | undefined {
  const program = PROGRAM.exec(line)
  if (program === null) return undefined
  const [own = ''] = line.slice(program.index + program[0].length).split(/ (?:>|\||&&|;|2>)(?: |$)/)
  return [...own.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare!)
}

/** What goes wrong with it; undefined: nothing. */
function wrong(args: readonly string[]): string | undefined {
  try {
    readArguments(args)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test.each(each)('every line of a shell in %s is understood', (_, page) => {
  const faults = page.shell().flatMap(({ text, where }) => {
    const args = argumentsOf(text)
    const fault = args && wrong(args)
    return fault === undefined ? [] : [`${where}: ${text}: ${fault}`]
  })
  expect(faults).toEqual([])
})

/** What may be left out where a command is only mentioned. */
const REST = [[], ['bridge.yaml'], ['SEND', '/queue/a'], ['memory'], ['/queue/a']]

/** `a|b c` is `a c` and `b c`; `[x]` may be left out, and is; from an ellipsis on nothing is said. */
function readings(args: readonly string[]): string[][] {
  const said = args.slice(0, [...args, '…'].indexOf('…')).filter((word) => !/^\[.*\]$/.test(word))
  return said.reduce<string[][]>(
    (all, word) => all.flatMap((head) => word.split('|').map((each) => [...head, each])),
    [[]],
  )
}

const isMention = ({ text }: Quote): boolean => /^(?:npx )?stomp-bridge [a-z-]|^npm start -- |^--[a-z]/.test(text)

/** Options of other programs that the pages name alone. */
const OTHERS = new Set(['--read-only'])

test.each(each)('every command and option that %s mentions exists', (_, page) => {
  const faults = page
    .code()
    .filter(isMention)
    .flatMap(({ text, where }) => {
      if (OTHERS.has(text)) return []
      const args = argumentsOf(text) ?? text.split(' ')
      const isOption = text.startsWith('--')
      return readings(args)
        .filter(
          (said) => !(isOption ? knowsOption(said) : REST.some((rest) => wrong([...said, ...rest]) === undefined)),
        )
        .map((said) => `${where}: ${said.join(' ')}`)
    })
  expect(faults).toEqual([])
})

/** Some command takes it, with a value or without. */
function knowsOption(option: readonly string[]): boolean {
  const commands = [
    ['serve'],
    ['check', 'f'],
    ['explain', 'SEND', '/a', '--user', 'ann'],
    ['explain', 'SEND', '/a'],
    ['init', 'memory'],
  ]
  return commands.some((command) => [[], ['a']].some((value) => wrong([...command, ...option, ...value]) === undefined))
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

const schema = JSON.parse(schemaText()) as Schema

/** All keys of the configuration that stand alone: `listen`, `listen.port`, … */
function keysOf({ properties = {} }: Schema, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, below]) => [prefix + name, ...keysOf(below, `${prefix}${name}.`)])
}

const keys = new Set(keysOf(schema))
const sections = [...keys].filter((key) => keysOf(schema.properties?.[key] ?? {}).length > 0)

test.each(each)('every option of the configuration that %s names exists', (_, page) => {
  const named = page.code().flatMap(({ text, where }) => {
    const [, key] = /^([a-z]+(?:\.\w+)+)(?::.*)?$/i.exec(text) ?? []
    return key !== undefined && sections.includes(key.split('.')[0]!) ? [{ key, where }] : []
  })
  expect(named.filter(({ key }) => !keys.has(key))).toEqual([])
})

test.each(each)('every environment variable that %s names exists', (path, page) => {
  const known = new Set([
    'STOMP_BRIDGE_CONFIG',
    ...[...keys].map((key) => `STOMP_BRIDGE_${key.replaceAll('.', '_').replace(/[A-Z]/g, '_$&').toUpperCase()}`),
  ])
  const text = readFileSync(join(root, page.path), 'utf8')
  const named = [...text.matchAll(/\bSTOMP_BRIDGE_[A-Z_]+/g)].map(([name]) => name)
  const ours = named.filter((name) => !/^STOMP_BRIDGE_(?:TEST|BENCH)/.test(name))
  expect(
    ours.filter((name) => !known.has(name)),
    path,
  ).toEqual([])
})

test('every request to the ops port that the pages name is answered', async () => {
  await using bridge = await startTestBridge()
  const asked = pages.flatMap(requestsOf)
  expect(asked.length).toBeGreaterThan(10)
  const faults: string[] = []
  for (const { text, where } of asked) {
    const [method, path] = text.split(' ') as [string, string]
    const response = await fetch(`${bridge.ops}${path}`, { method: 'PUT' })
    // RFC 9110 §15.5.6, 405: "The origin server MUST generate an Allow header field": what is not there says 404.
    const allowed = response.headers.get('allow')?.split(', ') ?? []
    if (!allowed.includes(method)) faults.push(`${where}: ${text}: ${response.status}`)
  }
  expect(faults).toEqual([])
})

/** `GET /api/{a,b}` is two of them; `ID` is anything. */
function requestsOf(page: Page): Quote[] {
  return page.code().flatMap(({ text, where }) => {
    const [, method = 'GET', path = ''] =
      /^(?:(GET|POST|DELETE) )?(\/(?:api\/[\w{},/-]+|livez|readyz|metrics))(?:\?\S*)?$/.exec(text) ?? []
    if (path === '' || path.endsWith('/')) return []
    const names = /\{(.*)\}/.exec(path)?.[1]?.split(',') ?? ['']
    return names.map((name) => ({ text: `${method} ${path.replace(/\{.*\}/, name).replace(/\bID$/, 'x')}`, where }))
  })
}

test.each(each)('every script of npm that %s names exists', (_, page) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...page.code(), ...page.shell()].flatMap(({ text, where }) =>
    [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script]) => ({ script: script!, where })),
  )
  expect(named.filter(({ script }) => scripts[script] === undefined)).toEqual([])
})

const README = pages.find(({ path }) => path === 'README.md')!
const TESTED = README.blocks.filter(({ language, text }) => language === 'yaml' && /^tests:/m.test(text))

test('the README has a file with tests', () => {
  expect(TESTED).toHaveLength(1)
})

test.each(TESTED.map(({ text }) => text))(
  'they come true, and what the README asks of this file is answered',
  async (yaml) => {
    const folder = mkdtempSync(join(tmpdir(), 'stomp-bridge-readme-'))
    const file = join(folder, 'bridge.yaml')
    writeFileSync(file, yaml)
    const asked = README.shell().flatMap(({ text }) => {
      const args = argumentsOf(text)
      return args !== undefined && ['check', 'explain', 'config'].includes(args[0]!) ? [args] : []
    })
    expect(asked.map(([command]) => command).sort()).toEqual(['check', 'config', 'explain'])
    for (const args of asked) {
      const host = new FakeHost({ RABBITMQ_PASSWORD: 'secret' })
      // Nobody is dialled here.
      const line = args.filter((word) => word !== '--connect').map((word) => (word === 'bridge.yaml' ? file : word))
      expect([await run(line, host), host.err]).toEqual([0, ''])
    }
    rmSync(folder, { recursive: true })
  },
)

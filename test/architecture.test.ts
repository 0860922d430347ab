/**
 * The house rules that no compiler checks: who may import whom, where libraries belong, where process-wide things may be touched, how
 * long a file may get. A regular expression over `from '…'` and `import('…')` sees types, values and lazy imports alike.
 */
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

interface Rule {
  /** Files or folders below src/ that may be imported, values and types. */
  readonly uses?: readonly string[]
  /** … only with `import type`. */
  readonly types?: readonly string[]
  /** Packages, by name. */
  readonly libraries?: readonly string[]
  /** Modules of Node; undefined = any. */
  readonly node?: readonly string[]
}

/** The first entry that a file's path below src/ begins with. Every part may import its own folder. */
const HOUSE: Readonly<Record<string, Rule>> = {
  'stomp/': { node: ['buffer'] },
  // isIP, which is pure
  'broker/address.ts': { node: ['net'] },
  'broker/': { node: [] },
  'config/errors.ts': { node: [] },
  'routing/': { uses: ['broker/'], types: ['config/errors.ts'], node: [] },
  'auth/': { uses: ['broker/'], types: ['routing/'], libraries: ['jose'], node: ['crypto'] },
  'session/': {
    uses: ['stomp/', 'broker/', 'routing/'],
    types: ['auth/', 'transports/wire.ts'],
    node: ['buffer', 'crypto'],
  },
  // nobody's, and small: what several parts need that touch files
  'watch.ts': { types: ['broker/clock.ts'], node: ['fs', 'path'] },
  'transports/': {
    uses: ['broker/address.ts', 'broker/bucket.ts', 'broker/gathered.ts', 'watch.ts'],
    types: ['broker/clock.ts'],
    libraries: ['ws'],
  },
  'adapters/http/': { uses: ['broker/'] },
  'adapters/memory/': { uses: ['broker/'], node: ['buffer', 'crypto'] },
  'adapters/mqtt/': { uses: ['broker/'], libraries: ['mqtt'] },
  'adapters/rabbitmq/': { uses: ['broker/'], libraries: ['amqplib'] },
  // the registry: one lazy import per folder
  'adapters/index.ts': { uses: ['broker/', 'adapters/'], node: [] },
  'flows/': { uses: ['broker/', 'routing/'], node: ['buffer'] },
  'config/': { uses: ['broker/'], libraries: ['convict', 'yaml'] },
  'ops/': {
    uses: ['broker/address.ts', 'broker/bucket.ts', 'broker/gathered.ts'],
    types: ['auth/context.ts', 'broker/', 'session/', 'stomp/frame.ts', 'transports/listen.ts'],
    libraries: ['pino', 'pino-pretty', 'prom-client', '@opentelemetry/api'],
  },
  'version.ts': {},
  'bridge/': {
    uses: [
      'adapters/index.ts',
      'auth/',
      'broker/',
      'config/',
      'flows/',
      'ops/',
      'routing/',
      'session/',
      'stomp/',
      'transports/',
      'version.ts',
      'watch.ts',
    ],
  },
  'commands/': {
    uses: ['bridge/', 'config/', 'routing/', 'auth/', 'adapters/index.ts', 'ops/', 'broker/', 'version.ts'],
  },
  'main.ts': { uses: ['commands/'] },
}

/** Over 300 lines, and why that is right. */
const LONG: Readonly<Record<string, string>> = {}

interface Import {
  readonly target: string
  readonly type: boolean
}

const FROM =
  /(?:^|\n)\s*(import|export)(\s+type\b)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g

function importsOf(source: string): Import[] {
  return [...withoutComments(source).matchAll(FROM)].map((found) => ({
    target: found[3] ?? found[4] ?? found[5] ?? '',
    type: found[2] !== undefined,
  }))
}

/** Whole-line comments only: a `//` inside a line may stand in a string. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** What is wrong with this import of `file` (its path below src/); undefined = allowed. */
function fault(file: string, { target, type }: Import): string | undefined {
  const [part, rule] = ruleOf(file)
  if (!target.startsWith('.')) return foreignFault(rule, target)
  if (!target.endsWith('.ts') && !target.endsWith('.json')) return 'imports name the file with its ending'
  const path = join(dirname(file), target)
  if (path.startsWith('..')) return path === '../package.json' ? undefined : 'leaves src/'
  const covers = (entry: string) => path.startsWith(entry)
  if (part.endsWith('/') && covers(part)) return undefined
  if (rule.uses?.some(covers)) return undefined
  if (rule.types?.some(covers)) return type ? undefined : 'may be imported as a type only'
  return `${part} may not import ${path}`
}

function foreignFault(rule: Rule, target: string): string | undefined {
  const name = target.replace(/^node:/, '')
  if (target.startsWith('node:')) {
    return rule.node === undefined || rule.node.includes(name) ? undefined : `node:${name} does not belong here`
  }
  if (builtinModules.includes(name)) return 'modules of Node are written with node:'
  return rule.libraries?.includes(name) ? undefined : `the library ${name} does not belong here`
}

function ruleOf(file: string): [string, Rule] {
  const part = Object.keys(HOUSE).find((entry) => file.startsWith(entry))
  if (part === undefined) throw new Error(`${file}: no rule of the house covers it`)
  return [part, HOUSE[part]!]
}

const root = join(import.meta.dirname, '..')
const sources = globSync('src/**/*.ts', { cwd: root }).map((path) => ({
  file: relative('src', path),
  text: readFileSync(join(root, path), 'utf8'),
}))
const tests = globSync('test/**/*.ts', { cwd: root }).map((path) => ({
  file: path,
  text: readFileSync(join(root, path), 'utf8'),
}))

/** `file: fault` for each file that has one. */
function faults(files: typeof sources, check: (file: string, text: string) => (string | undefined)[]): string[] {
  return files.flatMap(({ file, text }) =>
    check(file, text)
      .filter((found) => found !== undefined)
      .map((found) => `${file}: ${found}`),
  )
}

function saying(pattern: RegExp, what: string) {
  return (_: string, text: string) => [pattern.test(withoutComments(text)) ? what : undefined]
}

describe('the house', () => {
  test('imports only as the table allows', () => {
    expect(sources.length).toBeGreaterThan(20)
    expect(faults(sources, (file, text) => importsOf(text).map((each) => fault(file, each)))).toEqual([])
  })

  test('touches the process only in main.ts', () => {
    const outside = sources.filter(({ file }) => file !== 'main.ts')
    expect(
      faults(outside, saying(/\bprocess\s*\.\s*(on|once|exit|abort|kill)\s*\(/, 'process events and exits')),
    ).toEqual([])
  })

  test('keeps no state in modules', () => {
    expect(faults(sources, saying(/^(export\s+)?(let|var)\s/m, 'a module-level variable'))).toEqual([])
  })

  test('keeps files short', () => {
    const long = faults(sources, (file, text) => {
      const lines = text.split('\n').length - 1
      return [lines > 300 && LONG[file] === undefined ? `${lines} lines` : undefined]
    })
    expect(long).toEqual([])
  })

  test('opens each file with what it is for', () => {
    expect(faults(sources, (_, text) => [/^(#!.*\n)?\/\*\*/.test(text) ? undefined : 'no opening comment'])).toEqual([])
  })

  test('skips no test', () => {
    expect(
      faults(tests, saying(/\b(test|it|describe)\.(skip|only|todo|skipIf|runIf)\b/, 'a test that does not run')),
    ).toEqual([])
  })
})

describe('the table itself', () => {
  test.each([
    ['stomp/parser.ts', "import { a } from '../broker/message.ts'"],
    ['stomp/parser.ts', "import { readFile } from 'node:fs'"],
    ['broker/fanout.ts', "import type { Frame } from '../stomp/frame.ts'"],
    ['broker/fanout.ts', "import { isIP } from 'node:net'"],
    ['session/send.ts', "import { b } from '../adapters/memory/broker.ts'"],
    ['session/send.ts', "import { Wire } from '../transports/wire.ts'"],
    ['session/send.ts', "import type { Log } from '../ops/log.ts'"],
    ['session/send.ts', "import { pino } from 'pino'"],
    ['session/send.ts', "const later = await import('ws')"],
    ['session/send.ts', "export { x } from '../config/load.ts'"],
    ['session/send.ts', "import {\n  type Router,\n  router,\n} from '../bridge/index.ts'"],
    ['session/send.ts', "import '../config/load.ts'"],
    ['transports/websocket.ts', "import { encode } from '../stomp/encoder.ts'"],
    ['transports/admission.ts', "import type { Broker } from '../broker/broker.ts'"],
    ['adapters/rabbitmq/pool.ts', "import { x } from '../memory/broker.ts'"],
    ['adapters/rabbitmq/pool.ts', "import convict from 'convict'"],
    ['config/load.ts', "import type { M } from '../adapters/index.ts'"],
    ['ops/log.ts', "import { x } from '../session/observer.ts'"],
    ['main.ts', "import { bridge } from './bridge/index.ts'"],
    ['commands/serve.ts', "import { log } from 'fs'"],
    ['commands/serve.ts', "import { check } from './check'"],
    ['bridge/index.ts', "import { x } from '../../test/support/clock.ts'"],
  ])('%s refuses %s', (file, source) => {
    expect(importsOf(source).map((each) => fault(file, each))).toEqual([expect.any(String)])
  })

  test.each([
    ['session/send.ts', "import type { Wire } from '../transports/wire.ts'"],
    ['session/send.ts', "// import { pino } from 'pino'"],
    ['transports/sockjs/index.ts', "import type { Wire } from '../wire.ts'"],
    ['adapters/index.ts', "const { memory } = await import('./memory/index.ts')"],
    ['adapters/memory/broker.ts', "import { BrokerError } from '../../broker/errors.ts'"],
    ['main.ts', "import { run } from './commands/run.ts'"],
    ['transports/admission.ts', "import { TokenBucket } from '../broker/bucket.ts'"],
    ['auth/attempts.ts', "import { siteOf } from '../broker/address.ts'"],
  ])('%s allows %s', (file, source) => {
    expect(
      importsOf(source)
        .map((each) => fault(file, each))
        .filter(Boolean),
    ).toEqual([])
  })
})

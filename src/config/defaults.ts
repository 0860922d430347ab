/** config/default.yaml: every option with its default and one comment each, made from the schema and the fragments, so that it cannot lie. */
import { stringify } from 'yaml'
import type { Field, Fragment } from '../broker/schema.ts'
import { brokerFieldsOf, type RoutingFields } from './entries.ts'
import { isLeaf, type Leaf, type Tree } from './leaf.ts'
import { durationText, sizeText } from './read.ts'
import { environmentName } from './scalars.ts'
import { scalars } from './schema.ts'
import { testFields } from './tests.ts'

/** Where the comments of options begin that are comments themselves, but for longer ones. */
const COMMENT_COLUMN = 34

const HEAD = `# yaml-language-server: $schema=./schema.json
# Every option of stomp-bridge with its default. Generated from the schema; a file needs only what differs.
#
# Durations are 250ms, 10s, 5m, 1h or milliseconds; sizes 64KiB, 4MiB, 1GiB or bytes. In texts \${VAR}, \${VAR:-default} and
# \${file:/run/secrets/x} are replaced. An environment variable goes before the file, a flag before both:
# listen.websocket.path is ${environmentName(['listen', 'websocket', 'path'])}, --host is listen.host.
`

/** The text of the file. It loads, and means the same as no file. */
export function defaultYaml(
  fragments: ReadonlyMap<string, Fragment>,
  routing: RoutingFields,
  authenticators: ReadonlyMap<string, { readonly fields: readonly Field[] }>,
): string {
  const brokers = [...fragments].map(([adapter, fragment]) => brokerText(adapter, brokerFieldsOf(fragment)))
  return [
    HEAD,
    ...treeLines(scalars, ''),
    '# Who may connect: authenticators, asked in this order; the first that is shown something of its kind decides.',
    '# auth:',
    '#   chain:',
    ...[...authenticators].flatMap(([kind, { fields }]) => [
      `#     - authenticator: ${kind}`,
      ...fields.map((field) => commented(`#       ${valueText(field)}`, field.description)),
    ]),
    '',
    '# What the messages go to, by names of your own.',
    'brokers:',
    ...brokers.flat(),
    '# From destinations to places in brokers. The first match wins; no match is an ERROR.',
    'routes:',
    '  - preset: memory',
    '    broker: local',
    ...routeText(fragments, routing),
    '',
    '# What single destinations shall come to: tried by stomp-bridge check, and by nothing else.',
    '# tests:',
    '#   - send: /topic/orders.eu',
    '#     user: ann',
    '#     expect: { allowed: true, route: "/topic/{name+}", broker: local, target: topic orders.eu }',
    '#   # of every test:',
    ...testFields.flatMap((field) => [
      commented(`#     ${valueText(field)}`, field.description),
      ...(field.fields ?? []).map((below) => commented(`#       ${valueText(below)}`, below.description)),
    ]),
    '',
  ].join('\n')
}

function treeLines(tree: Tree, indent: string): string[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const gap = indent === '' ? [''] : []
    if (isLeaf(node)) return [`${indent}# ${node.doc}`, `${indent}${name}: ${leafText(node)}`, ...gap]
    return [`${indent}${name}:`, ...treeLines(node, `${indent}  `), ...gap]
  })
}

/** What is not given by default is an empty list or an empty text. */
function leafText(leaf: Leaf<unknown>): string {
  if (leaf.default !== '') return leaf.default
  return Array.isArray(leaf.read('')) ? '[]' : '""'
}

/** The memory broker is there by default; the others, and all options, stand as comments. */
function brokerText(adapter: string, fields: readonly Field[]): string[] {
  const mark = adapter === 'memory' ? '' : '# '
  return [
    `  ${mark}${adapter === 'memory' ? 'local' : `my-${adapter}`}:`,
    `  ${mark}  adapter: ${adapter}`,
    ...fields.map((field) => commented(`  #   ${valueText(field)}`, field.description)),
  ]
}

function routeText(
  fragments: ReadonlyMap<string, Fragment>,
  { common, destination, presets }: RoutingFields,
): string[] {
  const lines = (fields: readonly Field[]): string[] =>
    fields.map((field) => commented(`  #   ${valueText(field)}`, field.description))
  return [
    '  # of every route:',
    ...lines(common),
    ...[...presets].flatMap(([name, fields]) =>
      fields.length === 0 ? [] : [`  # of a route with preset: ${name}`, ...lines(fields)],
    ),
    '  # of a route with a destination:',
    ...lines(destination),
    ...[...fragments].flatMap(([adapter, { routeFields }]) => [
      `  # of a route with a destination on a ${adapter} broker:`,
      ...lines(routeFields),
    ]),
  ]
}

function valueText({ name, default: standard, unit }: Field): string {
  if (standard === undefined) return `${name}:`
  if (typeof standard !== 'number' || unit === undefined) {
    return `${name}: ${stringify(standard, { collectionStyle: 'flow' }).trim()}`
  }
  return `${name}: ${unit === 'ms' ? durationText(standard) : sizeText(standard)}`
}

function commented(text: string, comment: string): string {
  return `${text.padEnd(COMMENT_COLUMN)}  # ${comment}`
}

/**
 * What the documentation, the dashboard and the alert rules say of series, against a registry. `UPDATE=1 npx vitest run test/ops/metrics-docs.test.ts`
 * writes the table of docs/metrics.md anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { openMetrics } from './metrics.scene.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const TABLE = /(?<=<!-- series -->\n)[\s\S]*(?=<!-- \/series -->)/

test('docs/metrics.md lists every family, with its type, labels and meaning', () => {
  const rows = openMetrics().metrics.families.map(({ name, type, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${named || '–'} | ${help} |`
  })
  const table = ['| series | type | labels | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n')
  const file = 'docs/metrics.md'
  if (process.env.UPDATE === '1')
    writeFileSync(
      join(root, file),
      read(file).replace(TABLE, () => table),
    )
  expect(TABLE.exec(read(file))?.[0]).toBe(table)
})

interface Panel {
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
}

interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query?: unknown }[] }
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

const dashboard = JSON.parse(read('deploy/grafana/stomp-bridge.json')) as Dashboard
const alerts = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { name: string; rules: Rule[] }[] }
const rules = alerts.groups.flatMap((group) => group.rules)

const queries: readonly (readonly [string, string])[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.flatMap(({ name, query }) =>
    query === undefined ? [] : [[name, JSON.stringify(query)] as const],
  ),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...[...read('docs/metrics.md').matchAll(/^\| [^|]+\? \| (.*) \|$/gm)].map((row) => ['docs', row[1]!] as const),
]

describe('series that are asked for', () => {
  test('exist, with these labels', async () => {
    const { scrape, metrics } = openMetrics()
    const { families } = await scrape()
    const labels = new Map(metrics.families.map((family) => [family.name, family.labels]))
    const faults = queries.flatMap(([where, expr]) =>
      [...expr.matchAll(/\b((?:stomp_bridge|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].flatMap(
        ([, name, matchers = '']) => {
          const family = families.get(name!) ?? families.get(name!.replace(/_(bucket|sum|count)$/, ''))
          if (family === undefined) return [`${where}: there is no ${name}`]
          const known: readonly string[] = labels.get(family.name) ?? Object.keys(family.samples[0]?.labels ?? {})
          const asked = [...matchers.matchAll(/([a-z_]+)\s*[=!]/g)].map(([, label]) => label!)
          return asked
            .filter((label) => !['job', 'instance', 'le'].includes(label) && !known.includes(label))
            .map((label) => `${where}: ${name} has no ${label}`)
        },
      ),
    )
    expect(faults).toEqual([])
    expect(queries.length).toBeGreaterThan(50)
  })

  test('all of ours are on the dashboard or in a rule, but for the build', async () => {
    const all = queries.map(([, expr]) => expr).join('\n')
    const unused = openMetrics().metrics.families.filter(({ name }) => !all.includes(name))
    expect(unused.map(({ name }) => name)).toEqual([])
  })
})

describe('the dashboard', () => {
  test('has no panel over another, and none without a unit', () => {
    const cells = new Map<string, string>()
    const clashes: string[] = []
    for (const { title, gridPos } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          const other = cells.get(`${x} ${y}`)
          if (other !== undefined || x >= 24) clashes.push(`${title} over ${other}`)
          cells.set(`${x} ${y}`, title)
        }
      }
    }
    expect(clashes).toEqual([])
    const graphs = dashboard.panels.filter(({ targets }) => targets !== undefined)
    expect(graphs.filter(({ fieldConfig }) => fieldConfig?.defaults.unit === undefined)).toEqual([])
    expect(graphs.filter(({ description }) => description === undefined)).toEqual([])
  })
})

describe('alert rules', () => {
  test('say how bad it is, what has happened and what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    const bare = rules.filter(
      ({ labels, annotations }) =>
        !['critical', 'warning', 'info'].includes(labels.severity) || !annotations.summary || !annotations.description,
    )
    expect(bare).toEqual([])
  })
})

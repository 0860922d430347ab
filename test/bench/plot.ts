/**
 * The CPU time per unit of every scenario and peer as one SVG, by hand: a bar each, on a logarithmic scale, since they span four orders of
 * magnitude. The same rows make the same octets. It carries its own colours for light and dark, and shows well as an image in a README.
 */
import { digits } from './markdown.ts'
import type { Row } from './report.ts'

const WIDTH = 960
const MARGIN = 16
const BARS = { from: 160, to: 850 } as const
const BAR = 14
const TITLE = 26
const GROUP = 34
const HEAD = 76

const COLOURS: Readonly<Record<string, string>> = {
  plugin: '#e0752d',
  bridge: '#2f81f7',
  'bridge-mosquitto': '#1f9e89',
  'bridge-memory': '#8a63d2',
  'stomp-broker-js': '#c29a1b',
  floor: '#8c959f',
  'floor-corked': '#6e7781',
}
const OTHER = '#8c959f'

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.quiet { fill: #59636e; }
.title { font-weight: 600; }
.group { font-size: 16px; font-weight: 600; }
.title, .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .paper { fill: #0d1117; }
  .title, .value { stroke: #0d1117; }
  .grid { stroke: #3d444d; }
  .quiet { fill: #9198a1; }
}
`

/** Rows without a figure are left out. */
export function plot(rows: readonly Row[]): string {
  const shown = rows.filter(({ cpu }) => cpu.median > 0 && Number.isFinite(cpu.median))
  const scale = scaleOf(shown.map(({ cpu }) => cpu.median))
  const parts: string[] = []
  let y = HEAD
  for (const [group, ofGroup] of Map.groupBy(shown, ({ group }) => group)) {
    y += GROUP
    parts.push(text(MARGIN, y - 6, group, 'group'))
    for (const [scenario, ofScenario] of Map.groupBy(ofGroup, ({ scenario }) => scenario)) {
      y += TITLE
      parts.push(text(MARGIN, y - 7, `${scenario}, µs a ${ofScenario[0]!.unit}`, 'title'))
      for (const row of ofScenario) {
        parts.push(bar(row, y, scale.at(row.cpu.median)))
        y += BAR
      }
    }
  }
  return drawing(y + 2 * MARGIN, [...head(scale, y + MARGIN), ...parts])
}

interface Scale {
  /** Powers of ten, ascending. */
  readonly ticks: readonly number[]
  /** From a value to its x. */
  at(value: number): number
}

function scaleOf(values: readonly number[]): Scale {
  const least = Math.floor(Math.log10(Math.min(1, ...values)))
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(1, ...values))))
  const perDecade = (BARS.to - BARS.from) / (most - least)
  return {
    ticks: Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index)),
    at: (value) => BARS.from + (Math.log10(value) - least) * perDecade,
  }
}

function head({ ticks, at }: Scale, bottom: number): string[] {
  const lines = ticks.flatMap((tick) => {
    const x = fixed(at(tick))
    return [
      `<line class="grid" x1="${x}" y1="${HEAD}" x2="${x}" y2="${bottom}"/>`,
      text(at(tick), HEAD - 6, digits(tick), 'quiet', 'middle'),
    ]
  })
  return [
    text(MARGIN, 26, 'CPU time per unit, all servers together', 'group'),
    text(MARGIN, 46, 'µs, median of the rounds, logarithmic; shorter is better', 'quiet'),
    ...lines,
  ]
}

function bar({ peer, cpu }: Row, y: number, end: number): string {
  const colour = COLOURS[peer] ?? OTHER
  const width = fixed(Math.max(end - BARS.from, 1))
  const middle = y + BAR - 4
  return [
    text(BARS.from - 8, middle, peer, 'quiet', 'end'),
    `<rect x="${BARS.from}" y="${y + 1}" width="${width}" height="${BAR - 3}" rx="1" fill="${colour}"/>`,
    text(end + 6, middle, digits(cpu.median), 'value'),
  ].join('\n')
}

function drawing(height: number, parts: readonly string[]): string {
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="CPU time per unit by scenario and peer">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function text(x: number, y: number, content: string, style: string, anchor: 'start' | 'middle' | 'end' = 'start') {
  const place = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
  return `<text class="${style}" x="${fixed(x)}" y="${y}"${place}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const fixed = (value: number): string => String(Number(value.toFixed(1)))

/**
 * Reads what Prometheus reads, and nothing that it would not: the text format 0.0.4, as prometheus.io/docs/instrumenting/exposition_formats
 * describes it. Anything that breaks a rule throws, with the line.
 */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'
  readonly samples: readonly Sample[]
}

export interface Sample {
  /** Of a histogram's samples with its suffix. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)(?: (-?[0-9]+))?$`)
/** "label_value can be any sequence of UTF-8 characters, but the backslash, double-quote, and line feed characters have to be escaped." */
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

interface Open {
  readonly name: string
  help: string | undefined
  type: Family['type'] | undefined
  readonly samples: Sample[]
}

/** @throws Error naming the line and what is wrong with it */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('"The last line must end with a line feed character"')
  const families = new Map<string, Family>()
  let open: Open | undefined
  const close = (): void => {
    if (open === undefined) return
    const { name, help, type, samples } = open
    if (help === undefined || type === undefined) throw new Error(`${name}: HELP and TYPE are wanted of every family`)
    if (families.has(name))
      throw new Error(`${name}: "All lines for a given metric must be provided as one single group"`)
    const family = { name, help, type, samples }
    checkUnique(family)
    if (type === 'histogram') checkHistogram(family)
    families.set(name, family)
  }
  const enter = (name: string): Open => {
    if (open?.name !== name) {
      close()
      open = { name, help: undefined, type: undefined, samples: [] }
    }
    return open
  }
  for (const line of text.slice(0, -1).split('\n')) {
    try {
      if (line === '') continue
      if (line.startsWith('#')) comment(line, enter)
      else sample(line, open)
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${line}`)
    }
  }
  close()
  return families
}

function comment(line: string, enter: (name: string) => Open): void {
  const help = HELP.exec(line)
  const type = TYPE.exec(line)
  if (help === null && type === null) throw new Error('neither HELP nor TYPE')
  const open = enter((help ?? type)![1]!)
  if (open.samples.length > 0) throw new Error('HELP and TYPE come before the first sample')
  if (help !== null) {
    if (open.help !== undefined) throw new Error('a second HELP')
    open.help = unescaped(help[2]!, /\\[\\n]/g)
  } else {
    if (open.type !== undefined) throw new Error('a second TYPE')
    open.type = type![2] as Family['type']
  }
}

function sample(line: string, open: Open | undefined): void {
  const found = SAMPLE.exec(line)
  if (found === null) throw new Error('no sample')
  const [, name, labels, value] = found
  const suffixes = SUFFIXES[open?.type ?? ''] ?? ['']
  if (open === undefined || !suffixes.some((suffix) => name === open.name + suffix)) {
    throw new Error('a sample outside of its family')
  }
  open.samples.push({ name: name!, labels: labelsOf(labels), value: numberOf(value!) })
}

function labelsOf(text: string | undefined): Record<string, string> {
  const labels: Record<string, string> = Object.create(null)
  LABEL.lastIndex = 0
  for (let at = 0; text !== undefined && at < text.length; at = LABEL.lastIndex) {
    const found = LABEL.exec(text)
    if (found === null) throw new Error(`no label at ${at}`)
    const [, name, value] = found
    if (name!.startsWith('__')) throw new Error(`label ${name}: "__" is reserved`)
    if (labels[name!] !== undefined) throw new Error(`label ${name} comes twice`)
    labels[name!] = unescaped(value!, /\\["\\n]/g)
  }
  return labels
}

function unescaped(text: string, escapes: RegExp): string {
  return text.replace(escapes, (found) => (found === '\\n' ? '\n' : found.slice(1)))
}

/** "value is a float represented as required by Go's ParseFloat() function"; NaN, +Inf and -Inf are valid. */
function numberOf(text: string): number {
  const special = { NaN: Number.NaN, '+Inf': Number.POSITIVE_INFINITY, '-Inf': Number.NEGATIVE_INFINITY }[text]
  if (special !== undefined) return special
  if (!/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(text)) throw new Error(`"${text}" is no number`)
  return Number(text)
}

/** What tells two samples apart. @param without a label that is not looked at */
function keyOf({ name, labels }: Sample, without?: string): string {
  const pairs = Object.entries(labels).filter(([label]) => label !== without)
  return `${name}${JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))}`
}

/** "Each line must have a unique combination of a metric name and labels." */
function checkUnique({ name, samples }: Family): void {
  if (new Set(samples.map((each) => keyOf(each))).size < samples.length)
    throw new Error(`${name}: a sample comes twice`)
}

/** Cumulative buckets in ascending order up to `+Inf`, whose value is that of `_count`; a sum. */
function checkHistogram({ name, samples }: Family): void {
  const groups = Map.groupBy(samples, (each) => keyOf({ ...each, name }, 'le'))
  for (const [key, group] of groups) {
    const buckets = group.filter((each) => each.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => numberOf(labels.le ?? 'no le'))
    const counts = buckets.map(({ value }) => value)
    const rises = (list: readonly number[], by: (a: number, b: number) => boolean) =>
      list.every((each, index) => index === 0 || by(list[index - 1]!, each))
    const of = (suffix: string) => group.filter((each) => each.name === name + suffix)
    const isWhole =
      bounds.at(-1) === Number.POSITIVE_INFINITY &&
      rises(bounds, (a, b) => a < b) &&
      rises(counts, (a, b) => a <= b) &&
      of('_sum').length === 1 &&
      of('_count').length === 1 &&
      of('_count')[0]!.value === counts.at(-1)
    if (!isWhole) throw new Error(`${key} is no histogram`)
  }
}

/** The value of the one sample with these labels; histograms by the name with its suffix. @throws Error when there is none, or several */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  const found = (family?.samples ?? []).filter(
    (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
  )
  if (found.length !== 1) throw new Error(`${name} ${JSON.stringify(labels)}: ${found.length} samples`)
  return found[0]!.value
}

/** The parser that reads `/metrics` in other tests is as strict as the format: what it must not let pass. */
import { describe, expect, test } from 'vitest'
import { parseExposition, sampleOf } from '../support/exposition.ts'

const HEAD = '# HELP a_total What it is.\n# TYPE a_total counter\n'
const BUCKETS = '# HELP h Times.\n# TYPE h histogram\n'

describe('the exposition format', () => {
  test('is read with its escapes', () => {
    const families = parseExposition(
      `# HELP a Help \\\\ \\n.\n# TYPE a gauge\na{x="q\\"b\\\\n\\n",y="é{}"} 1e3 1700000000000\na NaN\n`,
    )
    expect(families.get('a')).toMatchObject({ help: 'Help \\ \n.', type: 'gauge' })
    expect(families.get('a')!.samples[0]).toMatchObject({ labels: { x: 'q"b\\n\n', y: 'é{}' }, value: 1_000 })
    expect(families.get('a')!.samples[1]!.value).toBeNaN()
  })

  test('knows histograms', () => {
    const text = `${BUCKETS}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 7.5\nh_count 3\n`
    expect(sampleOf(parseExposition(text), 'h_bucket', { le: '1' })).toBe(1)
  })

  test.each([
    ['no line feed at the end', `${HEAD}a_total 1`],
    ['a sample without HELP and TYPE', 'a_total 1\n'],
    ['no HELP', '# TYPE a_total counter\na_total 1\n'],
    ['a TYPE after a sample', `# HELP a x\n# TYPE a gauge\na 1\n# TYPE a gauge\n`],
    ['an unknown type', '# HELP a x\n# TYPE a meter\na 1\n'],
    ['a family in two places', `${HEAD}a_total 1\n# HELP b x\n# TYPE b gauge\nb 1\n${HEAD}a_total{x="1"} 1\n`],
    ['the same sample twice', `${HEAD}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 2\n`],
    ['a label twice', `${HEAD}a_total{x="1",x="2"} 1\n`],
    ['a reserved label', `${HEAD}a_total{__x="1"} 1\n`],
    ['a quote that is not escaped', `${HEAD}a_total{x="a"b"} 1\n`],
    ['an escape that is none', `${HEAD}a_total{x="a\\tb"} 1\n`],
    ['a line feed in a label', `${HEAD}a_total{x="a\nb"} 1\n`],
    ['a value that is none', `${HEAD}a_total one\n`],
    ['no value', `${HEAD}a_total{x="1"}\n`],
    ['buckets that fall', `${BUCKETS}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`],
    ['no last bucket', `${BUCKETS}h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n`],
    ['a count that is not the last bucket', `${BUCKETS}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`],
    ['no sum', `${BUCKETS}h_bucket{le="+Inf"} 1\nh_count 1\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow()
  })
})

/**
 * Five groups of tests. `unit` needs nothing but Node, runs first and must stay fast; the others start brokers and browsers, and wait for them
 * more than they work, so on a small machine two files of a group run at a time, one group after the other.
 */
import { defineConfig } from 'vitest/config'

const browser = ['test/interop/browser*.test.ts', 'test/interop/browser/**/*.test.ts']
const heavy = [
  { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 30_000 },
  { name: 'interop', include: ['test/{interop,ship}/**/*.test.ts'], exclude: browser, testTimeout: 30_000 },
  { name: 'browser', include: browser, testTimeout: 60_000 },
  // brokers are killed here and take ten seconds to come back
  { name: 'faults', include: ['test/faults/**/*.test.ts'], testTimeout: 120_000 },
]
const report = process.env.STOMP_BRIDGE_TEST_REPORT

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{contract,interop,ship,faults}/**'],
          // Vitest leaves one core to itself, which on two is half of them.
          maxWorkers: '100%',
          testTimeout: 10_000,
          expect: { poll: { timeout: 5_000, interval: 5 } },
        },
      },
      ...heavy.map((group, index) => ({
        test: {
          ...group,
          maxWorkers: 2,
          sequence: { groupOrder: index + 1 },
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000, interval: 5 } },
        },
      })),
    ],
  },
})

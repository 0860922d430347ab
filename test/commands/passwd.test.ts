/** Making a password's hash: from a pipe, from a terminal, and never with the password on the screen. */
import { describe, expect, test } from 'vitest'
import { matches, readHash } from '../../src/auth/users/phc.ts'
import type { Input } from '../../src/commands/command.ts'
import { EXIT } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

const typing = (keys: readonly (string | Buffer)[], isTTY: boolean) => {
  const modes: boolean[] = []
  const input: Input = {
    isTTY,
    setRawMode: (raw) => modes.push(raw),
    async *[Symbol.asyncIterator]() {
      yield* keys
    },
  }
  return { input, modes }
}

async function passwd(keys: readonly (string | Buffer)[], isTTY: boolean) {
  const host = new FakeHost()
  const { input, modes } = typing(keys, isTTY)
  host.stdin = input
  const code = await run(['passwd'], host)
  return { host, modes, code, hash: readHash(host.out.trim()) }
}

describe('from a pipe', () => {
  test.each<[string, readonly (string | Buffer)[]]>([
    ['one line', ['sésame\n']],
    ['no line break', ['sésame']],
    ['two lines: the first', ['sésame\nanother\n']],
    ['a line break of Windows', ['sésame\r\n']],
    ['a character in two parts', [Buffer.from('sésame\n').subarray(0, 2), Buffer.from('sésame\n').subarray(2)]],
  ])('%s', async (_, keys) => {
    const { code, hash, host, modes } = await passwd(keys, false)
    expect(code).toBe(EXIT.ok)
    expect(host.out).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}\n$/)
    expect(await matches('sésame', hash!)).toBe(true)
    expect(modes).toEqual([])
  })

  test.each<[string, readonly string[]]>([
    ['nothing', []],
    ['an empty line', ['\n']],
    ['far too much', Array(80).fill('x'.repeat(1000))],
  ])('%s: exit code 1', async (_, keys) => {
    const { code, host } = await passwd(keys, false)
    expect(code).toBe(EXIT.failed)
    expect(host.out).toBe('')
    expect(host.err).not.toContain('xxx')
  })
})

describe('from a terminal', () => {
  test('typed twice, edited, not shown', async () => {
    const keys = ['se', 'x', '\u007f', 'same', '\r', 'wrong', '\u0015', 'sesame\r']
    const { code, hash, host, modes } = await passwd(keys, true)
    expect(code).toBe(EXIT.ok)
    expect(await matches('sesame', hash!)).toBe(true)
    expect(host.err).not.toMatch(/same|wrong/)
    expect(modes).toEqual([true, false])
  })

  test.each([
    ['two different ones', ['sesame\r', 'semolina\r']],
    ['Ctrl-C', ['ses\u0003']],
    ['Ctrl-C at the second', ['sesame\rses\u0003']],
    ['an empty one', ['\r\r']],
  ])('%s: exit code 1, and the terminal is as before', async (_, keys) => {
    const { code, host, modes } = await passwd(keys, true)
    expect(code).toBe(EXIT.failed)
    expect(host.out).toBe('')
    expect(modes).toEqual([true, false])
  })

  test('a stop signal ends the waiting', async () => {
    const host = new FakeHost()
    const never: AsyncIterator<string> = { next: () => new Promise(() => {}) }
    host.stdin = { isTTY: true, setRawMode() {}, [Symbol.asyncIterator]: () => never }
    const code = run(['passwd'], host)
    host.stopNow()
    expect(await code).toBe(EXIT.failed)
  })
})

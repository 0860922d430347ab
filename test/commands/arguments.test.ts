/** The command line, read. */
import { describe, expect, test } from 'vitest'
import { readArguments } from '../../src/commands/arguments.ts'
import { EXIT, UsageError } from '../../src/commands/command.ts'
import { run } from '../../src/commands/run.ts'
import { FakeHost } from './host.ts'

test.each<[string, object]>([
  ['', { command: 'serve', file: undefined, flags: {} }],
  ['serve', { command: 'serve', file: undefined, flags: {} }],
  ['--config a.yaml', { command: 'serve', file: 'a.yaml', flags: {} }],
  ['-c a.yaml', { command: 'serve', file: 'a.yaml', flags: {} }],
  ['serve --config=a.yaml', { command: 'serve', file: 'a.yaml', flags: {} }],
  ['--mqtt mqtt://x', { command: 'serve', file: undefined, flags: { mqtt: 'mqtt://x' } }],
  ['--rabbitmq amqp://x serve', { command: 'serve', file: undefined, flags: { rabbitmq: 'amqp://x' } }],
  ['--host 0.0.0.0 --port 80', { command: 'serve', file: undefined, flags: { host: '0.0.0.0', port: '80' } }],
  ['--port 1 --port 2', { command: 'serve', file: undefined, flags: { port: '2' } }],
  ['check a.yaml', { command: 'check', file: 'a.yaml', flags: {} }],
  ['check --config a.yaml', { command: 'check', file: 'a.yaml', flags: {} }],
  ['healthcheck -c a.yaml', { command: 'healthcheck', file: 'a.yaml', flags: {} }],
  ['passwd', { command: 'passwd', file: undefined, flags: {} }],
  ['--help', { command: 'help', file: undefined, flags: {} }],
  ['check -h', { command: 'help', file: undefined, flags: {} }],
  ['help', { command: 'help', file: undefined, flags: {} }],
  ['-v', { command: 'version', file: undefined, flags: {} }],
])('stomp-bridge %s', (line, read) => {
  expect(readArguments(line.split(' ').filter(Boolean))).toEqual(read)
})

describe('what does not exist is refused, with a near miss', () => {
  test.each([
    ['serv', 'serve'],
    ['chekc a.yaml', 'check'],
    ['--confg a.yaml', '--config'],
    ['--prot=80', '--port'],
    ['--constructor', ''],
    ['--port', ''],
    ['--port --host x', ''],
    ['--config=', ''],
    ['--help=yes', ''],
    ['-x', ''],
    ['serve a.yaml', ''],
    ['check', ''],
    ['passwd secret', ''],
    ['check a.yaml b.yaml', ''],
  ])('stomp-bridge %s', (line, meant) => {
    const read = () => readArguments(line.split(' '))
    expect(read).toThrow(UsageError)
    expect(read).toThrow(meant === '' ? /^(?!.*did you mean)/ : `did you mean ${meant}?`)
  })

  test('a password on the command line is not repeated', async () => {
    const host = new FakeHost()
    expect(await run(['passwd', 'secret'], host)).toBe(EXIT.usage)
    expect(host.err).not.toContain('secret')
  })

  test('exit code 64, on stderr', async () => {
    const host = new FakeHost()
    expect(await run(['--confg', 'x'], host)).toBe(EXIT.usage)
    expect(host.out).toBe('')
    expect(host.err).toContain('--config')
  })
})

test('--help names every command and flag; --version says the version', async () => {
  const host = new FakeHost()
  expect(await run(['--help'], host)).toBe(EXIT.ok)
  const words = [
    'check',
    'healthcheck',
    'passwd',
    '--config',
    '--rabbitmq',
    '--mqtt',
    '--host',
    '--port',
    '--help',
    '--version',
  ]
  for (const word of words) expect(host.out).toContain(word)
  host.out = ''
  expect(await run(['--version'], host)).toBe(EXIT.ok)
  expect(host.out).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
})

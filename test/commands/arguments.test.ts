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
  ['check a.yaml --connect', { command: 'check', file: 'a.yaml', flags: {}, given: { connect: true } }],
  ['check --mqtt mqtt://x', { command: 'check', file: undefined, flags: { mqtt: 'mqtt://x' } }],
  [
    'explain -c a.yaml SEND /topic/x --user ann --role a --role b --claim k=v --origin https://x --json',
    {
      command: 'explain',
      file: 'a.yaml',
      flags: {},
      words: ['SEND', '/topic/x'],
      given: { user: 'ann', roles: ['a', 'b'], claims: ['k=v'], origin: 'https://x', json: true },
    },
  ],
  [
    'explain SUBSCRIBE /topic/x --anonymous',
    { command: 'explain', file: undefined, flags: {}, words: ['SUBSCRIBE', '/topic/x'], given: { anonymous: true } },
  ],
  ['config --port 1 --json', { command: 'config', file: undefined, flags: { port: '1' }, given: { json: true } }],
  ['schema', { command: 'schema', file: undefined, flags: {} }],
  ['init mqtt -o x', { command: 'init', file: undefined, flags: {}, words: ['mqtt'], given: { output: 'x' } }],
  ['--help', { command: 'help', file: undefined, flags: {} }],
  ['check -h', { command: 'help', file: undefined, flags: {} }],
  ['help', { command: 'help', file: undefined, flags: {} }],
  ['-v', { command: 'version', file: undefined, flags: {} }],
])('stomp-bridge %s', (line, read) => {
  expect(readArguments(line.split(' ').filter(Boolean))).toEqual({ words: [], given: {}, ...read })
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
    ['explian SEND /x', 'explain'],
    ['explain SEND', ''],
    ['explain SEND /x /y', ''],
    ['explain SEND /x --usr ann', '--user'],
    ['explain SEND /x --json=yes', ''],
    ['init', ''],
    ['serve --user ann', ''],
    ['schema --json', ''],
    ['init mqtt --config a.yaml', ''],
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

  test.each([
    ['explain SNED /topic/x', 'did you mean SEND?'],
    ['explain SEND /topic/x --role editor', '--user'],
    ['explain SEND /topic/x --user ann --anonymous', '--anonymous'],
    ['explain SEND /topic/x --user ann --claim tenant', 'name=value'],
    ['init rabitmq', 'did you mean rabbitmq?'],
  ])('stomp-bridge %s: known to its command only', async (line, word) => {
    const host = new FakeHost()
    expect(await run(line.split(' '), host)).toBe(EXIT.usage)
    expect(host.err).toContain(word)
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
    'explain',
    'config',
    'schema',
    'init',
    'healthcheck',
    'passwd',
    '--config',
    '--rabbitmq',
    '--mqtt',
    '--host',
    '--port',
    '--connect',
    '--user',
    '--role',
    '--claim',
    '--anonymous',
    '--origin',
    '--json',
    '--output',
    '--help',
    '--version',
  ]
  for (const word of words) expect(host.out).toContain(word)
  host.out = ''
  expect(await run(['--version'], host)).toBe(EXIT.ok)
  expect(host.out).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
})

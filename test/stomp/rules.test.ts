/** The table of rules.ts, cell by cell, written out from the specifications a second time. */
import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../src/stomp/errors.ts'
import type { Frame } from '../../src/stomp/frame.ts'
import { commands } from '../../src/stomp/grammar.ts'
import { check, type State } from '../../src/stomp/rules.ts'
import { type Version, versions } from '../../src/stomp/version.ts'

/** Every header that any command requires, and the receipt that the ERROR must name. */
const ALL = ['destination', 'id', 'message-id', 'subscription', 'transaction']

function frame(command: string, names: readonly string[], body = ''): Frame {
  return { command, headers: [...names, 'receipt'].flatMap((name) => [name, `${name}-1`]), body: Buffer.from(body) }
}

function verdict(frame: Frame, state: State, version: Version): string {
  try {
    check(frame, state, version)
    return 'ok'
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ProtocolError)
    expect((thrown as ProtocolError).receipt).toBe('receipt-1')
    return (thrown as ProtocolError).code
  }
}

const required: Record<string, Record<Version, readonly string[]>> = {
  CONNECT: { '1.0': [], '1.1': [], '1.2': [] },
  STOMP: { '1.0': [], '1.1': [], '1.2': [] },
  SEND: { '1.0': ['destination'], '1.1': ['destination'], '1.2': ['destination'] },
  SUBSCRIBE: { '1.0': ['destination'], '1.1': ['destination', 'id'], '1.2': ['destination', 'id'] },
  UNSUBSCRIBE: { '1.0': ['id'], '1.1': ['id'], '1.2': ['id'] },
  ACK: { '1.0': ['message-id'], '1.1': ['message-id', 'subscription'], '1.2': ['id'] },
  NACK: { '1.0': [], '1.1': ['message-id', 'subscription'], '1.2': ['id'] },
  BEGIN: { '1.0': ['transaction'], '1.1': ['transaction'], '1.2': ['transaction'] },
  COMMIT: { '1.0': ['transaction'], '1.1': ['transaction'], '1.2': ['transaction'] },
  ABORT: { '1.0': ['transaction'], '1.1': ['transaction'], '1.2': ['transaction'] },
  DISCONNECT: { '1.0': [], '1.1': [], '1.2': [] },
}

const client = Object.keys(required)
const server = ['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR']
const cells = client.flatMap((command) => versions.map((version) => ({ command, version })))
const isConnect = (command: string) => command === 'CONNECT' || command === 'STOMP'

it('every command is the client’s or the server’s', () => {
  expect([...client, ...server].sort()).toEqual([...commands].sort())
})

describe.each(cells)('$command in $version', ({ command, version }) => {
  const exists = !(command === 'NACK' && version === '1.0')
  const state: State = isConnect(command) ? 'connecting' : 'connected'
  const names = required[command]![version]

  it(exists ? 'is allowed with just the required headers' : 'does not exist', () => {
    expect(verdict(frame(command, names), state, version)).toBe(exists ? 'ok' : 'unknown-command')
    expect(verdict(frame(command, ALL), state, version)).toBe(exists ? 'ok' : 'unknown-command')
  })

  it('is refused in the other state', () => {
    const other = state === 'connected' ? 'connecting' : 'connected'
    const code = isConnect(command) ? 'already-connected' : 'not-connected'
    expect(verdict(frame(command, ALL), other, version)).toBe(code)
  })

  it.each(names)('is refused without %s', (missing) => {
    // In 1.0 a subscription without id is ended by its destination.
    const rest = ALL.filter((name) => name !== missing && !(command === 'UNSUBSCRIBE' && name === 'destination'))
    expect(verdict(frame(command, rest), state, version)).toBe('missing-header')
  })

  it('may have a body only if it is SEND, or of 1.0, which does not say', () => {
    const allowed = command === 'SEND' || version === '1.0' ? 'ok' : 'body-not-allowed'
    expect(verdict(frame(command, ALL, 'body'), state, version)).toBe(exists ? allowed : 'unknown-command')
  })
})

it('UNSUBSCRIBE of 1.0 takes a destination for an id, later versions do not', () => {
  expect(verdict(frame('UNSUBSCRIBE', ['destination']), 'connected', '1.0')).toBe('ok')
  expect(verdict(frame('UNSUBSCRIBE', ['destination']), 'connected', '1.1')).toBe('missing-header')
  expect(verdict(frame('UNSUBSCRIBE', ['destination']), 'connected', '1.2')).toBe('missing-header')
})

it.each([...server, 'FOO', 'send', '', '__proto__'])('%j is no command of clients', (command) => {
  for (const version of versions) {
    expect(verdict(frame(command, ALL), 'connecting', version)).toBe('unknown-command')
    expect(verdict(frame(command, ALL), 'connected', version)).toBe('unknown-command')
  }
})

it('a header that is there and empty is there', () => {
  const frame: Frame = { command: 'SEND', headers: ['destination', ''], body: Buffer.alloc(0) }
  expect(() => check(frame, 'connected', '1.2')).not.toThrow()
})

import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { encodeFrame, encodeMessage, HEARTBEAT, headerLine } from '../../src/stomp/encoder.ts'
import { feed, parserOf } from './reading.ts'
import { octets, utf8, vectors } from './vectors.ts'

describe('encodeFrame', () => {
  it.each(vectors)('writes $title ($version)', ({ version, bytes, command, headers, body }) => {
    expect(encodeFrame(command, headers, body, version)).toEqual(bytes)
  })

  it('announces a body, and only a body', () => {
    const body = utf8('€')
    expect(encodeFrame('ERROR', ['message', 'no'], body, '1.2')).toEqual(
      utf8('ERROR\nmessage:no\ncontent-length:3\n\n€\0'),
    )
    expect(encodeFrame('ERROR', ['message', 'no'], undefined, '1.2')).toEqual(utf8('ERROR\nmessage:no\n\n\0'))
    expect(encodeFrame('ERROR', ['message', 'no'], Buffer.alloc(0), '1.2')).toEqual(utf8('ERROR\nmessage:no\n\n\0'))
  })

  it('lets nobody else say how long the body is', () => {
    const headers = ['content-length', '1', 'a', 'b', 'content-length', '2']
    expect(encodeFrame('MESSAGE', headers, octets('xyz'), '1.2')).toEqual(
      octets('MESSAGE\na:b\ncontent-length:3\n\nxyz\0'),
    )
    expect(encodeFrame('MESSAGE', headers, undefined, '1.2')).toEqual(octets('MESSAGE\na:b\n\n\0'))
  })

  it('leaves out what has no name', () => {
    expect(encodeFrame('MESSAGE', ['', 'x', 'a', 'b'], undefined, '1.2')).toEqual(octets('MESSAGE\na:b\n\n\0'))
  })

  it.each([
    ['MESSAGE', '1.0'],
    ['CONNECTED', '1.0'],
    ['CONNECTED', '1.1'],
    ['CONNECTED', '1.2'],
  ] as const)('writes a space for what %s of %s cannot express', (command, version) => {
    const headers = ['a:b\r\nc', 'd:e\r\nf:g\n\n\0']
    expect(encodeFrame(command, headers, undefined, version)).toEqual(octets(`${command}\na b  c:d:e  f:g  \0\n\n\0`))
  })

  it.each(['1.0', '1.1', '1.2'] as const)('lets no header out of its line (%s)', (version) => {
    const hostile = 'x\n\n\0MESSAGE\ndestination:/topic/evil\r\n\r\nbody\0'
    const bytes = encodeFrame('MESSAGE', ['destination', '/topic/good', hostile, hostile], octets('body'), version)
    const frames = feed(parserOf(version), [bytes])
    expect(frames).toHaveLength(1)
    expect(frames[0]!.headers).toHaveLength(6)
    expect(frames[0]!.headers.slice(0, 2)).toEqual(['destination', '/topic/good'])
  })

  it('copies the body', () => {
    const body = Buffer.from('before')
    const bytes = encodeFrame('MESSAGE', [], body, '1.2')
    body.write('after!')
    expect(bytes.includes('before')).toBe(true)
  })
})

describe('encodeMessage', () => {
  it('puts the prefix first and the rest as encodeFrame would', () => {
    const prefix = `MESSAGE\n${headerLine('subscription', 'a:1', '1.2')}`
    const rest = ['name', 'ünïcödé\n', 'content-length', '99']
    expect(encodeMessage(prefix, rest, octets('b\0dy'), '1.2')).toEqual(
      encodeFrame('MESSAGE', ['subscription', 'a:1', ...rest], octets('b\0dy'), '1.2'),
    )
    expect(encodeMessage(prefix, [], Buffer.alloc(0), '1.2')).toEqual(octets('MESSAGE\nsubscription:a\\c1\n\n\0'))
  })
})

describe('headerLine', () => {
  it('escapes by version', () => {
    expect(headerLine('a:b', 'c:\\\r\n', '1.2')).toBe('a\\cb:c\\c\\\\\\r\\n\n')
    expect(headerLine('a:b', 'c:\\\r\n', '1.1')).toBe('a\\cb:c\\c\\\\\r\\n\n')
    expect(headerLine('a:b', 'c:\\\r\n', '1.0')).toBe('a b:c:\\  \n')
  })

  it('is nothing without a name', () => expect(headerLine('', 'value', '1.2')).toBe(''))
})

it('a heart-beat is one LF', () => expect(HEARTBEAT).toEqual(octets('\n')))

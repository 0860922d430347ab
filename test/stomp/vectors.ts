/**
 * What is on the wire and the frame it stands for. One table for parser and encoder; `\0` ends every frame. Latin-1 strings are octets,
 * one a character; `utf8` makes octets of text.
 */
import { Buffer } from 'node:buffer'
import type { ProtocolErrorCode } from '../../src/stomp/errors.ts'
import type { Version } from '../../src/stomp/version.ts'

interface Vector {
  readonly title: string
  readonly version: Version
  readonly bytes: Buffer
  readonly command: string
  readonly headers: readonly string[]
  readonly body: Buffer
}

interface Refused {
  readonly title: string
  readonly version: Version
  readonly bytes: Buffer
  readonly code: ProtocolErrorCode
  readonly receipt: string | undefined
}

export const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
export const utf8 = (text: string): Buffer => Buffer.from(text)

function vector(title: string, version: Version, bytes: Buffer, frame: [string, string[], Buffer?]): Vector {
  return { title, version, bytes, command: frame[0], headers: frame[1], body: frame[2] ?? octets('') }
}

function refused(title: string, version: Version, wire: string, code: ProtocolErrorCode, receipt?: string): Refused {
  return { title, version, bytes: octets(wire), code, receipt }
}

/** Read and written alike. */
export const vectors: readonly Vector[] = [
  vector('no headers, no body', '1.2', octets('DISCONNECT\n\n\0'), ['DISCONNECT', []]),
  vector('a header', '1.2', octets('RECEIPT\nreceipt-id:77\n\n\0'), ['RECEIPT', ['receipt-id', '77']]),
  vector('an empty value', '1.2', octets('SEND\ndestination:\n\n\0'), ['SEND', ['destination', '']]),
  vector('a body', '1.2', octets('SEND\ndestination:/queue/a\ncontent-length:5\n\nhello\0'), [
    'SEND',
    ['destination', '/queue/a', 'content-length', '5'],
    octets('hello'),
  ]),
  vector(
    'a body with NUL, LF and octets that are not UTF-8',
    '1.1',
    octets('MESSAGE\ncontent-length:4\n\n\0\n\xff\0\0'),
    ['MESSAGE', ['content-length', '4'], octets('\0\n\xff\0')],
  ),
  vector('repeated headers, in order', '1.2', octets('MESSAGE\nfoo:World\nfoo:Hello\n\n\0'), [
    'MESSAGE',
    ['foo', 'World', 'foo', 'Hello'],
  ]),
  vector('names that JavaScript objects have', '1.2', octets('SEND\n__proto__:a\nconstructor:b\n\n\0'), [
    'SEND',
    ['__proto__', 'a', 'constructor', 'b'],
  ]),
  vector('UTF-8', '1.2', utf8('SEND\nциàl:/topic/ü€😀\n\n\0'), ['SEND', ['циàl', '/topic/ü€😀']]),
  vector('a byte order mark', '1.2', utf8('SEND\nname:\ufeffvalue\n\n\0'), ['SEND', ['name', '\ufeffvalue']]),
  vector('NUL in a header', '1.2', octets('SEND\na\0b:c\0d\n\n\0'), ['SEND', ['a\0b', 'c\0d']]),
  vector('spaces belong to the value in 1.2', '1.2', octets('SEND\na:  b \n\n\0'), ['SEND', ['a', '  b ']]),
  vector('spaces belong to the value in 1.1', '1.1', octets('SEND\na:  b \n\n\0'), ['SEND', ['a', '  b ']]),

  vector('all escapes of 1.2', '1.2', octets('SEND\nk\\c\\r\\n\\\\:\\\\\\cv\\r\\n\n\n\0'), [
    'SEND',
    ['k:\r\n\\', '\\:v\r\n'],
  ]),
  vector('all escapes of 1.1; CR is an ordinary octet', '1.1', octets('SEND\nk\\c\\n\\\\:a\rb\\n\n\n\0'), [
    'SEND',
    ['k:\n\\', 'a\rb\n'],
  ]),
  vector('a backslash before an n', '1.2', octets('SEND\npath:C\\c\\\\new\n\n\0'), ['SEND', ['path', 'C:\\new']]),
  vector('1.0 has no escapes', '1.0', octets('SEND\npath:C:\\new\\t\n\n\0'), ['SEND', ['path', 'C:\\new\\t']]),
  vector('CONNECT has no escapes in 1.1', '1.1', octets('CONNECT\naccept-version:1.1\npasscode:a:b\\c\n\n\0'), [
    'CONNECT',
    ['accept-version', '1.1', 'passcode', 'a:b\\c'],
  ]),
  vector('CONNECT has no escapes in 1.2', '1.2', octets('CONNECT\naccept-version:1.2\npasscode: \\t\n\n\0'), [
    'CONNECT',
    ['accept-version', '1.2', 'passcode', ' \\t'],
  ]),
  vector('STOMP has no escapes', '1.2', octets('STOMP\naccept-version:1.2\npasscode:\\\n\n\0'), [
    'STOMP',
    ['accept-version', '1.2', 'passcode', '\\'],
  ]),
  vector('CONNECTED has no escapes', '1.2', octets('CONNECTED\nversion:1.2\nserver:a:b\\\n\n\0'), [
    'CONNECTED',
    ['version', '1.2', 'server', 'a:b\\'],
  ]),
]

/** Read, but never written like this. */
export const tolerated: readonly Vector[] = [
  ...(['1.0', '1.1', '1.2'] as const).map((version) =>
    vector(`CRLF in ${version}`, version, octets('SEND\r\na:b\r\nc:\r\n\r\nbody\r\n\0'), [
      'SEND',
      ['a', 'b', 'c', ''],
      octets('body\r\n'),
    ]),
  ),
  vector('a body without content-length', '1.2', octets('SEND\na:b\n\nhello\0'), ['SEND', ['a', 'b'], octets('hello')]),
  vector('an announced empty body', '1.2', octets('BEGIN\ncontent-length:0\n\n\0'), ['BEGIN', ['content-length', '0']]),
  vector('the first content-length counts', '1.2', octets('SEND\ncontent-length:3\ncontent-length:1\n\nabc\0'), [
    'SEND',
    ['content-length', '3', 'content-length', '1'],
    octets('abc'),
  ]),
  vector('a colon in a value', '1.2', octets('SEND\ndestination:a:b\n\n\0'), ['SEND', ['destination', 'a:b']]),
  vector('CR within a line', '1.2', octets('SEND\na:b\rc\r\r\n\n\0'), ['SEND', ['a', 'b\rc\r']]),
  vector('EOLs and NULs before a frame', '1.2', octets('\n\r\n\0\nDISCONNECT\n\n\0'), ['DISCONNECT', []]),
  vector('spaces before a value in 1.0', '1.0', octets('SEND\na:  b \nc:   \n\n\0'), ['SEND', ['a', 'b ', 'c', '']]),
  vector('spaces before content-length in 1.0', '1.0', octets('SEND\ncontent-length: 1\n\nx\0'), [
    'SEND',
    ['content-length', '1'],
    octets('x'),
  ]),
  vector('spaces in the CONNECT of a client of 1.0', '1.0', octets('CONNECT\nlogin: me\npasscode:you\n\n\0'), [
    'CONNECT',
    ['login', 'me', 'passcode', 'you'],
  ]),
]

/** Not frames. */
export const refusals: readonly Refused[] = [
  refused('an unknown command', '1.2', 'FOO\nreceipt:r\n\n\0', 'unknown-command', 'r'),
  refused('a command in small letters', '1.2', 'send\n\n\0', 'unknown-command'),
  refused('a command with a space', '1.2', 'SEND \n\n\0', 'unknown-command'),
  refused('HTTP', '1.2', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'unknown-command'),
  refused('a line that is too long for a command, as soon as it is', '1.2', 'x'.repeat(33), 'unknown-command'),
  refused('a header without colon', '1.2', 'SEND\nreceipt:r\nabc\n\n\0', 'bad-header', 'r'),
  refused('a header without colon, with one in the next line', '1.2', 'SEND\nabc\nd:e\n\n\0', 'bad-header'),
  refused('a header without name', '1.2', 'SEND\n:abc\n\n\0', 'bad-header'),
  refused('a head that is not UTF-8', '1.2', 'SEND\nreceipt:r\nname:\xff\n\n\0', 'bad-header', 'r'),
  refused('a receipt that is not UTF-8', '1.2', 'SEND\nreceipt:\xff\n\n\0', 'bad-header'),
  refused('UTF-8 cut short', '1.0', 'SEND\nname:\xe2\x82\n\n\0', 'bad-header'),
  refused('an undefined escape in 1.2', '1.2', 'SEND\nreceipt:a\\cb\nname:\\t\n\n\0', 'bad-escape', 'a:b'),
  refused('an undefined escape in 1.1', '1.1', 'SEND\nname:\\r\n\n\0', 'bad-escape'),
  refused('an undefined escape in a name', '1.2', 'SEND\nna\\me:\n\n\0', 'bad-escape'),
  refused('an undefined escape in the receipt', '1.2', 'SEND\nreceipt:\\t\n\n\0', 'bad-escape'),
  refused('an escape in capitals', '1.2', 'SEND\nname:\\N\n\n\0', 'bad-escape'),
  refused('a backslash at the end of a value', '1.2', 'SEND\nname:value\\\n\n\0', 'bad-escape'),
  refused('a backslash before the colon', '1.2', 'SEND\nname\\:value\n\n\0', 'bad-escape'),
  ...['', ' 5', '5 ', '-1', '+1', '1.0', '0x5', '1e1', 'five', '٣'].map((value) => ({
    ...refused(`content-length "${value}"`, '1.2', '', 'bad-content-length', 'r'),
    bytes: utf8(`SEND\nreceipt:r\ncontent-length:${value}\n\nhello\0`),
  })),
  refused(
    'a body longer than its content-length',
    '1.2',
    'SEND\nreceipt:r\ncontent-length:4\n\nhello\0',
    'missing-nul',
    'r',
  ),
  refused(
    'a body shorter than its content-length',
    '1.2',
    'SEND\ncontent-length:6\n\nhello\0SEND\n\n\0',
    'missing-nul',
  ),
  refused('a content-length of 400 digits', '1.2', `SEND\ncontent-length:${'9'.repeat(400)}\n\n`, 'frame-too-large'),
]

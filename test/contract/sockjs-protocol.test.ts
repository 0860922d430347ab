/**
 * The public tests of sockjs-protocol 0.3.3, by their names, against its four services: `echo`, `close`, `disabled_websocket_echo` and
 * `cookie_needed_echo`. Here each answers under the same path on a listener of its own.
 *
 * Not among them, because they ask for what is not served: WebsocketHixie76 and version 7 of WebSocket (test_haproxy, test_firefox_602_…), which
 * browsers gave up in 2011; HtmlFile and JsonPolling, which are 404 (see below).
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/broker/clock.ts'
import type { Wire } from '../../src/transports/wire.ts'
import { type Answer, type Ask, ask, begin, Stream, serve } from './sockjs.scene.ts'
import type { Notes } from './transport.harness.ts'
import { closing } from './websocket.scene.ts'

const anywhere = { origins: ['test', 'null'], limits: {} }
/** "Test server should gc streaming session after 4096 bytes were sent". */
const STREAM_BYTES = 4096

function echo(wire: Wire, notes: Notes): void {
  notes.data = (chunk) => {
    wire.write(wire.framing.pack(chunk))
    wire.flush()
  }
}

const echoService = async () => (await serve({ streamBytes: STREAM_BYTES }, anywhere, systemClock, echo)).url
const closeService = async () => (await serve({}, anywhere, systemClock, (wire) => wire.close(3000, 'Go away!'))).url
const noWebsocket = async () => (await serve({ websocket: false }, anywhere, systemClock, echo)).url
const cookieNeeded = async () => (await serve({ sticky: true }, anywhere, systemClock, echo)).url

const get = (url: string, of: Ask = {}): Promise<Answer> => ask(url, { method: 'GET', ...of })
const post = (url: string, body = '', headers = {}): Promise<Answer> => ask(url, { body, headers })
const sessionAt = (url: string): string => `${url}/000/${randomUUID()}`

function isType({ headers }: Answer, type: string): void {
  expect(headers['content-type']?.replaceAll(' ', '')).toBe(type)
}

function isNotCached({ headers }: Answer): void {
  expect(headers['cache-control']).toBe('no-store, no-cache, must-revalidate, max-age=0')
  expect(headers.expires).toBeUndefined()
  expect(headers['last-modified']).toBeUndefined()
}

function isCached({ headers }: Answer): void {
  expect(headers['cache-control']).toMatch(/public/)
  expect(headers['cache-control']).toMatch(/max-age=[1-9][0-9]{6}/)
  expect(headers.expires).toBeDefined()
}

function isShared({ headers }: Answer, origin?: string): void {
  const named = origin === undefined || origin === 'null' ? '*' : origin
  expect(headers['access-control-allow-origin']).toBe(named)
  expect(headers['access-control-allow-credentials']).toBe('true')
}

async function answersOptions(url: string, methods: string): Promise<void> {
  for (const origin of [undefined, 'test', 'null']) {
    const answer = await ask(url, { method: 'OPTIONS', headers: origin === undefined ? {} : { Origin: origin } })
    expect([answer.status, answer.body]).toEqual([204, ''])
    isCached(answer)
    expect(Number(answer.headers['access-control-max-age'])).toBeGreaterThan(1_000_000)
    expect(answer.headers['access-control-allow-methods']).toBe(methods)
    isShared(answer, origin)
  }
}

async function socketAt(url: string): Promise<{ client: WebSocket; next: () => Promise<string> }> {
  const client = new WebSocket(url.replace('http', 'ws'))
  onTestFinished(() => client.terminate())
  const heard: string[] = []
  client.on('message', (data: Buffer) => heard.push(data.toString()))
  client.on('error', () => {})
  return {
    client,
    async next() {
      await expect.poll(() => heard.length).toBeGreaterThan(0)
      return heard.shift()!
    },
  }
}

describe('BaseUrlGreeting', () => {
  test('test_greeting', async () => {
    const url = await echoService()
    for (const each of [url, `${url}/`]) {
      const answer = await get(each)
      expect([answer.status, answer.body]).toEqual([200, 'Welcome to SockJS!\n'])
      isType(answer, 'text/plain;charset=UTF-8')
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
  })

  test('test_notFound', async () => {
    const url = await echoService()
    for (const suffix of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a/']) {
      expect((await get(url + suffix)).status).toBe(404)
    }
  })
})

describe('IframePage', () => {
  const PAGE =
    /^<!DOCTYPE html>\n<html>\n<head>\n {2}<meta http-equiv="X-UA-Compatible" content="IE=edge" \/>\n {2}<meta http-equiv="Content-Type" content="text\/html; charset=UTF-8" \/>\n {2}<script>\n {4}document.domain = document.domain;\n {4}_sockjs_onload = function\(\){SockJS.bootstrap_iframe\(\);};\n {2}<\/script>\n {2}<script src="([^"]*)"><\/script>\n<\/head>\n<body>\n {2}<h2>Don't panic!<\/h2>\n {2}<p>This is a SockJS hidden iframe. It's used for cross domain magic.<\/p>\n<\/body>\n<\/html>$/

  test.each([
    ['test_simpleUrl', ['/iframe.html']],
    [
      'test_versionedUrl',
      ['/iframe-a.html', '/iframe-.html', '/iframe-0.1.2.html', '/iframe-0.1.2abc-dirty.2144.html'],
    ],
    [
      'test_queriedUrl',
      ['/iframe-a.html?t=1234', '/iframe-0.1.2.html?t=123414', '/iframe-0.1.2abc-dirty.2144.html?t=qweqweq123'],
    ],
  ])('%s', async (_, suffixes) => {
    const url = await echoService()
    for (const suffix of suffixes) {
      const answer = await get(url + suffix)
      expect(answer.status).toBe(200)
      isType(answer, 'text/html;charset=UTF-8')
      isCached(answer)
      expect(answer.headers.etag).toBeDefined()
      expect(answer.headers['last-modified']).toBeUndefined()
      expect(answer.headers['set-cookie']).toBeUndefined()
      expect(PAGE.exec(answer.body.trim())?.[1]).toBe('/sockjs.js')
    }
  })

  test('test_invalidUrl', async () => {
    const url = await echoService()
    const suffixes = [
      '/iframe.htm',
      '/iframe',
      '/IFRAME.HTML',
      '/IFRAME',
      '/iframe.HTML',
      '/iframe.xml',
      '/iframe-/.html',
    ]
    for (const suffix of suffixes) expect((await get(url + suffix)).status).toBe(404)
  })

  test('test_cacheability', async () => {
    const url = `${await echoService()}/iframe.html`
    const { etag } = (await get(url)).headers
    expect((await get(url)).headers.etag).toBe(etag)
    const again = await get(url, { headers: { 'If-None-Match': etag! } })
    expect([again.status, again.body, again.headers['content-type']]).toEqual([304, '', undefined])
  })
})

describe('InfoTest', () => {
  test('test_basic', async () => {
    const answer = await get(`${await echoService()}/info`)
    expect(answer.status).toBe(200)
    isType(answer, 'application/json;charset=UTF-8')
    expect(answer.headers['set-cookie']).toBeUndefined()
    isNotCached(answer)
    isShared(answer)
    expect(JSON.parse(answer.body)).toEqual({
      websocket: true,
      cookie_needed: expect.any(Boolean),
      origins: ['*:*'],
      entropy: expect.any(Number),
    })
  })

  test('test_entropy', async () => {
    const url = `${await echoService()}/info`
    const entropy = async (): Promise<number> => JSON.parse((await get(url)).body).entropy
    expect(await entropy()).not.toBe(await entropy())
  })

  test('test_options, test_options_null_origin', async () => {
    await answersOptions(`${await echoService()}/info`, 'OPTIONS, GET')
  })

  test('test_disabled_websocket', async () => {
    expect(JSON.parse((await get(`${await noWebsocket()}/info`)).body).websocket).toBe(false)
  })
})

describe('SessionURLs', () => {
  test('test_anyValue', async () => {
    const url = await echoService()
    for (const part of ['/a/a', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20']) {
      expect(await post(`${url}${part}/xhr`)).toMatchObject({ status: 200, body: 'o\n' })
    }
  })

  test('test_invalidPaths', async () => {
    const url = await echoService()
    for (const suffix of ['//', '/a./a', '/a/a.', '/./.', '/', '///']) {
      expect((await get(`${url}${suffix}/xhr`)).status).toBe(404)
      expect((await post(`${url}${suffix}/xhr`)).status).toBe(404)
    }
  })

  test('test_ignoringServerId', async () => {
    const url = await echoService()
    const id = randomUUID()
    expect((await post(`${url}/000/${id}/xhr`)).body).toBe('o\n')
    expect(await post(`${url}/000/${id}/xhr_send`, '["a"]')).toMatchObject({ status: 204, body: '' })
    expect((await post(`${url}/999/${id}/xhr`)).body).toBe('a["a"]\n')
  })
})

describe('Protocol', () => {
  test('test_simpleSession', async () => {
    const url = await echoService()
    const at = sessionAt(url)
    expect(await post(`${at}/xhr`)).toMatchObject({ status: 200, body: 'o\n' })
    expect(await post(`${at}/xhr_send`, '["a"]')).toMatchObject({ status: 204, body: '' })
    expect(await post(`${at}/xhr`)).toMatchObject({ status: 200, body: 'a["a"]\n' })
    expect((await post(`${url}/000/bad_session/xhr_send`, '["a"]')).status).toBe(404)
    const first = post(`${at}/xhr`)
    const second = await post(`${at}/xhr`)
    expect(second).toMatchObject({ status: 200, body: 'c[2010,"Another connection still open"]\n' })
    await post(`${at}/xhr_send`, '["b"]')
    expect((await first).body).toBe('a["b"]\n')
  })

  test('test_closeSession', async () => {
    const at = sessionAt(await closeService())
    expect((await post(`${at}/xhr`)).body).toBe('o\n')
    for (let time = 0; time < 3; time++) {
      expect(await post(`${at}/xhr`)).toMatchObject({ status: 200, body: 'c[3000,"Go away!"]\n' })
    }
  })
})

describe('WebsocketHttpErrors', () => {
  test('test_httpMethod', async () => {
    const answer = await get(`${await echoService()}/0/0/websocket`)
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('Can "Upgrade" only to "WebSocket".')
  })

  test('test_invalidConnectionHeader', async () => {
    const headers = { Upgrade: 'WebSocket', Connection: 'close' }
    const answer = await get(`${await echoService()}/0/0/websocket`, { headers })
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('"Connection" must be "Upgrade".')
  })

  test('test_invalidMethod', async () => {
    const url = `${await echoService()}/0/0/websocket`
    for (const headers of [{ Upgrade: 'WebSocket', Connection: 'Upgrade' }, {}]) {
      const answer = await post(url, '', headers)
      expect([answer.status, answer.body, answer.headers['content-type']]).toEqual([405, '', undefined])
      expect(answer.headers.allow).toBe('GET')
    }
  })
})

describe('WebsocketHybi10', () => {
  test('test_transport, test_empty_frame', async () => {
    const { client, next } = await socketAt(`${sessionAt(await echoService())}/websocket`)
    expect(await next()).toBe('o')
    client.send('')
    client.send('["a"]')
    expect(await next()).toBe('a["a"]')
    client.send('"b"')
    expect(await next()).toBe('a["b"]')
  })

  test('test_close', async () => {
    const { client, next } = await socketAt(`${sessionAt(await closeService())}/websocket`)
    const closed = closing(client)
    expect(await next()).toBe('o')
    expect(await next()).toBe('c[3000,"Go away!"]')
    expect(await closed).toEqual({ code: 3000, reason: 'Go away!' })
  })

  test('test_reuseSessionId', async () => {
    const at = `${sessionAt(await echoService())}/websocket`
    const [one, two] = [await socketAt(at), await socketAt(at)]
    for (const { client, next } of [one, two]) {
      expect(await next()).toBe('o')
      client.send('["a"]')
      expect(await next()).toBe('a["a"]')
      client.close()
    }
    expect(await (await socketAt(at)).next()).toBe('o')
  })

  test.each(['8', '13'])('test_headersSanity, version %s', async (version) => {
    const url = new URL(`${sessionAt(await echoService())}/websocket`)
    const socket = connect(Number(url.port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const lines = [
      `GET ${url.pathname} HTTP/1.1`,
      'Host: localhost',
      'Upgrade: websocket',
      'Connection: keep-alive, Upgrade',
      `Sec-WebSocket-Version: ${version}`,
      'Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==',
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 101 /)
    expect(String(answer)).toMatch(/sec-websocket-accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=/i)
    expect(String(answer)).not.toMatch(/content-length/i)
  })

  test.each(['["a', '{}', '[1]', '1'])('test_broken_json: %s', async (text) => {
    const { client, next } = await socketAt(`${sessionAt(await echoService())}/websocket`)
    const closed = closing(client)
    expect(await next()).toBe('o')
    client.send(text)
    expect((await closed).code).toBe(1002)
  })
})

describe('XhrPolling', () => {
  test('test_options', async () => {
    const url = await echoService()
    for (const suffix of ['/xhr', '/xhr_send']) await answersOptions(`${url}/abc/abc${suffix}`, 'OPTIONS, POST')
  })

  test('test_transport', async () => {
    const at = sessionAt(await echoService())
    const opened = await post(`${at}/xhr`)
    expect(opened).toMatchObject({ status: 200, body: 'o\n' })
    isType(opened, 'application/javascript;charset=UTF-8')
    isShared(opened)
    isNotCached(opened)
    const sent = await post(`${at}/xhr_send`, '["x"]')
    expect(sent).toMatchObject({ status: 204, body: '' })
    isType(sent, 'text/plain;charset=UTF-8')
    isShared(sent)
    isNotCached(sent)
    expect(await post(`${at}/xhr`)).toMatchObject({ status: 200, body: 'a["x"]\n' })
  })

  test('test_invalid_session', async () => {
    expect((await post(`${sessionAt(await echoService())}/xhr_send`, '["x"]')).status).toBe(404)
  })

  test('test_invalid_json', async () => {
    const at = sessionAt(await echoService())
    await post(`${at}/xhr`)
    const broken = await post(`${at}/xhr_send`, '["x')
    expect([broken.status, broken.body]).toEqual([500, expect.stringContaining('Broken JSON encoding.')])
    const empty = await post(`${at}/xhr_send`, '')
    expect([empty.status, empty.body]).toEqual([500, expect.stringContaining('Payload expected.')])
    expect(await post(`${at}/xhr_send`, '["a"]')).toMatchObject({ status: 204, body: '' })
    expect((await post(`${at}/xhr`)).body).toBe('a["a"]\n')
  })

  test('test_content_types', async () => {
    const at = sessionAt(await echoService())
    await post(`${at}/xhr`)
    const types = ['text/plain', 'T', 'application/json', 'application/xml', '', 'application/json; charset=utf-8']
    for (const type of [...types, 'text/xml; charset=utf-8', 'text/xml']) {
      expect(await post(`${at}/xhr_send`, '["a"]', { 'Content-Type': type })).toMatchObject({ status: 204, body: '' })
    }
    expect((await post(`${at}/xhr`)).body).toBe(`a[${Array(8).fill('"a"').join(',')}]\n`)
  })

  test('test_request_headers_cors', async () => {
    const url = await echoService()
    const cases = [
      [{ 'Access-Control-Request-Headers': 'a, b, c' }, 'a, b, c'],
      [{ 'Access-Control-Request-Headers': '' }, undefined],
      [{}, undefined],
    ] as const
    for (const [headers, allowed] of cases) {
      const answer = await post(`${sessionAt(url)}/xhr`, '', headers)
      expect(answer.status).toBe(200)
      isShared(answer)
      expect(answer.headers['access-control-allow-headers']).toBe(allowed)
    }
  })
})

describe('XhrStreaming', () => {
  test('test_options', async () => {
    await answersOptions(`${await echoService()}/abc/abc/xhr_streaming`, 'OPTIONS, POST')
  })

  test('test_transport', async () => {
    const at = sessionAt(await echoService())
    const response = await begin(`${at}/xhr_streaming`)
    const stream = new Stream(response)
    const answer = { status: response.statusCode ?? 0, headers: response.headers, body: '' }
    expect(answer.status).toBe(200)
    isType(answer, 'application/javascript;charset=UTF-8')
    isShared(answer)
    isNotCached(answer)
    expect(await stream.read()).toBe(`${'h'.repeat(2048)}\n`)
    expect(await stream.read()).toBe('o\n')
    expect(await post(`${at}/xhr_send`, '["x"]')).toMatchObject({ status: 204, body: '' })
    expect(await stream.read()).toBe('a["x"]\n')
  })

  test('test_response_limit', async () => {
    const at = sessionAt(await echoService())
    const stream = await Stream.open(`${at}/xhr_streaming`)
    await stream.read()
    await stream.read()
    const message = `"${'x'.repeat(128)}"`
    for (let count = 0; count < 31; count++) {
      expect((await post(`${at}/xhr_send`, `[${message}]`)).status).toBe(204)
      expect(await stream.read()).toBe(`a[${message}]\n`)
    }
    expect(await stream.read()).toBe('')
  })
})

describe('EventSource', () => {
  test('test_transport', async () => {
    const at = sessionAt(await echoService())
    const response = await begin(`${at}/eventsource`, { method: 'GET' })
    const stream = new Stream(response)
    const answer = { status: response.statusCode ?? 0, headers: response.headers, body: '' }
    expect(answer.status).toBe(200)
    isType(answer, 'text/event-stream;charset=UTF-8')
    isNotCached(answer)
    expect(await stream.read('\r\n')).toBe('\r\n')
    expect(await stream.read('\r\n\r\n')).toBe('data: o\r\n\r\n')
    await post(`${at}/xhr_send`, '["x"]')
    expect(await stream.read('\r\n\r\n')).toBe('data: a["x"]\r\n\r\n')
    await post(`${at}/xhr_send`, '["  \\u0000\\n\\r "]')
    expect(await stream.read('\r\n\r\n')).toBe('data: a["  \\u0000\\n\\r "]\r\n\r\n')
  })

  test('test_response_limit', async () => {
    const at = sessionAt(await echoService())
    const stream = await Stream.open(`${at}/eventsource`, { method: 'GET' })
    await stream.read('\r\n')
    await stream.read('\r\n\r\n')
    const message = `"${'x'.repeat(4096)}"`
    await post(`${at}/xhr_send`, `[${message}]`)
    expect(await stream.read('\r\n\r\n')).toBe(`data: a[${message}]\r\n\r\n`)
    expect(await stream.read('\r\n\r\n')).toBe('')
  })
})

test.each(['htmlfile?c=callback', 'jsonp?c=callback', 'jsonp_send'])('%s is not here', async (transport) => {
  const at = sessionAt(await echoService())
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    expect((await ask(`${at}/${transport}`, { method })).status).toBe(404)
  }
})

describe('JsessionidCookie', () => {
  const first = ({ headers }: Pick<Answer, 'headers'>): string[] =>
    headers['set-cookie']![0]!.split(';').map((part) => part.trim())

  test('test_basic', async () => {
    const answer = await get(`${await cookieNeeded()}/info`)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(JSON.parse(answer.body).cookie_needed).toBe(true)
  })

  test('test_xhr', async () => {
    const url = await cookieNeeded()
    expect(first(await post(`${sessionAt(url)}/xhr`))).toEqual(['JSESSIONID=dummy', 'Path=/'])
    const headers = { Cookie: 'JSESSIONID=abcdef' }
    expect(first(await post(`${sessionAt(url)}/xhr`, '', headers))).toEqual(['JSESSIONID=abcdef', 'Path=/'])
  })

  test('test_xhr_streaming, test_eventsource', async () => {
    const url = await cookieNeeded()
    for (const [kind, method] of [['xhr_streaming', 'POST'] as const, ['eventsource', 'GET'] as const]) {
      expect(first(await begin(`${sessionAt(url)}/${kind}`, { method }))).toEqual(['JSESSIONID=dummy', 'Path=/'])
    }
  })
})

describe('RawWebsocket', () => {
  test('test_transport', async () => {
    const { client, next } = await socketAt(`${await echoService()}/websocket`)
    await once(client, 'open')
    client.send('Hello world!\uffff')
    expect(await next()).toBe('Hello world!\uffff')
  })

  test('test_close', async () => {
    const { client } = await socketAt(`${await closeService()}/websocket`)
    expect((await closing(client)).code).toBe(3000)
  })
})

describe('JSONEncoding', () => {
  const units = (from: number, pattern: RegExp): string[] =>
    Array.from({ length: 65_536 - from }, (_, index) => String.fromCharCode(from + index)).filter((unit) =>
      pattern.test(unit),
    )
  const escapes = (all: string[]): string =>
    all.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')

  test('test_xhr_server_encodes', async () => {
    const at = sessionAt(await echoService())
    await post(`${at}/xhr`)
    const all = units(255, /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/)
    expect((await post(`${at}/xhr_send`, `["${all.join('')}"]`)).status).toBe(204)
    expect((await post(`${at}/xhr`)).body).toBe(`a["${escapes(all)}"]\n`)
  })

  test('test_xhr_server_decodes', async () => {
    const at = sessionAt(await echoService())
    await post(`${at}/xhr`)
    // All that there are, not only those that sockjs-client escapes.
    const all = units(0, /[^\ud800-\udfff]/)
    expect((await post(`${at}/xhr_send`, `["${escapes(all)}"]`)).status).toBe(204)
    expect(JSON.parse((await post(`${at}/xhr`)).body.slice(1))).toEqual([all.join('')])
  })
})

describe('HandlingClose', () => {
  test('test_close_frame', async () => {
    const at = sessionAt(await closeService())
    const one = await Stream.open(`${at}/xhr_streaming`)
    await one.read()
    expect(await one.read()).toBe('o\n')
    expect(await one.read()).toBe('c[3000,"Go away!"]\n')
    const two = await Stream.open(`${at}/xhr_streaming`)
    await two.read()
    expect(await two.read()).toBe('c[3000,"Go away!"]\n')
    expect([await one.read(), await two.read()]).toEqual(['', ''])
  })

  test('test_close_request, test_abort_xhr_streaming', async () => {
    const at = sessionAt(await echoService())
    const one = await Stream.open(`${at}/xhr_streaming`)
    await one.read()
    expect(await one.read()).toBe('o\n')
    const two = await Stream.open(`${at}/xhr_streaming`)
    await two.read()
    expect(await two.read()).toBe('c[2010,"Another connection still open"]\n')
    expect(await two.read()).toBe('')
    one.abort()
    await expect.poll(async () => (await post(`${at}/xhr`)).body).toBe('c[1002,"Connection interrupted"]\n')
  })

  test('test_abort_xhr_polling', async () => {
    const at = sessionAt(await echoService())
    await post(`${at}/xhr`)
    const socket = connect(Number(new URL(at).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST ${new URL(at).pathname}/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`)
    await expect.poll(async () => (await post(`${at}/xhr_send`, '[]')).status).toBe(204)
    await expect.poll(async () => (await post(`${at}/xhr`)).body).toBe('c[2010,"Another connection still open"]\n')
    socket.destroy()
    await expect.poll(async () => (await post(`${at}/xhr`)).body).toBe('c[1002,"Connection interrupted"]\n')
  })
})

describe('Http10, Http11', () => {
  const say = async (url: string, method: string, version: string): Promise<string> => {
    const { port, pathname } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      `${method} ${pathname} HTTP/${version}\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    )
    return Buffer.concat(await socket.toArray()).toString()
  }

  test.each(['1.0', '1.1'])('test_synchronous, %s', async (version) => {
    const answer = await say(await echoService(), 'GET', version)
    expect(answer).toMatch(/content-length: 19/i)
    expect(answer).not.toMatch(/transfer-encoding/i)
    expect(answer).toMatch(/\r\n\r\nWelcome to SockJS!\n$/)
  })

  test.each([
    ['1.0', (frame: string) => frame],
    ['1.1', (frame: string) => `${frame.length.toString(16)}\r\n${frame}\r\n`],
  ])('test_streaming, %s', async (version, chunk) => {
    const answer = await say(`${sessionAt(await closeService())}/xhr_streaming`, 'POST', version)
    expect(/transfer-encoding: chunked/i.test(answer)).toBe(version === '1.1')
    expect(answer).not.toMatch(/content-length/i)
    const frames = [`${'h'.repeat(2048)}\n`, 'o\n', 'c[3000,"Go away!"]\n']
    expect(answer).toContain(frames.map(chunk).join(''))
  })
})

/** Who may come in through SockJS, and whose a session is. 127.0.0.2 and 127.0.0.3 are addresses of this machine too. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { makeAuthority } from '../support/certificates.ts'
import { type Ask, ask, begin, Stream, serve, session } from './sockjs.scene.ts'
import { upgrade } from './websocket.scene.ts'

const PATHS: readonly (readonly [string, string])[] = [
  ['GET', ''],
  ['GET', '/info'],
  ['OPTIONS', '/info'],
  ['GET', '/iframe.html'],
  ['POST', '/0/s/xhr'],
  ['POST', '/0/s/xhr_streaming'],
  ['GET', '/0/s/eventsource'],
  ['POST', '/0/s/xhr_send'],
  ['OPTIONS', '/0/s/xhr_send'],
]

describe('origins', () => {
  test.each(PATHS)('%s %s: a page of a foreign origin is refused', async (method, path) => {
    const { url, wires, refusals } = await serve()
    for (const headers of [{ Origin: 'https://evil.test' }, { Host: 'evil.test' }] as Ask['headers'][]) {
      const answer = await ask(url + path, { method, headers: headers! })
      expect(answer.status).toBe(403)
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
    expect(wires).toEqual([])
    expect(refusals.map(({ reason }) => reason)).toEqual(['origin', 'host'])
  })

  test.each(['/websocket', '/0/s/websocket'])('%s: no more is an upgrade', async (path) => {
    const { url } = await serve()
    const address = url.replace('http', 'ws')
    expect((await upgrade(address, { Origin: 'https://evil.test' }, path)).status).toBe(403)
    expect((await upgrade(address, { Origin: 'http://localhost:3000' }, path)).status).toBe(101)
    expect((await upgrade(address, {}, '/0/s/elsewhere')).status).toBe(404)
  })

  test('a welcome one may read the answers, and show its cookies', async () => {
    const { url } = await serve({}, { origins: ['https://app.example'] })
    const { headers, status } = await ask(`${url}/info`, { method: 'GET', headers: { Origin: 'https://app.example' } })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
  })

  test('where an Origin must be shown, a GET of the same origin shows it in another way', async () => {
    const { url, wires } = await serve({}, { missingOrigin: false })
    const own = new URL(url).origin
    const status = async (headers: Record<string, string>, path = '/info'): Promise<number | undefined> => {
      const response = await begin(url + path, { method: 'GET', headers })
      return response.statusCode
    }
    expect(await status({})).toBe(403)
    expect(await status({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
    expect(await status({ Referer: 'https://evil.test/page' })).toBe(403)
    expect(await status({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200)
    expect(await status({ Referer: `${own}/page` })).toBe(200)
    expect(await status({}, '/0/s/eventsource')).toBe(403)
    expect(wires).toEqual([])
    expect(await status({ Referer: `${own}/page` }, '/0/s/eventsource')).toBe(200)
    expect((await ask(`${url}/0/t/xhr`, { headers: { Referer: `${own}/page` } })).status).toBe(403)
  })

  test('the page for frames may be in those of welcome pages only', async () => {
    const { url } = await serve({}, { origins: ['https://app.example', 'https://*.example.org', 'null'] })
    const { headers } = await ask(`${url}/iframe.html`, { method: 'GET' })
    const policy = String(headers['content-security-policy'])
    expect(policy).toMatch(
      /^frame-ancestors 'self' .*http:\/\/localhost:\*.* https:\/\/app.example https:\/\/\*.example.org$/,
    )
    const exposed = await serve({}, { host: '0.0.0.0' })
    const answer = await ask(`http://127.0.0.1:${exposed.port}/sockjs/iframe.html`, { method: 'GET' })
    expect(answer.headers['content-security-policy']).toBe("frame-ancestors 'self'")
    const none = await serve({ clientUrl: '' })
    expect((await ask(`${none.url}/iframe.html`, { method: 'GET' })).status).toBe(404)
  })
})

describe('whose a session is', () => {
  const cookieOf = (set: string[] | undefined): string => set!.find((each) => each.startsWith('stomp-'))!.split(';')[0]!

  async function browser(url: string, of: Ask = {}): Promise<{ at: string; cookie: string }> {
    const at = `${url}/0/${Math.random().toString(36).slice(2)}`
    const { headers } = await ask(`${at}/xhr`, of)
    return { at, cookie: cookieOf(headers['set-cookie']) }
  }

  test('another address finds nothing under its id, but for the browser that began it', async () => {
    const { url, notes, wires } = await serve()
    const { at, cookie } = await browser(url)
    const body = '["hello"]'
    const elsewhere = { localAddress: '127.0.0.2' }
    expect((await ask(`${at}/xhr_send`, { body, ...elsewhere })).status).toBe(404)
    expect((await ask(`${at}/xhr`, elsewhere)).status).toBe(404)
    const forged = { Cookie: `stomp-bridge-sockjs=${'A'.repeat(24)}` }
    expect((await ask(`${at}/xhr_send`, { body, ...elsewhere, headers: forged })).status).toBe(404)
    expect(notes[0]!.chunks).toEqual([])
    expect((await ask(`${at}/xhr_send`, { body, ...elsewhere, headers: { Cookie: cookie } })).status).toBe(204)
    expect((await ask(`${at}/xhr_send`, { body })).status).toBe(204)
    expect(wires).toHaveLength(1)
  })

  test('nor does the page of another origin, whatever it shows', async () => {
    const { url } = await serve({}, { origins: ['https://app.example', 'https://other.example'] })
    const { at, cookie } = await browser(url, { headers: { Origin: 'https://app.example' } })
    const as = (Origin: string) => ask(`${at}/xhr_send`, { body: '["hello"]', headers: { Origin, Cookie: cookie } })
    expect((await as('https://other.example')).status).toBe(404)
    expect((await as('https://app.example')).status).toBe(204)
  })

  test('two tabs that begin at once share the cookie that was set last', async () => {
    const { url } = await serve()
    const one = await browser(url)
    const two = await browser(url)
    const headers = { Cookie: two.cookie }
    const body = '[]'
    expect((await ask(`${one.at}/xhr_send`, { body, headers })).status).toBe(204)
    // From now on wherever it comes from.
    expect((await ask(`${one.at}/xhr_send`, { body, headers, localAddress: '127.0.0.2' })).status).toBe(204)
    const third = await ask(`${url}/0/third/xhr`, { headers })
    expect(third.headers['set-cookie']).toBeUndefined()
  })

  test('where nothing need be sticky, a load balancer is given no cookie, and the client is told so', async () => {
    const { url } = await serve({ sticky: false })
    expect(JSON.parse((await ask(`${url}/info`, { method: 'GET' })).body)).toMatchObject({ cookie_needed: false })
    const { headers } = await ask(`${url}/0/s/xhr`, { headers: { Cookie: 'JSESSIONID=abcdef' } })
    expect(headers['set-cookie']).toEqual([expect.stringMatching(/^stomp-bridge-sockjs=/)])
  })

  test('behind a proxy the address is that of its client, and cookies need TLS if that is known', async () => {
    const proxied = { trustedProxies: ['127.0.0.2'], hosts: ['bridge.example'] }
    const { url, wires } = await serve({ sticky: true }, proxied)
    const via = (client: string, more = {}): Ask => ({
      localAddress: '127.0.0.2',
      headers: {
        'X-Forwarded-For': client,
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'bridge.example',
        ...more,
      },
    })
    const at = `${url}/0/s`
    const { headers } = await ask(`${at}/xhr`, via('2001:db8::1', { Origin: 'https://bridge.example' }))
    expect(headers['set-cookie']).toEqual([
      'JSESSIONID=dummy; Path=/; Secure; SameSite=None',
      expect.stringMatching(/^stomp-bridge-sockjs=[\w-]{24}; Path=\/; HttpOnly; Secure; SameSite=None$/),
    ])
    expect(wires[0]!.handshake).toMatchObject({ remote: '2001:db8::1', origin: 'https://bridge.example' })
    const from = async (client: string) => (await ask(`${at}/xhr_send`, { body: '[]', ...via(client) })).status
    expect(await from('2001:db8::2')).toBe(204)
    expect(await from('2001:db8:0:1::2')).toBe(404)
  })
})

describe('limits', () => {
  test('a session is one connection, however many requests it makes', async () => {
    const { url, connections, refusals } = await serve({}, { limits: { connections: 2 } })
    const at = await session(url)
    const stream = await Stream.open(`${url}/0/stream/xhr_streaming`)
    for (let count = 0; count < 5; count++) expect((await ask(`${at}/xhr_send`, { body: '[]' })).status).toBe(204)
    expect(connections()).toBe(2)
    const refused = await ask(`${url}/0/third/xhr`, { headers: { Origin: 'http://localhost:1' } })
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.headers['access-control-allow-origin']).toBe('http://localhost:1')
    expect((await upgrade(url.replace('http', 'ws'), {}, '/0/s/websocket')).status).toBe(503)
    expect((await ask(`${url}/info`, { method: 'GET' })).status).toBe(200)
    expect(refusals[0]!.reason).toBe('connections')
    stream.abort()
    await expect.poll(connections).toBe(1)
    expect((await ask(`${url}/0/third/xhr`)).status).toBe(200)
  })

  test('of one address', async () => {
    const { url } = await serve({}, { limits: { connectionsPerIp: 1 } })
    await session(url)
    expect((await ask(`${url}/0/second/xhr`)).status).toBe(429)
    expect((await ask(`${url}/0/second/xhr`, { localAddress: '127.0.0.2' })).status).toBe(200)
  })

  test('whoever waits for a message is not on the doorstep; whoever waits for nothing is', async () => {
    const { url, port } = await serve({}, { limits: { handshakes: 2 } })
    const stream = await Stream.open(`${url}/0/s/xhr_streaming`)
    const idle = connect(port, '127.0.0.1')
    const gone = once(idle, 'close')
    idle.on('error', () => {})
    idle.write('GET /sockjs HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(idle, 'data')
    for (let count = 0; count < 3; count++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      onTestFinished(() => void socket.destroy())
      await once(socket, 'connect')
    }
    await gone
    await stream.read()
    expect(await stream.read()).toBe('o\n')
    await ask(`${url}/0/s/xhr_send`, { body: '[]' })
    expect(stream.response.destroyed).toBe(false)
  })

  test('an id is not too long', async () => {
    const { url } = await serve()
    expect((await ask(`${url}/0/${'x'.repeat(256)}/xhr`)).status).toBe(200)
    expect((await ask(`${url}/0/${'x'.repeat(257)}/xhr`)).status).toBe(404)
  })
})

test('draining: no new session, and clients are told before they try; who is there goes on', async () => {
  const { url, notes, stopAccepting } = await serve()
  const at = await session(url)
  stopAccepting()
  const info = await ask(`${url}/info`, { method: 'GET' })
  expect([info.status, info.headers['access-control-allow-credentials']]).toEqual([503, 'true'])
  for (const kind of ['xhr', 'xhr_streaming']) expect((await ask(`${url}/0/new/${kind}`)).status).toBe(503)
  expect((await ask(`${url}/0/new/eventsource`, { method: 'GET' })).status).toBe(503)
  for (const path of ['/websocket', '/0/new/websocket']) {
    expect((await upgrade(url.replace('http', 'ws'), {}, path)).status).toBe(503)
  }
  expect((await ask(`${at}/xhr_send`, { body: '["still here"]' })).status).toBe(204)
  expect(notes.map(({ bytes }) => bytes.toString())).toEqual(['still here'])
})

test('it is empty when the last session has had its goodbye, by whichever request', async () => {
  const { url, wires, stopAccepting, whenEmpty } = await serve()
  const at = await session(url)
  stopAccepting()
  let isEmpty = false
  const empty = whenEmpty().then(() => {
    isEmpty = true
  })
  wires[0]!.close(1001, 'going away')
  expect((await ask(`${at}/xhr_send`, { body: '["too late"]' })).status).toBe(204)
  expect(isEmpty).toBe(false)
  expect((await ask(`${at}/xhr`)).body).toBe('c[1001,"going away"]\n')
  await empty
})

test('without WebSockets there are none', async () => {
  const { url } = await serve({ websocket: false })
  for (const path of ['/websocket', '/0/s/websocket']) {
    expect((await upgrade(url.replace('http', 'ws'), {}, path)).status).toBe(404)
    expect((await ask(url + path, { method: 'GET' })).status).toBe(404)
  }
})

test('all of it goes over TLS', async () => {
  using authority = makeAuthority()
  const { cert, key, ca } = authority.issue('bridge')
  const folder = mkdtempSync(join(tmpdir(), 'sockjs-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const tls = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), minVersion: 'TLSv1.2' as const }
  writeFileSync(tls.cert, cert)
  writeFileSync(tls.key, key)
  const { port, wires, connections } = await serve({}, { tls })
  const at = `127.0.0.1:${port}/sockjs/0/s`
  const asked = request(`https://${at}/xhr_streaming`, { method: 'POST', ca, agent: false })
  onTestFinished(() => void asked.destroy())
  asked.on('error', () => {})
  asked.end()
  const [response] = await once(asked, 'response')
  expect(String(response.headers['set-cookie'])).toMatch(/; Secure; SameSite=None$/)
  const [first] = await once(response, 'data')
  expect(String(first)).toMatch(/^h+\n/)
  wires[0]!.write(wires[0]!.framing.pack(Buffer.from('over TLS')))
  wires[0]!.flush()
  const heard: string[] = []
  response.on('data', (chunk: Buffer) => heard.push(String(chunk)))
  await expect.poll(() => heard.join('')).toMatch(/a\["over TLS"\]\n$/)
  await expect.poll(() => wires[0]!.buffered).toBe(0)
  const client = new WebSocket(`wss://${at}/websocket`, { ca })
  client.on('error', () => {})
  expect(String((await once(client, 'message'))[0])).toBe('o')
  asked.destroy()
  client.terminate()
  await expect.poll(connections).toBe(0)
})

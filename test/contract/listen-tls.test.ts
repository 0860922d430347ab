/** The listener with TLS: real handshakes, and certificates that are renewed while clients are connected. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/broker/clock.ts'
import { listen } from '../../src/transports/listen.ts'
import { tlsFault } from '../../src/transports/tls.ts'
import { type Authority, type Issued, makeAuthority } from '../support/certificates.ts'
import { FakeClock } from '../support/clock.ts'
import { listening, serve, unobserved } from './websocket.scene.ts'

const DAY_MS = 86_400_000
let authority: Authority
let first: Issued
let second: Issued

beforeAll(() => {
  authority = makeAuthority()
  first = authority.issue('first')
  second = authority.issue('second')
})
afterAll(() => authority[Symbol.dispose]())

/** Files of a pair, in a folder of their own. */
function filesOf({ cert, key }: Issued) {
  const folder = mkdtempSync(join(tmpdir(), 'listen-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  writeFileSync(paths.cert, cert)
  writeFileSync(paths.key, key)
  return { folder, tls: { ...paths, minVersion: 'TLSv1.2' as const } }
}

async function handshake(port: number, maxVersion: SecureVersion = 'TLSv1.3'): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: authority.ca, maxVersion })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Whose certificate a new client is shown. */
async function shown(port: number): Promise<string> {
  const socket = await handshake(port)
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

async function visitor(address: string): Promise<WebSocket> {
  const client = new WebSocket(`${address}/ws`, { ca: authority.ca })
  onTestFinished(() => client.terminate())
  client.on('error', () => {})
  await once(client, 'open')
  return client
}

describe('wss', () => {
  test('a client and its session speak, and the listener counts them', async () => {
    const { address, sessions, notes, connections, handshakes } = await serve({}, { tls: filesOf(first).tls })
    expect(address).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/)
    const client = await visitor(address)
    client.send('hello')
    await expect.poll(() => notes[0]?.bytes.toString()).toBe('hello')
    const [wire] = sessions
    const answer = once(client, 'message')
    for (const text of ['one', 'two']) wire!.write(wire!.framing.pack(Buffer.from(text)))
    wire!.flush()
    expect(String((await answer)[0])).toBe('one')
    await expect.poll(() => wire!.buffered).toBe(0)
    expect([wire!.handshake.remote, connections(), handshakes()]).toEqual(['127.0.0.1', 1, 0])
    client.terminate()
    await expect.poll(connections).toBe(0)
  })

  test('a handshake that does not come to its end is on the doorstep, and is cut', async () => {
    const limits = { handshakes: 2, handshakeTimeoutMs: 200 }
    const { port, counts, handshakes } = await serve({}, { tls: filesOf(first).tls, limits })
    for (let count = 0; count < 4; count++) {
      const socket = connectTcp(port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      await once(socket, 'connect')
    }
    await expect.poll(() => counts.handshakes).toBe(2)
    await expect.poll(handshakes).toBe(0)
    expect(counts.handshakeTimeout).toBe(2)
  })

  test('plain HTTP and old TLS are refused, and counted', async () => {
    const { tls } = filesOf(first)
    const { port, counts, refusals } = await serve({}, { tls: { ...tls, minVersion: 'TLSv1.3' } })
    const plain = connectTcp(port, '127.0.0.1')
    plain.on('error', () => {})
    plain.resume()
    plain.write('GET /ws HTTP/1.1\r\n\r\n')
    await once(plain, 'close')
    await expect(handshake(port, 'TLSv1.2')).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_SSL/) })
    await handshake(port)
    await expect.poll(() => counts.tls).toBe(2)
    expect(refusals).toMatchObject([{ reason: 'tls', remote: '127.0.0.1' }])
  })
})

describe('a certificate is renewed', () => {
  test('files written anew: newcomers see the new one, nobody is disconnected', async () => {
    const { tls } = filesOf(first)
    const { address, port, notes, certificates } = await serve({}, { tls })
    const client = await visitor(address)
    expect(await shown(port)).toBe('first')
    writeFileSync(tls.cert, second.cert)
    writeFileSync(tls.key, second.key)
    await expect.poll(() => shown(port)).toBe('second')
    expect(certificates.at(-1)).toMatchObject({ state: 'renewed' })
    client.send('still here')
    await expect.poll(() => notes[0]?.bytes.toString()).toBe('still here')
  })

  test('the link ..data of a Kubernetes volume turns to another folder', async () => {
    const { folder } = filesOf(first)
    const volume = (name: string, { cert, key }: Issued): void => {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'tls.crt'), cert)
      writeFileSync(join(folder, name, 'tls.key'), key)
      symlinkSync(name, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    volume('..2026_01', first)
    const paths = { cert: join(folder, 'mounted.crt'), key: join(folder, 'mounted.key') }
    symlinkSync('..data/tls.crt', paths.cert)
    symlinkSync('..data/tls.key', paths.key)
    const { port } = await serve({}, { tls: { ...paths, minVersion: 'TLSv1.2' } })
    expect(await shown(port)).toBe('first')
    volume('..2026_02', second)
    await expect.poll(() => shown(port)).toBe('second')
  })

  test('where no watch sees it: within a minute', async () => {
    const clock = new FakeClock(Date.now())
    const { folder, tls } = filesOf(first)
    const elsewhere = filesOf(first)
    symlinkSync(elsewhere.tls.cert, join(folder, 'link.crt'))
    symlinkSync(elsewhere.tls.key, join(folder, 'link.key'))
    const links = { ...tls, cert: join(folder, 'link.crt'), key: join(folder, 'link.key') }
    const { port } = await serve({}, { tls: links }, clock)
    writeFileSync(elsewhere.tls.cert, second.cert)
    writeFileSync(elsewhere.tls.key, second.key)
    expect(await shown(port)).toBe('first')
    clock.advance(60_000)
    expect(await shown(port)).toBe('second')
  })

  test('a pair that does not fit, or is gone, changes nothing, and is told once', async () => {
    const clock = new FakeClock(Date.now())
    const { tls } = filesOf(first)
    const { port, certificates } = await serve({}, { tls }, clock)
    writeFileSync(tls.cert, second.cert)
    clock.advance(180_000)
    expect(await shown(port)).toBe('first')
    expect(certificates).toMatchObject([{ state: 'broken', cause: { name: 'TlsFault', field: 'key' } }])
    rmSync(tls.cert)
    clock.advance(180_000)
    expect(await shown(port)).toBe('first')
    expect(certificates).toMatchObject([{}, { state: 'broken', cause: { field: 'cert' } }])
    writeFileSync(tls.cert, second.cert)
    writeFileSync(tls.key, second.key)
    clock.advance(60_000)
    expect(await shown(port)).toBe('second')
    expect(certificates.at(-1)).toMatchObject({ state: 'renewed' })
  })

  test('one that ends within two weeks is told every day', async () => {
    // Half a day off, so that no tick falls on the very end of the two weeks.
    const clock = new FakeClock(Date.now() + DAY_MS / 2)
    const { certificates } = await serve({}, { tls: filesOf(authority.issue('short', undefined, 20)).tls }, clock)
    clock.advance(5 * DAY_MS)
    expect(certificates).toEqual([])
    clock.advance(3 * DAY_MS)
    expect(certificates.map(({ state }) => state)).toEqual(['expiring', 'expiring', 'expiring'])
  })
})

describe('a pair that cannot be used', () => {
  test.each<[what: string, field: 'cert' | 'key', of: (tls: { cert: string; key: string }) => object]>([
    ['no key', 'key', () => ({ key: '' })],
    ['no certificate', 'cert', () => ({ cert: '' })],
    ['a file that is not there', 'cert', () => ({ cert: '/nowhere/tls.crt' })],
    ['a folder', 'key', () => ({ key: '/tmp' })],
    ['a key for a certificate', 'cert', ({ key }) => ({ cert: key })],
    ['a certificate for a key', 'key', ({ cert }) => ({ key: cert })],
    ['the key of another', 'key', () => ({ key: filesOf(second).tls.key })],
  ])('%s: nothing is bound, and the fault says where', async (_, field, of) => {
    const { tls } = filesOf(first)
    const bad = { ...tls, ...of(tls) }
    expect(tlsFault(bad)).toMatchObject({ name: 'TlsFault', field })
    await expect(listen({ ...listening, tls: bad }, {}, unobserved, systemClock)).rejects.toMatchObject({ field })
  })

  test('a good one has no fault', () => {
    expect(tlsFault(filesOf(first).tls)).toBeUndefined()
  })
})

/**
 * A thousand wrong passwords over real sockets, from another address than the users': 127.0.0.2 is this machine too. Each check of a password is
 * a scrypt, so what is bounded here is how many of them there are; that answers for unknown logins cost the same is seen in test/auth.
 */
import { scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { MEMORY } from '../support/bridge.ts'
import { Client } from './driver.ts'
import { answerTo } from './login.ts'
import { type BridgeProcess, spawnBridge } from './process.ts'

const GUESSER = '127.0.0.2'
const GUESSES = 1_000
const USERS = ['ann', 'bob', 'cid']

const passwordOf = (user: string): string => `${user} has chosen a good one`

/** As `stomp-bridge passwd` makes it, but an eighth of the work: some 30 ms. */
function hashOf(password: string): string {
  const salt = Buffer.from('sixteen octets !')
  const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')
  const hash = scryptSync(password, salt, 32, { N: 2 ** 13, r: 8, p: 1 })
  return `$scrypt$ln=13,r=8,p=1$${unpadded(salt)}$${unpadded(hash)}`
}

async function start(): Promise<BridgeProcess> {
  const users = USERS.map((user) => `${user}: { password: "${hashOf(passwordOf(user))}" }`)
  return await spawnBridge(`${MEMORY}\nauth: { chain: [{ authenticator: users, users: { ${users.join(', ')} } }] }`)
}

/** The upgrade only, from the other address. */
async function guesser(bridge: BridgeProcess): Promise<WebSocket> {
  const ws = new WebSocket(bridge.url, ['v12.stomp'], { localAddress: GUESSER })
  onTestFinished(() => ws.terminate())
  await once(ws, 'open')
  return ws
}

/** CONNECT; the code of the ERROR that answers. */
async function guess(ws: WebSocket, login: string, passcode: string): Promise<string> {
  const gone = once(ws, 'close')
  ws.send(`CONNECT\naccept-version:1.2\nhost:/\nlogin:${login}\npasscode:${passcode}\n\n\0`)
  const [frame] = await once(ws, 'message')
  await gone
  return /\nbridge-code:(.+)\n/.exec(String(frame))?.[1] ?? String(frame)
}

test('1,000 wrong passwords at once: some sixty are looked at, and whoever has a right one comes in meanwhile', async () => {
  await using bridge = await start()
  const knocking = await Promise.all(Array.from({ length: GUESSES }, () => guesser(bridge)))
  const late = await guesser(bridge)
  // Half of them are for logins that nobody has.
  const guesses = knocking.map((ws, at) =>
    guess(ws, at % 2 === 0 ? USERS[at % 3]! : `nobody-${at % 50}`, `guess ${at}`),
  )
  const guessing = Promise.all(guesses)
  const users = [...USERS, ...USERS].map((login) => ({ login, passcode: passwordOf(login) }))
  const answers = await Promise.all(users.map((user) => answerTo(Client.connect(bridge.url, user))))
  expect(answers).toEqual(users.map(() => 'connected'))

  const codes = await guessing
  expect([...new Set(codes)].sort()).toEqual(['login-refused', 'too-many-attempts'])
  // `failuresPerAddress` is 60 a minute; the bucket refills while they come.
  expect(codes.filter((code) => code === 'login-refused').length).toBeLessThan(90)
  // From there not even a right one is tried now.
  expect(await guess(late, 'ann', passwordOf('ann'))).toBe('too-many-attempts')
})

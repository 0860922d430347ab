/**
 * The log of a whole run at its most talkative: every way to log in, with right and wrong secrets, at two bridges; then a look for each of the
 * secrets that were used, and for a line about each refusal.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { hashOf } from '../../../src/auth/users/phc.ts'
import { startTestBridge, type TestBridge } from '../../support/bridge.ts'
import { until } from '../../support/until.ts'
import { Client } from '../driver.ts'
import { answerTo, jwt, KEY, tokenFor } from '../login.ts'
import { fresh, inFrontOf, type Place } from '../place.ts'

const ORIGIN = 'https://app.example.com'
const SERVICE = { login: 'service', passcode: 'hush-service account' }
const RABBIT_USER = { login: 'rita', passcode: 'hush-rita' }
const TICKET = 'hush-ticket'

/** What was used; none of it may be in a log. */
class Secrets {
  readonly #used = new Set<string>()

  use<S extends string>(...secrets: readonly S[]): S {
    for (const secret of secrets) this.#used.add(secret)
    return secrets[0]!
  }

  async token(...[user, claims]: Parameters<typeof tokenFor>): Promise<string> {
    return this.use(await tokenFor(user, claims))
  }

  /** As it is, in parts, or in the forms that URLs and Basic authentication give it. */
  leaksIn(log: string): string[] {
    return [...this.#used].filter((secret) => {
      const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), JSON.stringify(secret)]
      // A token is as good as told by its signature.
      return [...forms, secret.split('.').at(-1)!].some((form) => log.includes(form))
    })
  }
}

/** Decides about tickets; says yes to one. */
async function ticketOffice(): Promise<{ url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    const { headers } = JSON.parse((await request.toArray()).join(''))
    response.statusCode = headers['x-ticket'] === TICKET ? 200 : 401
    response.end(JSON.stringify({ user: 'tim' }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/?key=hush-office`, close }
}

function linesOf(bridge: TestBridge): Record<string, unknown>[] {
  const lines = bridge.log().split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

const refusals = (bridge: TestBridge): Record<string, unknown>[] =>
  linesOf(bridge).filter(({ msg }) => msg === 'refused')

export function secrets(place: Place): void {
  test('no secret is in the log of bridges that log in by tokens, passwords and tickets', async () => {
    const rabbit = place()
    const secrets = new Secrets()
    await rabbit.addUser(SERVICE.login, secrets.use(SERVICE.passcode))
    const office = await ticketOffice()
    const hash = secrets.use(await hashOf(secrets.use('hush-ulla')))
    const chain = [
      jwt('from: [authorization, auth-token, "cookie:session", upgrade, "query:ticket"]'),
      `{ authenticator: http, url: "${office.url}", headers: [x-ticket], cache: 0s, onError: deny }`,
      `{ authenticator: users, users: { ulla: { password: "${hash}" } } }`,
    ]
    secrets.use(KEY, 'hush-office', TICKET, 'hush-wrong')
    const account = `${SERVICE.login}:${encodeURIComponent(SERVICE.passcode)}@`
    const rest = `auth: { chain: [${chain.join(', ')}] }\nlisten: { origins: ["${ORIGIN}"], missingOrigin: allow }`
    await using bridge = await startTestBridge(inFrontOf(rabbit.bareUrl.replace('//', `//${account}`), { rest }))

    const [good, forged, expired] = [
      await secrets.token('ann'),
      await secrets.token('ann', { key: 'a key that nobody but the forger has' }),
      await secrets.token('ann', { lifeMs: -1_000 }),
    ]
    const by = {
      authorization: (token: string) => Client.connect(bridge.url, { Authorization: `Bearer ${token}` }),
      'auth-token': (token: string) => Client.connect(bridge.url, { 'auth-token': token }),
      cookie: (token: string) => Client.connect(bridge.url, {}, '1.2', { Cookie: `session=${token}`, Origin: ORIGIN }),
      upgrade: (token: string) => Client.connect(bridge.url, {}, '1.2', { Authorization: `Bearer ${token}` }),
      query: (token: string) => Client.connect(`${bridge.url}?ticket=${token}`),
      ticket: (ticket: string) => Client.connect(bridge.url, { 'x-ticket': ticket }),
      password: (passcode: string) => Client.connect(bridge.url, { login: 'ulla', passcode }),
    }
    const tokenWays = [by.authorization, by['auth-token'], by.cookie, by.upgrade, by.query]
    for (const way of tokenWays) {
      expect([await answerTo(way(good)), await answerTo(way(forged)), await answerTo(way(expired))]).toEqual([
        'connected',
        'login-refused',
        'token-expired',
      ])
    }
    for (const [way, right] of [
      [by.ticket, TICKET],
      [by.password, 'hush-ulla'],
    ] as const) {
      expect([await answerTo(way(right)), await answerTo(way('hush-wrong'))]).toEqual(['connected', 'login-refused'])
    }
    expect(await answerTo(Client.connect(bridge.url))).toBe('login-required')
    // Wrong places: the secrets of one kind shown as another's, at a page that may not connect, on the way to nowhere.
    expect(await answerTo(Client.connect(bridge.url, { login: good, passcode: forged }))).toBe('login-refused')
    const strayed = Client.open(bridge.url, '1.2', {
      Cookie: `session=${good}`,
      Origin: `https://evil.test/?token=${good}`,
    })
    await expect(strayed).rejects.toThrow('403')
    await expect(Client.open(`${bridge.url}/${good}?ticket=${good}`)).rejects.toThrow('404')
    office.close()
    expect(await answerTo(by.ticket(TICKET))).toBe('auth-unavailable')

    // While it works: a token that is renewed, secrets among the headers of a SEND, and something that is refused.
    await using ann = await by.authorization(good)
    await ann.do('SEND', { destination: '/bridge/token' }, await secrets.token('ann'))
    const headers = { Authorization: `Bearer ${good}`, passcode: 'hush-ulla', expiration: 'never' }
    await ann.ask('SEND', { destination: `/queue/${fresh('secret')}`, ...headers })
    await ann.ask('SUBSCRIBE', { id: 's', destination: '/exchange/amq.direct/a' })
    await ann.ask('SEND', { destination: '/bridge/token' }, await secrets.token('eve'))
    await ann.gone()
    await until('the end is told', () => linesOf(bridge).some(({ msg, code }) => msg === 'closed' && code === 4401))

    expect(secrets.leaksIn(bridge.log())).toEqual([])
    expect(linesOf(bridge).filter(({ level }) => level === 'error')).toEqual([])
    const codes = refusals(bridge).map(({ code }) => code)
    const count = (code: string): number => codes.filter((each) => each === code).length
    expect([count('login-refused'), count('token-expired')]).toEqual([tokenWays.length + 4, tokenWays.length])
    expect([count('login-required'), count('auth-unavailable')]).toEqual([1, 1])
    expect(refusals(bridge).every(({ remote, session }) => remote === '127.0.0.1' && session !== undefined)).toBe(true)
    expect(refusals(bridge)).toContainEqual(
      expect.objectContaining({ user: 'ann', code: 'forbidden', route: '/exchange/{exchange}/{key}' }),
    )
  })

  test('nor in that of bridges whose logins RabbitMQ decides about', async () => {
    const rabbit = place()
    const secrets = new Secrets()
    await rabbit.addUser(RABBIT_USER.login, secrets.use(RABBIT_USER.passcode), [
      '^own-.*',
      '^own-.*|amq.default',
      '^own-.*',
    ])
    const wrongAccount = rabbit.bareUrl.replace('//', `//${SERVICE.login}:${secrets.use('hush-wrong')}@`)
    await using locked = await startTestBridge(inFrontOf(wrongAccount))
    await until('it is told', () => locked.log().includes('"state":"down"'))
    expect(secrets.leaksIn(locked.log())).toEqual([])

    await using bridge = await startTestBridge(inFrontOf(rabbit.bareUrl))
    const wrong = Client.connect(bridge.url, { login: RABBIT_USER.login, passcode: 'hush-wrong' })
    expect(await answerTo(wrong)).toBe('login-refused')
    await using rita = await Client.connect(bridge.url, RABBIT_USER)
    await rita.ask('SUBSCRIBE', { id: 's', destination: '/queue/others', ack: 'auto' })
    await rita.ask('SEND', { destination: '/exchange/amq.fanout', ...RABBIT_USER })
    expect(refusals(bridge).map(({ user, code, route, remote }) => ({ user, code, route, remote }))).toEqual([
      { code: 'login-refused', user: 'rita', remote: '127.0.0.1', route: undefined },
      { code: 'forbidden', user: 'rita', remote: '127.0.0.1', route: '/queue/{name}' },
      { code: 'forbidden', user: 'rita', remote: '127.0.0.1', route: '/exchange/{exchange}' },
    ])
    expect(secrets.leaksIn(bridge.log())).toEqual([])
  })
}

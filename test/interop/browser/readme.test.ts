/**
 * The README's first five minutes, walked by somebody who has never seen it: its command, its page and the buttons it names, its JavaScript pasted
 * into the console of the page that it names. Three things are not as written. Ports come from the environment and are put into the texts, since
 * nothing here may listen on a fixed one; `npm ci` has been run; the CDN's answers come from node_modules, and nothing leaves this machine.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { root, Page as Text } from '../../docs/pages.ts'
import { until } from '../../support/until.ts'
import { House } from './house.ts'

const readme = new Text('README.md')
const STOMPJS = new URL('.', import.meta.resolve('@stomp/stompjs'))

/** The ports of a bridge that nobody has told anything, as the README has them. */
const STANDARD = { websocket: '15674', ops: '15680' }

/** `npm start`, and what it prints. Its process group is what a terminal's Ctrl-C reaches. */
class Start implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #hasEnded = false
  printed = ''

  constructor(command: string) {
    const ports = { STOMP_BRIDGE_LISTEN_PORT: '0', STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_LOG_FORMAT: 'pretty' }
    const { PATH, HOME } = process.env
    this.#child = spawn(command, {
      cwd: root,
      env: { PATH, HOME, ...ports },
      shell: true,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const output of [this.#child.stdout!, this.#child.stderr!]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.printed += text
      })
    }
    this.#exit = once(this.#child, 'close').finally(() => {
      this.#hasEnded = true
    })
  }

  /** The whole start-up page has been printed. */
  async toldWhereToGo(): Promise<void> {
    await until('the start-up page', () => /^ {2}Ctrl-C /m.test(this.printed), 30_000)
  }

  /** A text of the README, about this bridge. */
  here(text: string): string {
    return text
      .replaceAll(STANDARD.websocket, this.#port(/browsers +ws:\/\/127\.0\.0\.1:(\d+)/))
      .replaceAll(STANDARD.ops, this.#port(/try it +http:\/\/127\.0\.0\.1:(\d+)\//))
  }

  #port(pattern: RegExp): string {
    const [, port] = pattern.exec(this.printed) ?? []
    if (port === undefined) throw new Error(`nothing of ${pattern} in: ${this.printed}`)
    return port
  }

  async pressCtrlC(): Promise<void> {
    if (!this.#hasEnded) process.kill(-this.#child.pid!, 'SIGINT')
    await this.#exit
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pressCtrlC()
  }
}

/** The one that a heading's section has of its kind. */
function only<T>(all: readonly T[], what: string): T {
  if (all.length !== 1) throw new Error(`the README has ${all.length} of: ${what}`)
  return all[0]!
}

const [start = ''] = readme.shell().map(({ text }) => text.replace('npm ci && ', ''))
const script = only(
  readme.blocks.filter(({ language }) => language === 'js'),
  'JavaScript',
).text

/** The section as it is written, without the blocks. */
async function section(heading: string): Promise<string> {
  const text = await readFile(`${root}README.md`, 'utf8')
  const [, after = ''] = text.split(`\n## ${heading}\n`)
  return (after.split('\n## ')[0] ?? '').replace(/```.*?```/gs, '')
}

const started = new AsyncDisposableStack()
let house: House

beforeAll(async () => {
  house = started.use(await House.open())
})

afterAll(() => started.disposeAsync())

/** What a console does with a text: `await` and names of its own at the top level. */
async function paste(page: Page, text: string): Promise<void> {
  const console = await page.context().newCDPSession(page)
  const { exceptionDetails } = await console.send('Runtime.evaluate', {
    expression: text,
    replMode: true,
    awaitPromise: true,
  })
  expect(exceptionDetails).toBeUndefined()
}

/** Only this machine, and the CDN out of node_modules. */
async function online(): Promise<Page> {
  const page = await house.page()
  await page.route(/^https?:\/\/(?!127\.0\.0\.1[:/]|localhost[:/])/, (route) => route.abort())
  await page.route('https://esm.sh/**', async (route) => {
    const { pathname } = new URL(route.request().url())
    const file = pathname === '/@stomp/stompjs@7' ? 'index.js' : pathname.replace('/@stomp/', '')
    const headers = { 'Access-Control-Allow-Origin': '*' }
    await route.fulfill({
      headers,
      contentType: 'text/javascript',
      body: await readFile(new URL(file, STOMPJS), 'utf8'),
    })
  })
  return page
}

test('from nothing to the first message', async () => {
  const prose = await section('The first five minutes')
  const [page = '', other = ''] = [...prose.matchAll(/<(http:\/\/[^>]+)>/g)].map(([, url]) => url)
  const buttons = [...prose.matchAll(/\*\*(\w+)\*\*/g)].map(([, name]) => name!)
  const answers = [...prose.matchAll(/^It answers `([^`]+)` and `([^`]+)`/gm)].flatMap(([, ...texts]) => texts)
  expect([start, buttons, answers.length]).toEqual(['npm start', ['connect', 'subscribe', 'send'], 2])

  const begun = performance.now()
  const lasted: Record<string, number> = {}
  const lap = (what: string): void => {
    lasted[what] = Math.round(performance.now() - begun)
  }
  await using bridge = new Start(start)
  await bridge.toldWhereToGo()
  lap('the start-up page')

  const first = await online()
  await first.goto(bridge.here(page))
  expect(bridge.printed).toContain(bridge.here(page))
  for (const name of buttons) await first.getByRole('button', { name, exact: true }).click()
  await first.getByText('← MESSAGE').waitFor()
  lap('the first message, by the page')
  await first.getByText('the broker has it').waitFor()

  const second = await online()
  const said: string[] = []
  second.on('console', (message) => said.push(message.text()))
  await second.goto(bridge.here(other))
  said.length = 0
  await paste(second, bridge.here(script))
  await until('what the README says it answers', () => answers.every((text) => said.includes(text!)))
  lap('the first message, by JavaScript')
  expect([...said].sort()).toEqual([...answers].sort())
  console.log(`from ${start} on, in ms: ${JSON.stringify(lasted)}`)

  await bridge.pressCtrlC()
  expect(bridge.printed).toMatch(/INFO: stopped\n/)
})

test('the start-up page is read on a terminal of 80 columns', async () => {
  await using bridge = new Start(start)
  await bridge.toldWhereToGo()
  // What npm has to say stands above.
  const lines = bridge.printed.slice(bridge.printed.indexOf('\nstomp-bridge ')).split('\n')
  expect(lines.filter(({ length }) => length > 80)).toEqual([])
  // Every command that it tells to type is one.
  const typed = lines.flatMap((line) => /^ {2}(npm start -- .*?) {2}/.exec(line)?.[1] ?? [])
  expect(typed.length).toBeGreaterThan(1)
  const folder = await mkdtemp(join(tmpdir(), 'stomp-bridge-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const command of typed) {
    const child = spawn(command.replace('bridge.yaml', join(folder, 'bridge.yaml')), {
      cwd: root,
      shell: true,
      stdio: 'ignore',
    })
    expect(await once(child, 'close'), command).toEqual([0, null])
  }
})

/** The bridge in front of the same RabbitMQ, with a service account and the destinations of the plugin: as a user would run it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Peer } from './peer.ts'

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const STOP_MS = 20_000

export const bridge: Peer = {
  name: 'bridge',
  async start({ rabbit, rabbitPid, profiles }) {
    const folder = await mkdtemp(join(tmpdir(), 'bench-bridge-'))
    const file = join(folder, 'bridge.yaml')
    await writeFile(file, configuration(rabbit.url))
    const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
    const child = spawn(process.execPath, [...profiling, MAIN, '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    try {
      return {
        target: {
          url: await listening(child),
          connect: { host: '/' },
          topics: '/topic/',
          queues: '/queue/',
          processes: { bridge: child.pid!, broker: rabbitPid },
        },
        [Symbol.asyncDispose]: () => end(child, exit, folder),
      }
    } catch (error) {
      await end(child, exit, folder)
      throw error
    }
  },
}

function configuration(url: string): string {
  return `
listen: { port: 0 }
ops: { enabled: false }
drain: { grace: 1s, spread: 0ms }
log: { format: json }
brokers: { rabbit: { adapter: rabbitmq, url: "${url}" } }
routes: [{ preset: rabbitmq, broker: rabbit }]
`
}

/** The address in its log; the rest of the log is read and thrown away, or the pipe would fill. */
async function listening(child: ChildProcess): Promise<string> {
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    const { websocket } = JSON.parse(line) as { websocket?: string }
    if (websocket !== undefined) {
      child.stdout!.resume()
      return websocket
    }
    lines.push(line)
  }
  throw new Error(`the bridge did not start:\n${lines.join('\n')}`)
}

async function end(child: ChildProcess, exit: Promise<unknown[]>, folder: string): Promise<void> {
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await exit
  clearTimeout(impatience)
  await rm(folder, { recursive: true })
}

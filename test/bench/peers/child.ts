/**
 * A server in a Node process of its own, so that its CPU time and memory are nobody else's: started, asked for its address, ended. The address
 * is in the first line of its standard output that is JSON with a `websocket`; whatever it says on standard error is shown.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const STOP_MS = 20_000

export interface ServerOptions {
  /** Begins the name of its CPU profile. */
  readonly name: string
  /** Its program, and what is passed to it. */
  readonly args: readonly string[]
  /** As in Rig. */
  readonly profiles: string | undefined
}

/** Resolves when it listens; rejects with what it printed when it ends before. */
export async function startServer({ name, args, profiles }: ServerOptions): Promise<Server> {
  const flags =
    profiles === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`]
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const onExit = (): void => void child.kill('SIGKILL')
  process.on('exit', onExit)
  const stop = async (): Promise<void> => {
    await end(child, exit)
    process.off('exit', onExit)
  }
  try {
    return { url: await address(child, name), pid: child.pid!, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Disposing it waits until it has ended, which writes its profile; after 20 s it is killed. */
export interface Server extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/** The rest of its output is read and thrown away, or the pipe would fill. */
async function address(child: ChildProcess, name: string): Promise<string> {
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = websocketOf(line)
    if (url !== undefined) {
      child.stdout!.resume()
      return url
    }
    lines.push(line)
  }
  throw new Error(`${name} did not start:\n${lines.join('\n')}`)
}

function websocketOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { websocket?: string }).websocket
  } catch {
    return undefined
  }
}

async function end(child: ChildProcess, exit: Promise<unknown>): Promise<void> {
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await exit
  clearTimeout(impatience)
}

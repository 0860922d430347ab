/**
 * `node test/bench/startup.ts`: how long `node dist/main.js` takes from being called until it listens, for the memory broker and for each broker's
 * adapter (whose broker need not be there), and what of it is Node itself. The median of ten; built first, into a folder of its own.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROUNDS = 10
const checkout = join(import.meta.dirname, '../..')

/** Milliseconds until `sign` is printed. */
async function startup(folder: string, args: readonly string[], sign: string): Promise<number> {
  const env = { ...process.env, STOMP_BRIDGE_OPS_PORT: '0', STOMP_BRIDGE_LOG_FORMAT: 'json' }
  const began = performance.now()
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let log = ''
  const took = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      log += chunk
      if (log.includes(sign)) resolve(performance.now() - began)
    })
    child.once('exit', () => reject(new Error(log)))
  })
  child.kill('SIGKILL')
  await ended
  return took
}

const folder = mkdtempSync(join(tmpdir(), 'startup-'))
try {
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src']) {
    cpSync(join(checkout, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  const bridge = ['dist/main.js', '--port', '0']
  const listening = '"msg":"listening"'
  for (const [what, args, sign] of [
    ['node alone', ['--eval', 'console.log("here"); setInterval(() => {}, 1000)'], 'here'],
    ['memory', bridge, listening],
    ['--rabbitmq', [...bridge, '--rabbitmq', 'amqp://127.0.0.1:1'], listening],
    ['--mqtt', [...bridge, '--mqtt', 'mqtt://127.0.0.1:1'], listening],
  ] as const) {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) times.push(await startup(folder, args, sign))
    times.sort((a, b) => a - b)
    console.log(`${what}: ${times[ROUNDS / 2]!.toFixed(0)} ms (${times[0]!.toFixed(0)}-${times.at(-1)!.toFixed(0)})`)
  }
} finally {
  rmSync(folder, { recursive: true })
}

/** One measurement: the load generator in a process of its own, which is killed when it takes too long, or when this process ends. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Job, Measurement } from './generator/main.ts'

const GENERATOR = new URL('./generator/main.ts', import.meta.url)

/**
 * Resolves with what was measured.
 * @param slackMs how long it may take beside warm-up and measurement
 * @throws Error with what the generator said on standard error
 */
export async function measure(job: Job, slackMs: number): Promise<Measurement> {
  const timeout = job.warmUpMs + job.measureMs + slackMs
  const child = fork(GENERATOR, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], timeout, killSignal: 'SIGKILL' })
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const stderr: string[] = []
  child.stderr!.on('data', (chunk) => stderr.push(String(chunk)))
  let measurement: Measurement | undefined
  child.once('message', (message: Measurement) => {
    measurement = message
  })
  const closed = once(child, 'close')
  child.send(job)
  const [code, signal] = await closed
  process.off('exit', kill)
  if (measurement === undefined) throw new Error(`the generator: ${signal ?? `exit ${code}`} ${stderr.join('').trim()}`)
  return measurement
}

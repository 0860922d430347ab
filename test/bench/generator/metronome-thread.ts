/** The thread of a Metronome. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { micros } from './clock.ts'
import { Connection } from './connection.ts'
import { Histogram } from './histogram.ts'
import type { Baton, Played, Score } from './metronome.ts'
import { Sends } from './stomp.ts'

/** Timers are a millisecond or two late, a blocked thread some 50 µs, a spinning one not at all; each leaves the rest to the next. */
const TIMER_US = 10_000
const SPIN_US = 60

const { target, sends: options, intervalUs } = workerData as Score
const port = parentPort!
const cell = new Int32Array(new SharedArrayBuffer(4))
const sends = new Sends(options)
const publisher = await Connection.open(target, 'publisher')
let playing: AbortController | undefined

port.on('message', (baton: Baton) => {
  playing?.abort()
  playing = undefined
  if (baton === undefined) return
  playing = new AbortController()
  void play(baton.startUs, playing.signal).then((played) => port.postMessage(played))
})
port.postMessage('ready')

async function play(startUs: number, signal: AbortSignal): Promise<Played> {
  const late = new Histogram()
  let sent = 0
  for (; ; sent++) {
    const due = startUs + sent * intervalUs
    await until(due, signal)
    if (signal.aborted) break
    publisher.send(sends.take(1))
    late.record(micros() - due)
  }
  return { sent, lateP99: late.size === 0 ? 0 : late.quantile(0.99) }
}

/** The event loop turns at least once, or its socket and its port would starve. */
async function until(due: number, signal: AbortSignal): Promise<void> {
  await nextTurn()
  for (let ahead = due - micros(); ahead > TIMER_US; ahead = due - micros()) {
    if (signal.aborted) return
    await sleep(Math.floor((ahead - TIMER_US / 2) / 1000), undefined, { signal }).catch(() => {})
  }
  const ahead = due - micros() - SPIN_US
  if (signal.aborted) return
  if (ahead > 0) Atomics.wait(cell, 0, 0, ahead / 1000)
  while (micros() < due);
}

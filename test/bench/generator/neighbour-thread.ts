/** The thread of a Neighbour. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Experience, Home, Request } from './neighbour.ts'
import { Newcomer } from './newcomer.ts'
import { OpenLoop } from './open-loop.ts'

const PER_SECOND = 500
/** The plugin was seen to take eight seconds for a SUBSCRIBE. */
const PATIENCE_MS = 30_000

const { target, place } = workerData as Home
const port = parentPort!
const sends = { destination: `${place}-own`, bytes: 128, receipts: false }
const loop = await OpenLoop.open(target, { sends, perSecond: PER_SECOND, subscribers: 1, patienceMs: PATIENCE_MS })
const newcomer = await Newcomer.open(target, `${place}-new-`)

port.on('message', (request: Request) => {
  if (request === 'stop') void stop().then((experience) => port.postMessage(experience))
  else {
    loop.start()
    newcomer.start()
  }
})
port.postMessage('ready')

async function stop(): Promise<Experience> {
  const [heard, { lost, latency }] = await Promise.all([loop.stop(), newcomer.stop(PATIENCE_MS)])
  return { ...heard, lost: heard.lost + lost, subscribing: latency }
}

/** A trace as it comes: what it has kept, then each line until it ends or whoever reads has gone. One that reads too slowly misses lines. */
import type { ServerResponse } from 'node:http'
import type { Trace } from './trace.ts'

/** Bytes that may wait for one reader. */
const BUFFERED = 1024 * 1024

export function stream(trace: Trace): (response: ServerResponse) => void {
  return (response) => {
    let missed = 0
    const line = (text: string): void => {
      if (response.writableLength > BUFFERED) {
        missed++
        return
      }
      if (missed > 0) response.write(`${JSON.stringify({ missed })}\n`)
      missed = 0
      response.write(`${text}\n`)
    }
    // The head goes at once: whoever reads sees that it has begun.
    response.flushHeaders()
    // All of it: the trace itself bounds what it keeps.
    for (const text of trace.lines()) response.write(`${text}\n`)
    response.once('close', trace.follow({ line, end: () => response.end() }))
  }
}

/** One clock for all threads of the process; `performance.now` counts from another moment in each. */

/** Microseconds since some moment in the past, never backwards. */
export function micros(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}

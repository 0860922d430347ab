/**
 * One request to a URL that the operator has fixed: so long, so many bytes, no redirects. Why it failed is a short text without anything that
 * was sent or received, fit for a log. Knows neither keys nor users.
 */
import type { Clock } from '../broker/clock.ts'

export interface Question {
  readonly url: URL
  readonly init: RequestInit
  readonly timeoutMs: number
  /** Bytes of the answer's body, after decompression. */
  readonly mostBytes: number
  /** Ends it early. */
  readonly signal: AbortSignal
}

/** No usable answer. `message` is for the operator. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
}

/**
 * @returns status and body; a redirect is an answer like any other
 * @throws FetchError when there is none in time, or it is too long
 */
export async function ask(
  question: Question,
  clock: Clock,
  fetcher: typeof fetch,
): Promise<{ status: number; text: string }> {
  const { url, init, timeoutMs, mostBytes, signal } = question
  const late = new AbortController()
  const timer = clock.after(timeoutMs, () => late.abort(new FetchError(`no answer within ${timeoutMs} ms`)))
  try {
    const response = await fetcher(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.any([signal, late.signal]),
    })
    return { status: response.status, text: await bounded(response, mostBytes) }
  } catch (error) {
    throw error instanceof FetchError ? error : new FetchError(codeOf(error))
  } finally {
    timer.cancel()
  }
}

async function bounded(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the body.
    if (bytes > most) throw new FetchError(`the answer is longer than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** `fetch failed` says nothing; the system's code behind it does. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined
  return code === undefined ? 'the connection failed' : `the connection failed: ${code.slice(0, 40)}`
}

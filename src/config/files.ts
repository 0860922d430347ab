/**
 * Files as a configuration was read from them: their content, and a digest of it by which a later look can tell that one has changed. Knows
 * nothing of what they say.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** By path as it was named, the SHA-256 of what was read in hex; '' for a file that could not be read. */
export type Digests = ReadonlyMap<string, string>

export class Files {
  readonly #digests = new Map<string, string>()

  /** Those that were asked for. */
  get digests(): Digests {
    return this.#digests
  }

  /** The text of a file, UTF-8. Throws Node's own error. */
  read(path: string): string {
    this.#digests.set(path, '')
    const content = readFileSync(path)
    this.#digests.set(path, digest(content))
    return content.toString('utf8')
  }
}

/** Whether any of these files says something else now, can no longer be read, or can be read again. */
export function haveChanged(digests: Digests): boolean {
  return [...digests].some(([path, before]) => now(path) !== before)
}

function now(path: string): string {
  try {
    return digest(readFileSync(path))
  } catch {
    return ''
  }
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

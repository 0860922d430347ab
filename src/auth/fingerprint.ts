/** Keys of tables about secrets: equal for equal input, useless to whoever reads the memory of another process, of a fixed length. */
import { createHmac, randomBytes } from 'node:crypto'

export type Fingerprint = (...parts: readonly unknown[]) => string

/** HMAC-SHA-256 under a key that nobody else has and that ends with the process. `parts` are anything that JSON can write. */
export function fingerprints(): Fingerprint {
  const key = randomBytes(32)
  return (...parts) => createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url')
}

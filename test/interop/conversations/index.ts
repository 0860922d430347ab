/** The table: every conversation, held by every client that can, in front of one broker. */
import { describe, test } from 'vitest'
import type { Dialect } from '../client.ts'
import { type Conversation, type Place, Scene } from '../scene.ts'
import { acknowledging } from './acknowledging.ts'
import { connecting } from './connecting.ts'
import { content } from './content.ts'
import { reconnecting } from './reconnecting.ts'
import { sending } from './sending.ts'
import { transactions } from './transactions.ts'

const everywhere: readonly Conversation[] = [
  ...connecting,
  ...sending,
  ...content,
  ...acknowledging,
  ...transactions,
  ...reconnecting,
]

/** What may differ from one way of carrying frames to another: for one more transport of a client who holds all of them over one. */
export const carrying: readonly Conversation[] = [...connecting, ...content, ...reconnecting]

/**
 * @param place is asked when the tests run
 * @param more conversations that only this broker can have
 * @param common those that every broker can have
 */
export function conversations(
  dialects: readonly Dialect[],
  place: () => Place,
  more: readonly Conversation[] = [],
  common: readonly Conversation[] = everywhere,
): void {
  describe.each(dialects)('$name', (dialect) => {
    for (const { name, needs, hold } of [...common, ...more]) {
      if (needs?.(dialect) === false) continue
      test(name, async () => {
        await using scene = new Scene(dialect, place())
        await hold(scene)
      })
    }
  })
}

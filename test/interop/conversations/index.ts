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

/**
 * @param place is asked when the tests run
 * @param more conversations that only this broker can have
 */
export function conversations(
  dialects: readonly Dialect[],
  place: () => Place,
  more: readonly Conversation[] = [],
): void {
  describe.each(dialects)('$name', (dialect) => {
    for (const { name, needs, hold } of [...everywhere, ...more]) {
      if (needs?.(dialect) === false) continue
      test(name, async () => {
        await using scene = new Scene(dialect, place())
        await hold(scene)
      })
    }
  })
}

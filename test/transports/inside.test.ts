/** Sockets that have come in: counted out, waited for, dropped. */
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Inside } from '../../src/transports/inside.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('it is empty when the last one has closed, and each has left once', async () => {
  const inside = new Inside()
  const sockets = [new PassThrough(), new PassThrough()]
  const left: number[] = []
  for (const [at, socket] of sockets.entries()) inside.add(socket, () => left.push(at))
  let isEmpty = false
  void inside.whenEmpty().then(() => {
    isEmpty = true
  })
  sockets[1]!.destroy()
  await turn()
  expect([left, isEmpty]).toEqual([[1], false])
  inside[Symbol.dispose]()
  inside[Symbol.dispose]()
  await turn()
  expect([left, isEmpty]).toEqual([[1, 0], true])
  await inside.whenEmpty()
})

test('whoever has no socket is waited for too, and leaves once', async () => {
  const inside = new Inside()
  const socket = new PassThrough()
  const left: string[] = []
  inside.add(socket, () => left.push('socket'))
  const release = inside.hold(() => left.push('held'))
  void inside.whenEmpty().then(() => left.push('empty'))
  inside[Symbol.dispose]()
  await turn()
  expect(left).toEqual(['socket'])
  release()
  await turn()
  expect(left).toEqual(['socket', 'held', 'empty'])
  await inside.whenEmpty()
})

import { expect, it } from 'vitest'
import { isReserved } from '../../src/routing/reserved.ts'

it.each(['/bridge/token', '/bridge', '/topic/bridge.status', '/topic/bridge', '/user/queue/x', '/user/ann/queue/x'])(
  '%s belongs to the bridge',
  (destination) => {
    expect(isReserved(destination)).toBe(true)
  },
)

it.each(['/bridges/x', '/topic/bridges', '/topic/a.bridge.b', '/users/x', '/queue/bridge', '/queue/user/x', 'user'])(
  '%s does not',
  (destination) => {
    expect(isReserved(destination)).toBe(false)
  },
)

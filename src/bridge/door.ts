/** The listener's part of the configuration: what `auto` comes to on this address. */
import { isExposed } from '../config/exposure.ts'
import type { Config } from '../config/schema.ts'
import type { DoorLimits } from '../transports/listen.ts'
import { usesCookies } from './plan.ts'

/** What a client may have from one address where others can reach the port: an office, or a mobile network. */
const PER_IP = { connections: 1_000, rate: 100 }

/** What is `auto`. On loopback all clients have the same address: they are this machine's own, or come through its proxy. */
export function doorOf(config: Config): { missingOrigin: boolean; limits: DoorLimits } {
  const { listen, limits, auth } = config
  const standard = isExposed(config) ? PER_IP : { connections: 0, rate: 0 }
  return {
    missingOrigin: listen.missingOrigin ?? !auth.chain.some(usesCookies),
    limits: {
      ...limits,
      connectionsPerIp: limits.connectionsPerIp ?? standard.connections,
      connectRatePerIp: limits.connectRatePerIp ?? standard.rate,
    },
  }
}

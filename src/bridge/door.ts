/** The listener's part of the configuration: what `auto` comes to on this address, what is served where, and what all of it is called outside. */
import { systemClock } from '../broker/clock.ts'
import { isExposed } from '../config/exposure.ts'
import type { Config } from '../config/schema.ts'
import type { DoorLimits, Upgrade } from '../transports/listen.ts'
import type { Service } from '../transports/service.ts'
import { sockjs } from '../transports/sockjs/index.ts'
import { websocket } from '../transports/websocket.ts'
import type { Accept } from '../transports/wire.ts'
import type { Current } from './current.ts'
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

/** A frame's head beside its largest body, in one message. */
const HEAD_ROOM = 128 * 1024

/** Bytes of one message of a client, by the configuration in force when it is asked for. */
function boundsOf(current: Pick<Current, 'config'>) {
  return {
    get maxMessageBytes() {
      return current.config.limits.frameBytes + HEAD_ROOM
    },
    get maxConnectBytes() {
      return current.config.limits.connectBytes + HEAD_ROOM
    },
  }
}

/** WebSockets by their path. */
export function upgradesOf(current: Pick<Current, 'config'>, accept: Accept): Readonly<Record<string, Upgrade>> {
  const { path, compression } = current.config.listen.websocket
  return { [path]: websocket(Object.assign(boundsOf(current), { path, compression }), accept) }
}

/** SockJS by its path; none without one. */
export function servicesOf(current: Pick<Current, 'config'>, accept: Accept): Readonly<Record<string, Service>> {
  const { sockjs: options, websocket: plain } = current.config.listen
  if (options === undefined) return {}
  const { compression } = plain
  return { [options.path]: sockjs(Object.assign(boundsOf(current), options, { compression }), accept, systemClock) }
}

/** Where clients connect. */
export interface Addresses {
  /** `ws://127.0.0.1:15674/ws` */
  readonly websocket: string
  /** What sockjs-client is given: `http://127.0.0.1:15674/ws`; undefined: nothing. */
  readonly sockjs: string | undefined
}

/** @param address of the listener */
export function addressesOf({ listen }: Pick<Config, 'listen'>, address: string): Addresses {
  const { websocket: plain, sockjs: fallback } = listen
  return {
    websocket: `${address}${plain.path}`,
    sockjs: fallback && `${address.replace(/^ws/, 'http')}${fallback.path}`,
  }
}

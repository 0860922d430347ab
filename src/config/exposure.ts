/** Who could come in: refuses a configuration that would let strangers use a broker, or nobody. */
import { isIPv4 } from 'node:net'
import type { Broker } from '../broker/broker.ts'
import type { Fault } from './errors.ts'
import type { Config } from './schema.ts'

/** Only this machine reaches it: localhost, 127.0.0.0/8, ::1. */
function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
}

/** Other machines can reach it. */
export function isExposed({ listen }: Config): boolean {
  return !isLoopback(listen.host)
}

/** Whether clients without a login are let in, where no broker checks logins. */
function allowsAnonymous({ auth, listen }: Config): boolean {
  return auth.anonymous ?? isLoopback(listen.host)
}

/**
 * On an address that others can reach, something must check who they are: a broker with `credentials: client` does, since every CONNECT is
 * then a login at that broker. Else `auth: { anonymous: true }` must say that this is meant.
 * @param brokers those that could be made (not started): what a broker does with credentials is known to its adapter only
 * @returns no fault, or one
 */
export function checkExposure(config: Config, brokers: Iterable<Pick<Broker, 'credentials'>>): Fault[] {
  const made = [...brokers]
  // A broker that could not be made has a fault of its own, and might have been the one that checks logins.
  if (made.length < Object.keys(config.brokers).length) return []
  if (made.some(({ credentials }) => credentials === 'client')) return []
  if (allowsAnonymous(config)) return []
  if (config.auth.anonymous === false) {
    return [{ path: ['auth', 'anonymous'], message: 'nobody could log in: no broker has credentials: client' }]
  }
  const rule =
    `${config.listen.host} can be reached from other machines, and nothing checks who connects: ` +
    'listen on 127.0.0.1, use a broker with credentials: client, or say auth: { anonymous: true }'
  return [{ path: ['listen', 'host'], message: rule }]
}

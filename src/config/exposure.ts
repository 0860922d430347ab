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

/** Other machines can reach it, themselves or through a proxy. */
export function isExposed({ listen }: Config): boolean {
  return !isLoopback(listen.host) || listen.trustedProxies.length > 0
}

/** Whether clients without a login are let in, where no broker checks logins. */
function allowsAnonymous(config: Config): boolean {
  return config.auth.anonymous ?? !isExposed(config)
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
  if (config.auth.chain.length > 0) return checkContradiction(config)
  if (made.some(({ credentials }) => credentials === 'client')) return []
  if (allowsAnonymous(config)) return []
  if (config.auth.anonymous === false) {
    return [{ path: ['auth', 'anonymous'], message: 'nobody could log in: no broker has credentials: client' }]
  }
  const { host } = config.listen
  const [field, who, remedy] = isLoopback(host)
    ? ['trustedProxies', 'its proxies bring clients of other machines', '']
    : ['host', `${host} can be reached from other machines`, 'listen on 127.0.0.1, ']
  const rule =
    `${who}, and nothing checks who connects: ` +
    `${remedy}name authenticators in auth.chain, use a broker with credentials: client, or say auth: { anonymous: true }`
  return [{ path: ['listen', field], message: rule }]
}

/** Whoever says both means something else by one of them. */
function checkContradiction({ auth }: Config): Fault[] {
  if (auth.anonymous !== true) return []
  const message = 'the chain alone says who may come in: end it with "- authenticator: anonymous" if that is meant'
  return [{ path: ['auth', 'anonymous'], message }]
}

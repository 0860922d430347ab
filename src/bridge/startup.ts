/**
 * What a bridge says of itself when it listens: facts for a log, and the same facts as a page of 80 columns for a person who wants to know where to
 * go next. Asks nobody, decides nothing.
 */
import type { Config } from '../config/schema.ts'
import type { OpsServer } from '../ops/http.ts'
import { type RouteFacts, routeFacts, routeLines, unsaid } from '../routing/describe.ts'
import type { Route } from '../routing/route.ts'
import { isLoopback } from '../transports/remote.ts'
import { version } from '../version.ts'
import type { Loaded } from './current.ts'
import { type Addresses, addressesOf } from './door.ts'

export interface Startup extends Addresses {
  readonly version: string
  /** `http://127.0.0.1:15680`; undefined: there is no ops port. */
  readonly ops: string | undefined
  /** Who sees there more than probes: this machine; a bearer of one of `ops.token`; nobody, for want of one. */
  readonly opsOpenTo: 'this machine' | 'token' | 'nobody'
  /** The page of the ops port has a console that may connect. */
  readonly console: boolean
  /** The file; undefined: flags, environment and defaults alone. */
  readonly config: string | undefined
  /** It is read again when it changes; by SIGHUP always. */
  readonly watched: boolean
  readonly routes: readonly RouteFacts[]
}

export interface Started {
  readonly config: Config
  readonly loaded: Loaded | undefined
  readonly routes: readonly Route[]
  /** Of the listener, without a path. */
  readonly address: string
  readonly ops: OpsServer | undefined
}

export function startupOf({ config, loaded, routes, address, ops }: Started): Startup {
  const file = loaded?.files.keys().next().value
  const opsOpenTo = ops?.exposed === false ? 'this machine' : config.ops.token.length > 0 ? 'token' : 'nobody'
  return {
    version,
    ...addressesOf(config, address),
    ops: ops?.address,
    opsOpenTo,
    console: opsOpenTo === 'this machine' && isNear(address),
    config: file,
    watched: file !== undefined && config.reload.watch,
    routes: routes.map(routeFacts),
  }
}

/** A page of this machine may connect only while the bridge itself listens on loopback (PROMISES §5, Origin). */
export function isNear(address: string): boolean {
  return isLoopback(new URL(address).hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Of a terminal, and what the page is indented by. */
const COLUMNS = 80
const INDENT = 4

/** No line breaks. */
export function startupLines(startup: Startup): string[] {
  const { websocket, sockjs, routes } = startup
  const said = unsaid(routes) === 'authenticated' ? '     by authenticated, where nothing else is said' : ''
  return [
    `stomp-bridge ${startup.version}`,
    `  browsers   ${websocket}`,
    ...(sockjs === undefined ? [] : [`  SockJS     ${sockjs}`]),
    ...operatorLines(startup),
    `  config     ${configText(startup)}`,
    `  routes${said}`,
    ...routeLines(routes, COLUMNS - INDENT).map((line) => `${' '.repeat(INDENT)}${line}`),
  ]
}

function operatorLines({ ops, opsOpenTo, console }: Startup): string[] {
  if (ops === undefined) return ['  operators  off']
  if (console) return [`  try it     ${ops}/   open it: send a message, see how it is`]
  if (opsOpenTo === 'this machine') return [`  operators  ${ops}/   open it: see how it is`]
  const rest =
    opsOpenTo === 'token'
      ? '/metrics and /api need one of ops.token'
      : '/metrics and /api are closed: ops.token opens them'
  return [`  operators  ${ops}/readyz?verbose`, `             ${rest}`]
}

function configText({ config, watched }: Startup): string {
  if (config === undefined) return 'no file: flags, environment, defaults'
  return `${config}, read again on SIGHUP${watched ? ' and when it changes' : ''}`
}

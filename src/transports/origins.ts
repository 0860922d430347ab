/**
 * Which pages may connect: `Origin` and `Host` of an upgrade request against what the operator has listed. A browser sends cookies and reaches
 * local ports for any page at all; the Origin is the only thing that tells whose page it is. Knows neither sockets nor answers.
 */

import { isIP } from 'node:net'
import type { Peer } from './remote.ts'
import { isLoopback } from './remote.ts'

export interface GateOptions {
  /** As `originMatcher` takes them. */
  readonly origins: readonly string[]
  /** Names (without port) by which the bridge may be addressed, in any case; IP literals and localhost always may. */
  readonly hosts: readonly string[]
  /** Whether a request without Origin, which no browser sends, may go on. */
  readonly missingOrigin: boolean
}

/** Why a request may not go on, and one line for the operator that names the setting that would let it. */
export interface Unwelcome {
  readonly reason: 'origin' | 'host'
  readonly hint: string
}

/**
 * @param list origins as browsers write them (`https://app.example.com`, the port if it is not the default), and wildcards for subdomains:
 *   `https://*.example.com` is every name below example.com, at any depth, with this scheme and port; never example.com itself
 * @returns whether an Origin header is in the list. `null` and what is no origin match only their own text
 */
export function originMatcher(list: readonly string[]): (origin: string) => boolean {
  const exact = new Set<string>()
  const below: { readonly protocol: string; readonly port: string; readonly suffix: string }[] = []
  for (const entry of list) {
    const url = URL.parse(entry)
    if (url?.hostname.startsWith('*.'))
      below.push({ protocol: url.protocol, port: url.port, suffix: url.hostname.slice(1) })
    // As browsers write it: lower case, punycode, no default port. Schemes of extensions have no origin in URL's eyes.
    else exact.add(url === null || url.origin === 'null' ? entry : url.origin)
  }
  return (origin) => {
    if (exact.has(origin)) return true
    if (below.length === 0) return false
    const page = URL.parse(origin)
    // Only the text that a browser would send: no user, no path, no other way to write the host.
    if (page === null || page.origin !== origin) return false
    const { protocol, port, hostname } = page
    return below.some((each) => each.protocol === protocol && each.port === port && isBelow(hostname, each.suffix))
  }
}

/** One or more labels before `.example.com`. */
function isBelow(hostname: string, suffix: string): boolean {
  return hostname.endsWith(suffix) && !hostname.slice(0, -suffix.length).split('.').includes('')
}

/** A name, or an IP address in brackets when it is version 6, and a port. Anything a URL could hide in (`@`, `/`) does not match. */
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^\s:@/?#\\[\]]+))(?::\d{1,5})?$/i

/**
 * Against DNS rebinding: a page whose own name suddenly resolves to this machine sends that name as Host. An IP literal or localhost cannot be
 * re-bound.
 * @param hosts names without port, in any case
 * @returns whether a Host header is an IP literal, localhost, or one of them
 */
export function hostMatcher(hosts: readonly string[]): (host: string | undefined) => boolean {
  const known = new Set(hosts.map((name) => name.toLowerCase()))
  return (host) => {
    const name = hostName(host)
    return name === 'localhost' || isIP(name) !== 0 || known.has(name)
  }
}

/** The name without its port, in lower case; '' for what is none. */
function hostName(host: string | undefined): string {
  const parts = HOST.exec(host ?? '')
  return (parts?.[1] ?? parts?.[2] ?? '').toLowerCase()
}

/** Decides by the headers of a request who may come in. */
export class Gate {
  readonly #allows: (origin: string) => boolean
  readonly #knows: (host: string | undefined) => boolean
  readonly #missing: boolean
  readonly #loopback: boolean
  readonly #ancestors: string

  /** @param bound the address that the port is bound to */
  constructor({ origins, hosts, missingOrigin }: GateOptions, bound: string) {
    this.#allows = originMatcher(origins)
    this.#knows = hostMatcher(hosts)
    this.#missing = missingOrigin
    this.#loopback = isLoopback(bound)
    const own = this.#loopback
      ? ['http://localhost:*', 'http://127.0.0.1:*', 'http://[::1]:*', 'https://localhost:*']
      : []
    this.#ancestors = ["'self'", ...own, ...origins.filter((entry) => /^[^\s;,]+:\/\/[^\s;,]+$/.test(entry))].join(' ')
  }

  /**
   * Whose pages may show one of ours in a frame, as the `frame-ancestors` of a Content-Security-Policy: those that may connect, for what is in the
   * frame connects as the page of a server that trusts itself.
   */
  get ancestors(): string {
    return this.#ancestors
  }

  /** @returns undefined when the request may go on */
  check(origin: string | undefined, peer: Peer): Unwelcome | undefined {
    return this.#strangeHost(peer.host) ?? this.#strangeOrigin(origin, peer)
  }

  /** With a name that was re-bound its Origin would be "the same host". */
  #strangeHost(host: string | undefined): Unwelcome | undefined {
    if (this.#knows(host)) return undefined
    const hint = `Host ${quoted(host)} is not known here; to allow it: hosts: [${quoted(hostName(host))}]`
    return { reason: 'host', hint }
  }

  /**
   * PROMISES §5: allowed are no Origin (no browser), the same host, this machine's own pages while bound to loopback, and `origins:`.
   * Any other page that a developer opens could else use the broker behind this port in his name.
   */
  #strangeOrigin(origin: string | undefined, peer: Peer): Unwelcome | undefined {
    if (origin === undefined) {
      if (this.#missing) return undefined
      return { reason: 'origin', hint: 'a client without Origin was refused; to allow it: missingOrigin: allow' }
    }
    if (this.#allows(origin) || this.#isOwn(origin, peer)) return undefined
    return {
      reason: 'origin',
      hint: `a page of ${quoted(origin)} was refused; to allow it: origins: [${quoted(origin)}]`,
    }
  }

  #isOwn(origin: string, { host, remote, secure }: Peer): boolean {
    const page = URL.parse(origin)
    // "null" and other opaque origins are no URL, and nobody's host
    if (page === null || page.host === '') return false
    // Whoever can put a page between a browser and http://host must not reach wss://host through it.
    if (page.host === URL.parse(`${page.protocol}//${host}`)?.host) return !secure || page.protocol === 'https:'
    // Through a proxy a page of localhost is one of the visitor's machine.
    return this.#loopback && isLoopback(remote) && ['localhost', '127.0.0.1', '[::1]'].includes(page.hostname)
  }
}

/** A client's text in a line for the operator: short, and with nothing that a terminal would obey. */
export function quoted(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 200)).replace(/[\u007f-\u009f]/g, '?')
}

/** What single items of `listen:` must look like: origins of pages, networks of proxies. */
import { isIP } from 'node:net'

/** A scheme, a host, perhaps a port; no path. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/\s@?#]+$/i
/** `*.` at the beginning of the host, and no other star. */
const WILDCARD = /^[a-z][a-z0-9+.-]*:\/\/\*\.([^*:]+)(?::\d+)?$/i

/** `https://app.example.com:8443`, or `https://*.example.com` for every name below. A star over a whole top-level domain is a slip. */
export const origin = {
  test(word: string): boolean {
    if (!ORIGIN.test(word) || URL.parse(word) === null) return false
    if (!word.includes('*')) return true
    const base = WILDCARD.exec(word)?.[1]
    return base !== undefined && (base.replace(/\.$/, '').includes('.') || base === 'localhost')
  },
}

/** `loopback`, an IP address, or a network as `10.0.0.0/8`. */
export const network = {
  test(word: string): boolean {
    if (word === 'loopback') return true
    const [address = '', bits, ...more] = word.split('/')
    const most = { 4: 32, 6: 128 }[isIP(address)]
    if (most === undefined || more.length > 0 || address.includes('%')) return false
    return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
  },
}

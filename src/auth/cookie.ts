/** Cookies of an upgrade request. */

/**
 * The value of a cookie; undefined when there is none of exactly this name. RFC 6265 §5.4, `a=1; b="2"`: of equal names the first counts, since
 * the one with the longest path comes first. Quotes around the value are dropped; nothing is decoded.
 */
export function cookieOf(header: string | string[] | undefined, name: string): string | undefined {
  for (const pair of [header ?? []].flat().join(';').split(';')) {
    const at = pair.indexOf('=')
    if (at === -1 || pair.slice(0, at).trim() !== name) continue
    const value = pair.slice(at + 1).trim()
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  }
  return undefined
}

/** URLs for logs. */

/** The same URL with `***` for every value in its query, since any of them may be a token: `/ws?access_token=***&v=***`. */
export function redactUrl(url: string): string {
  const query = url.indexOf('?')
  if (query === -1) return url
  const values = url.slice(query + 1).split(/[&;]/)
  // A parameter without "=" is all value: `?eyJ…`.
  const names = values.map((value) => (value.includes('=') ? `${value.slice(0, value.indexOf('='))}=***` : '***'))
  return `${url.slice(0, query)}?${names.join('&')}`
}

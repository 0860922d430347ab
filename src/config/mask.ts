/**
 * Values of a configuration as they may be shown to whoever can read a log or a page. A secret is known by its field, by its name, or by its
 * look; when in doubt it is one. What came from outside the file stays as it is written there: `${RABBITMQ_PASSWORD}` tells nothing.
 */

const MASK = '***'

/** Names of keys whose values are nobody's business, in any adapter. */
const SECRET_NAME = /(?:secret|password|passwd|passcode|token|credential)s?$|^key$/i

/** Nothing but what comes from outside: a default would stand here in plain. */
const REFERENCE = /^(?:\$\{(?:[A-Za-z_]\w*|file:[^}]*)\})+$/
/** A scheme, and what stands before the host; `${…}` may hold slashes. */
const USER_INFO = /:\/\/((?:\$\{[^}]*\}|[^\s/?#$]|\$(?!\{))*)@/g
const QUERY_VALUE = /([?&][^=&#\s]+=)((?:\$\{[^}]*\}|[^&#\s}$]|\$(?!\{))+)/g
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** Whether a value below this key is a secret, and all that it holds. */
export function isSecretName(key: string): boolean {
  return SECRET_NAME.test(key)
}

/** A value that is a secret. */
export function maskSecret(value: unknown): unknown {
  if (value === '' || value === null || typeof value === 'boolean') return value
  if (typeof value !== 'string') return MASK
  if (REFERENCE.test(value)) return value
  const [, name] = /^\$\{(\w+):-.*\}$/s.exec(value) ?? []
  return name === undefined ? MASK : `\${${name}:-${MASK}}`
}

/** Any other value: passwords in URLs and what their queries say, private keys. */
export function maskText(text: string): string {
  if (PRIVATE_KEY.test(text)) return MASK
  if (!text.includes('://')) return text
  return text
    .replace(USER_INFO, (_, info: string) => `://${maskUserInfo(info)}@`)
    .replace(QUERY_VALUE, (_, name: string, value: string) => `${name}${REFERENCE.test(value) ? value : MASK}`)
}

/** `user:password`; a user alone may well be a token. */
function maskUserInfo(info: string): string {
  const parts = /^((?:\$\{[^}]*\}|[^:])*):(.*)$/s.exec(info)
  if (parts === null) return REFERENCE.test(info) ? info : MASK
  const [, user = '', password = ''] = parts
  return `${user}:${REFERENCE.test(password) ? password : MASK}`
}

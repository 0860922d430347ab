/**
 * Who is this? An authenticator looks at what a client showed in its upgrade request and its CONNECT, and gives a name or a refusal. It
 * returns verdicts; what follows from them is the session's affair.
 */
import type { Credentials } from '../broker/broker.ts'

/** What a client has shown. */
export interface Attempt {
  /** `login`, `passcode` and `host` of CONNECT; undefined without a `login`. */
  readonly credentials: Credentials | undefined
  /** The peer's IP address. */
  readonly remote: string
}

export type Verdict =
  | { readonly admitted: true /** undefined = anonymous */; readonly user: string | undefined }
  | { readonly admitted: false /** one line the client may read */; readonly rule: string }

export interface Authenticator {
  readonly name: string
  authenticate(attempt: Attempt): Promise<Verdict>
}

/** Everybody may come in, and nobody has a name. */
export const anonymous: Authenticator = {
  name: 'anonymous',
  authenticate: async () => ({ admitted: true, user: undefined }),
}

/**
 * Everybody with a login may knock: the brokers that are passed the credentials decide, during CONNECT. The name is believed only because
 * such a broker has accepted it with its passcode.
 */
export const passthrough: Authenticator = {
  name: 'passthrough',
  async authenticate({ credentials }) {
    if (credentials === undefined) return { admitted: false, rule: 'CONNECT needs the headers "login" and "passcode"' }
    return { admitted: true, user: credentials.login }
  },
}

/** Everybody may come in, and nobody has a name. Last in a chain: whoever has shown something of another kind was decided on before. */
import type { Field } from '../broker/schema.ts'
import type { Authenticator } from './authenticator.ts'
import type { AuthContext } from './context.ts'
import { stranger } from './identity.ts'
import { Options } from './options.ts'

export const fields: readonly Field[] = []

/** @throws FieldError for any option */
export function createAnonymous(
  options: Readonly<Record<string, unknown>>,
  { name }: Pick<AuthContext, 'name'>,
): Authenticator {
  new Options(options, fields)
  const user = Object.freeze(stranger(name))
  return {
    name,
    accepts: 'nothing at all',
    authenticate: async () => ({ kind: 'admitted', user }),
    async [Symbol.asyncDispose]() {},
  }
}

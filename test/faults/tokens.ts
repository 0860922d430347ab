/** Tokens for RabbitMQ's rabbitmq_auth_backend_oauth2, made by the test, and the key that RabbitMQ is told to believe. */
import { createHmac } from 'node:crypto'

const KEY = 'a key of 32 octets for HMAC 256 !'
const base64url = (text: string): string => Buffer.from(text).toString('base64url')

/** JWT claims (RFC 7519 §4); times in seconds since 1970. */
export type Claims = Readonly<Record<string, unknown>>

/** Signed with HS256; with another key than RabbitMQ's it is forged. */
export function tokenFor(claims: Claims, key: string = KEY): string {
  const header = { alg: 'HS256', typ: 'JWT', kid: 'test' }
  const signed = [header, claims].map((part) => base64url(JSON.stringify(part))).join('.')
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

/** For `Rabbit.eval`: rabbitmq.conf has no word for a symmetric key. */
export const rabbitKeys = `application:set_env(rabbitmq_auth_backend_oauth2, key_config, [
  {default_key, <<"test">>},
  {signing_keys, #{<<"test">> => {map, #{<<"kty">> => <<"oct">>, <<"k">> => <<"${base64url(KEY)}">>}}}}
]).`.replaceAll('\n', ' ')

/** Why a TLS connection to a broker did not come about, for the operator. Knows the codes of Node's errors, and no library. */

/** X509_verify_cert_error_string(3): the codes that Node gives for a certificate that it does not trust. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/**
 * @param cause what the attempt to connect has failed with
 * @returns one line, such as `its certificate is not trusted: certificate has expired`; undefined when TLS is not to blame
 */
export function tlsFailure(cause: Error): string | undefined {
  const { code, reason } = cause as { readonly code?: unknown; readonly reason?: unknown }
  if (typeof code !== 'string') return undefined
  if (UNTRUSTED.has(code)) return `its certificate is not trusted: ${cause.message}`
  // OpenSSL's own message begins with addresses and ends with a file name of its sources.
  if (code.startsWith('ERR_SSL_')) return `no TLS: ${typeof reason === 'string' ? reason : code}`
  return undefined
}

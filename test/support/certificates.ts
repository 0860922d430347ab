/** Certificates of a test's own, made by openssl: an authority that nobody else trusts, and what it has signed. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM texts. */
export interface Issued {
  /** Of the authority. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What a broker needs to speak TLS. */
export interface ServerTls extends Issued {
  /** Clients need a certificate of the same authority. */
  readonly asksClients: boolean
}

export interface Authority extends Disposable {
  readonly ca: string
  /**
   * A certificate for 127.0.0.1, or for the given names.
   * @param names as `subjectAltName` takes them: `DNS:broker.test`
   * @param days it is good for
   */
  issue(name: string, names?: string, days?: number): Issued
}

const KEY = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'))
  const pem = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const openssl = (...args: string[]): void =>
    void execFileSync('/usr/bin/openssl', ['req', '-x509', ...KEY, ...args], { cwd: folder, stdio: 'ignore' })
  openssl('-days', '1', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=authority')
  const ca = pem('ca.pem')
  return {
    ca,
    issue(name, names = 'IP:127.0.0.1', days = 100) {
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', 'key.pem', '-out', 'cert.pem']
      const extensions = ['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE']
      openssl('-days', String(days), ...signed, '-subj', `/CN=${name}`, ...extensions)
      return { ca, cert: pem('cert.pem'), key: pem('key.pem') }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

/** As entries of a flow mapping: `ca: "-----BEGIN…", cert: …`. JSON texts are YAML. */
export function yamlOf(options: object): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join(', ')
}

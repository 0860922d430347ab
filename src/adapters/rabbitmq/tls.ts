/** The TLS options of a RabbitMQ broker. Node's defaults trust what the system trusts; nothing here makes them trust more than they are told. */
import { createSecureContext } from 'node:tls'
import { FieldError } from '../../broker/errors.ts'
import type { Field } from '../../broker/schema.ts'

export const tlsFields: readonly Field[] = [
  {
    name: 'ca',
    shape: 'text',
    default: undefined,
    description:
      'with amqps: PEM text of the authority, written out or read like any secret; not given: those that Node trusts',
  },
  { name: 'cert', shape: 'text', default: undefined, description: 'with amqps: PEM text of the client certificate' },
  { name: 'key', shape: 'text', secret: true, default: undefined, description: 'with amqps: PEM text of its key' },
  {
    name: 'serverName',
    shape: 'text',
    default: undefined,
    description: 'with amqps: the name that the certificate must bear, when it is not the host of the url',
  },
]

/** What `tls.connect` takes. Empty: plain AMQP, or all as Node has it. */
export interface TlsSettings {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

type Options = Readonly<Record<string, unknown>>

/**
 * @param secure the url begins with amqps://
 * @throws FieldError
 */
export function tlsSettings(options: Options, secure: boolean): TlsSettings {
  const read = (name: string): string | undefined => {
    const value = options[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value === '') throw new FieldError([name], 'must be a text')
    if (!secure) throw new FieldError([name], 'needs a url that begins with amqps://')
    return value
  }
  const [ca, cert, key, servername] = [read('ca'), read('cert'), read('key'), read('serverName')]
  if ((cert === undefined) !== (key === undefined)) {
    throw new FieldError([cert === undefined ? 'key' : 'cert'], 'cert and key go together')
  }
  if (ca !== undefined) check(['ca'], { ca })
  if (cert !== undefined && key !== undefined) check(['cert', 'key'], { cert, key })
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  }
}

/** Here, and not when the first connection is made. Node's text is left out: it says where in the PEM, and may quote it. */
function check(names: readonly string[], pem: { ca?: string; cert?: string; key?: string }): void {
  // OpenSSL takes a text without any PEM in it for an empty list.
  const isPem = Object.values(pem).every((text) => text.includes('-----BEGIN '))
  try {
    if (isPem) return void createSecureContext(pem)
  } catch {}
  throw new FieldError([names[0]!], `${names.join(' and ')}: no PEM text, or one that does not fit the other`)
}

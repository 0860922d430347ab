/** `listen:` and `ops:`, the two ports: see toConfig in schema.ts for the shape that the program sees. */
import { network, origin } from '../hosts.ts'
import { HOUR, leaf, SECOND } from '../leaf.ts'
import { duration, integer, list, oneOf, text, truth } from '../read.ts'
import { sockjs } from './sockjs.ts'

const port = integer(0, 65_535)
const host = text(/^[^\s/@]+$/, 'a host name or an IP address')
const path = text(/^[^\0]*$/, 'the path of a file')
const hostName = /^[^\s/:@]+$/
/** RFC 6750 §2.1, b64token; long enough that nobody guesses it. */
const bearer = /^[A-Za-z0-9._~+/-]{16,}=*$/

export const listen = {
  host: leaf('127.0.0.1', host, 'any other address than loopback needs clients to log in, see auth'),
  port: leaf('15674', port, "the port of RabbitMQ's Web STOMP; 0 = any free one"),
  websocket: {
    path: leaf('/ws', text(/^\/[^\s?#]*$/, 'a path that begins with /'), "the path of RabbitMQ's Web STOMP"),
    compression: leaf('false', truth, 'permessage-deflate; costs 4 to 6 times the CPU'),
    ping: leaf('10s', duration(SECOND, HOUR), 'between WebSocket pings: they find dead connections'),
  },
  sockjs,
  origins: leaf(
    '',
    list(origin, 'origins like https://app.example.com or https://*.example.com'),
    'further origins whose pages may connect: https://app.example.com, https://*.example.com; the same host always may',
  ),
  missingOrigin: leaf(
    'auto',
    oneOf('auto', 'allow', 'refuse'),
    'clients that send no Origin, so are no browsers; auto = allow, unless cookies log clients in',
  ),
  hosts: leaf('', list(hostName, 'host names without port'), 'further names of this server, like bridge.example.com'),
  trustedProxies: leaf(
    '',
    list(network, 'IP addresses, networks like 10.0.0.0/8, or loopback'),
    'whose X-Forwarded-For, -Host and -Proto are believed: addresses, networks like 10.0.0.0/8, loopback',
  ),
  tls: {
    cert: leaf('', path, 'PEM file: the certificate, then those between it and the root; read again when it changes'),
    key: leaf('', path, 'PEM file: its private key'),
    minVersion: leaf('TLSv1.2', oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.2 or TLSv1.3'),
  },
} as const

export const ops = {
  enabled: leaf('true', truth, '/livez, /readyz, /metrics, /api, and a page'),
  host: leaf('127.0.0.1', host, 'on any other address than loopback all but /livez and /readyz needs a token'),
  port: leaf('15680', port, '0 = any free one'),
  token: leaf(
    '',
    list(bearer, 'tokens, each of 16 or more of A-Z a-z 0-9 . _ ~ + / -'),
    'bearer tokens, any of which opens what changes something or shows frames, and off loopback all else',
  ),
} as const

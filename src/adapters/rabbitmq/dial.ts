/**
 * Opening one AMQP connection: the only file that gives amqplib a password. amqplib's own recovery stays off: it restores neither
 * channels nor consumers, and the bridge's does.
 */
import { type ChannelModel, connect, type SocketOptions } from 'amqplib'
import type { Account, BrokerSettings } from './fields.ts'
import { Gate } from './gate.ts'

/** A connection that is open. */
export interface Opening {
  readonly model: ChannelModel
  /** Its way out. */
  readonly gate: Gate
}

/** Connects and logs in; rejects with amqplib's error. Aborting the signal drops the socket, then or later. */
export type Dial = (signal: AbortSignal) => Promise<Opening>

/** @param purpose shown in RabbitMQ's list of connections, beside the broker's name */
export function dialer(settings: BrokerSettings, account: Account, purpose: string): Dial {
  const { protocol, hostname, port } = settings.endpoint
  return (signal) =>
    connect(
      {
        protocol,
        hostname,
        port,
        username: account.login,
        password: account.passcode,
        // amqplib unescapes it, as part of a url.
        vhost: encodeURIComponent(account.vhost),
        heartbeat: settings.heartbeatSeconds,
      },
      socketOptions(settings, purpose, signal),
    ).then((model) => ({ model, gate: new Gate(model) }))
}

function socketOptions(
  settings: BrokerSettings,
  purpose: string,
  signal: AbortSignal,
): SocketOptions & { signal: AbortSignal } {
  return {
    ...settings.tls,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    timeout: settings.connectTimeoutMs,
    noDelay: true,
    keepAlive: true,
    clientProperties: { product: 'stomp-bridge', connection_name: `stomp-bridge: ${purpose}` },
    // Of net.Socket: the way to drop a connection whose peer no longer answers.
    signal,
  }
}

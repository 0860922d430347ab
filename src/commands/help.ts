/** `stomp-bridge --help` and `--version`. */
import { version as number } from '../version.ts'
import { EXIT, type Host } from './command.ts'

const HELP = `stomp-bridge: STOMP over WebSocket in front of RabbitMQ, MQTT brokers and an embedded memory broker

Usage
  stomp-bridge [serve] [options]    run; without options: the memory broker on ws://127.0.0.1:15674/ws
  stomp-bridge check FILE           check a configuration: all faults, with line and column
  stomp-bridge healthcheck          ask a running bridge on this machine whether it lives
  stomp-bridge passwd               make the hash of a password, read from the terminal or standard input

Options
  -c, --config FILE     configuration, YAML or JSON; config/default.yaml shows all of it
      --rabbitmq URL    in front of a RabbitMQ: amqp://host:5672 (clients log in themselves) or amqp://user:password@host:5672
      --mqtt URL        in front of an MQTT broker: mqtt://host:1883 or mqtts://user:password@host:8883
      --host HOST       listen address, default 127.0.0.1
      --port PORT       listen port, default 15674
  -h, --help
  -v, --version

Environment
  STOMP_BRIDGE_CONFIG   configuration, when --config is not given
  STOMP_BRIDGE_…        any single option, e.g. STOMP_BRIDGE_LISTEN_PORT for listen.port

Exit codes
  0 done   1 failed   64 wrong command line   70 a fault of the bridge   78 wrong configuration
`

export function help({ stdout }: Host): number {
  stdout.write(HELP)
  return EXIT.ok
}

export function version({ stdout }: Host): number {
  stdout.write(`${number}\n`)
  return EXIT.ok
}

/** `stomp-bridge --help` and `--version`. */
import { version as number } from '../version.ts'
import { EXIT, type Host } from './command.ts'

const HELP = `stomp-bridge: STOMP over WebSocket in front of RabbitMQ, MQTT brokers and an embedded memory broker

Usage
  stomp-bridge [serve] [options]    run; without options: the memory broker on ws://127.0.0.1:15674/ws
  stomp-bridge check FILE           check a configuration: all faults, with line and column; and its tests
  stomp-bridge check FILE --connect … and dial its brokers
  stomp-bridge explain SEND|SUBSCRIBE DESTINATION
                                    what such a frame comes to: route, place, permission, receipt, and why
  stomp-bridge config               the configuration that counts, with the origin of each value, secrets masked
  stomp-bridge init KIND            a commented configuration to begin with: rabbitmq, mqtt, memory or spring
  stomp-bridge schema               the JSON Schema of the configuration, for editors
  stomp-bridge healthcheck          ask a running bridge on this machine whether it lives
  stomp-bridge passwd               make the hash of a password, read from the terminal or standard input

Options
  -c, --config FILE     configuration, YAML or JSON; config/default.yaml shows all of it
      --rabbitmq URL    in front of a RabbitMQ: amqp://host:5672 (clients log in themselves) or amqp://user:password@host:5672
      --mqtt URL        in front of an MQTT broker: mqtt://host:1883 or mqtts://user:password@host:8883
      --host HOST       listen address, default 127.0.0.1
      --port PORT       listen port, default 15674
      --user NAME       explain: who asks; without it somebody without a login, as --anonymous says outright
      --role ROLE       explain: a role of the user; may be repeated
      --claim NAME=VALUE  explain: a claim of the user; may be repeated
      --origin ORIGIN   explain: of the page, like https://app.example.com
      --json            explain, config: for programs
  -o, --output FILE     init: a file that is not there yet, instead of the standard output
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

/** Where a value comes from when it does not come from the file: flags, environment variables, and what stands for no file at all. */
import type { Path } from './errors.ts'
import { environmentName } from './scalars.ts'
import type { BrokerConfig, RouteConfig } from './schema.ts'
import type { Environment } from './source.ts'

/** What the command line says, as texts; left out = not given. */
export interface Flags {
  readonly host?: string
  readonly port?: string
  /** URL of a RabbitMQ: one broker `rabbit` with the preset `rabbitmq`. */
  readonly rabbitmq?: string
  /** URL of an MQTT broker: one broker `mqtt` with the preset `mqtt`. */
  readonly mqtt?: string
}

/** Dotted paths of the flags that are scalar options. */
const FLAG_PATHS = { host: 'listen.host', port: 'listen.port' } as const

/** Flags that stand for a broker and its preset. */
const URL_FLAGS = ['rabbitmq', 'mqtt'] as const

/** Scalar options, by their dotted paths. */
export function flagTexts(flags: Flags): Map<string, string> {
  const texts = new Map<string, string>()
  for (const name of ['host', 'port'] as const) {
    const value = flags[name]
    if (value !== undefined) texts.set(FLAG_PATHS[name], value)
  }
  return texts
}

/** Of those that stand for a broker, the ones that were given. */
export function urlFlags(flags: Flags): readonly (typeof URL_FLAGS)[number][] {
  return URL_FLAGS.filter((name) => flags[name] !== undefined)
}

/** What counts where the file has neither brokers nor routes. */
export function standardEntries({ rabbitmq, mqtt }: Flags): {
  brokers: Record<string, BrokerConfig>
  routes: RouteConfig[]
} {
  if (rabbitmq !== undefined) {
    return {
      brokers: { rabbit: { adapter: 'rabbitmq', url: rabbitmq } },
      routes: [{ preset: 'rabbitmq', broker: 'rabbit' }],
    }
  }
  if (mqtt !== undefined) {
    return { brokers: { mqtt: { adapter: 'mqtt', url: mqtt } }, routes: [{ preset: 'mqtt', broker: 'mqtt' }] }
  }
  return { brokers: { local: { adapter: 'memory' } }, routes: [{ preset: 'memory', broker: 'local' }] }
}

/** The flag or the environment variable that a value came from; undefined = the file, or nowhere. */
export function originOutside(path: Path, env: Environment, flags: Flags): string | undefined {
  const dotted = path.join('.')
  for (const name of ['host', 'port'] as const) {
    if (FLAG_PATHS[name] === dotted && flags[name] !== undefined) return `--${name}`
  }
  if (path[0] === 'brokers' || path[0] === 'routes') {
    const [flag] = urlFlags(flags)
    return flag && `--${flag}`
  }
  const name = environmentName(path)
  return path.length > 0 && env[name] !== undefined && env[name] !== '' ? `environment ${name}` : undefined
}

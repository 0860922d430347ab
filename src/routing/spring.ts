/**
 * Preset `spring`: destinations as Spring's SimpleBroker takes them, so that a frontend which was written for
 * `registry.enableSimpleBroker("/topic", "/queue")` needs no change. Which broker is behind it makes no difference to the frontend; the words of
 * a broker come from the broker (`Broker.forms`).
 *
 * Spring's DefaultSubscriptionRegistry: a destination is a path, compared as it is written or, when a SUBSCRIBE has wildcards, by
 * AntPathMatcher; everybody who matches gets a copy, below /queue too.
 */
import { FieldError } from '../broker/errors.ts'
import type { Preset, PresetRoute } from './presets.ts'
import { isReserved } from './reserved.ts'

const QUEUE = '/queue'
/** Literal segments. */
const PREFIX = /^(?:\/[^/{}*?#%\s]+)+$/

export const spring: Preset = {
  fields: [
    {
      name: 'prefixes',
      shape: 'texts',
      default: ['/topic', QUEUE],
      description: 'the destinations below which there are topics, as enableSimpleBroker("/topic", "/queue")',
    },
    {
      name: 'queue',
      values: ['copy', 'compete'],
      default: 'copy',
      description:
        'what /queue does: copy (all subscribers get each message, as in Spring) or compete (one of them does)',
    },
    {
      name: 'pathSeparator',
      values: ['/', '.'],
      default: '/',
      description: 'of segments, for * and **; . as setPathMatcher(new AntPathMatcher("."))',
    },
    {
      name: 'exchange',
      shape: 'text',
      default: undefined,
      description: 'on a rabbitmq broker: the topic exchange behind the prefixes; not given: amq.topic',
    },
  ],
  allow: [],
  // A frontend that loads its state when it connects wants to connect again when messages may have been lost: Spring's relay closes then, too.
  standard: { onGap: 'close' },
  routes({ prefixes, queue, pathSeparator, exchange }, forms) {
    if (forms === undefined) throw new FieldError(['broker'], 'the preset spring needs a memory or rabbitmq broker')
    const place = exchange === undefined ? {} : { exchange }
    return readPrefixes(prefixes).map((prefix) =>
      prefix === QUEUE && queue === 'compete'
        ? routeTo(prefix, forms.compete('{name}'))
        : routeTo(prefix, { ...forms.copy(nameBelow(prefix)), ant: pathSeparator, ...place }),
    )
  },
}

function routeTo(prefix: string, options: PresetRoute['options']): PresetRoute {
  return { destination: `${prefix}/{name+}`, options, word: undefined, use: 'clients' }
}

/** /topic/chat/7 is topic.chat.7: so that two prefixes never mean the same. */
function nameBelow(prefix: string): string {
  return `${prefix.slice(1).replaceAll('.', '%2E').replaceAll('/', '.')}.{name}`
}

/** @throws FieldError */
function readPrefixes(given: unknown): readonly string[] {
  // As Spring takes them: "/topic/" is written often where dots part segments.
  const prefixes = (given as readonly string[]).map((prefix) => prefix.replace(/\/$/, ''))
  for (const [index, prefix] of prefixes.entries()) {
    const path = ['prefixes', index]
    if (!PREFIX.test(prefix)) throw new FieldError(path, 'must be like /topic: literal segments, each after a slash')
    if (isReserved(prefix)) throw new FieldError(path, `${prefix} belongs to the bridge itself; see user: for /user`)
    const inside = prefixes.findIndex((other, at) => at !== index && `${prefix}/`.startsWith(`${other}/`))
    if (inside >= 0) throw new FieldError(path, `lies within ${prefixes[inside]}`)
  }
  return prefixes
}

/** How the process runs: who may come in without a chain, heart-beats, outages, sharing, draining, the log. */
import { HOUR, leaf } from '../leaf.ts'
import { duration, oneOf, truth } from '../read.ts'

export const auth = {
  anonymous: leaf(
    'auto',
    oneOf('auto', 'true', 'false'),
    'whether clients need no login; auto = on loopback only. With credentials: client they always need one',
  ),
} as const

export const heartbeat = {
  outgoing: leaf('10s', duration(0, HOUR), 'how often the bridge offers to send; 0 = never'),
  incoming: leaf('10s', duration(0, HOUR), 'how often it wants to hear from a client; 0 = never'),
} as const

export const outage = {
  max: leaf(
    '0',
    duration(0, 24 * HOUR),
    'a broker away for longer sends its clients away and turns /readyz to 503; 0 = never',
  ),
} as const

export const fanout = {
  linger: leaf('5s', duration(0, HOUR), 'how long a shared subscription stays after its last subscriber'),
} as const

export const drain = {
  delay: leaf(
    '0s',
    duration(0, HOUR),
    'on SIGTERM: /readyz is 503, and clients still come in, until load balancers have noticed',
  ),
  grace: leaf('10s', duration(0, HOUR), 'then nobody comes in: time for confirms and acknowledgements under way'),
  spread: leaf(
    '5s',
    duration(0, HOUR),
    'time over which connections are closed, against a stampede; it begins with the grace',
  ),
} as const

export const reload = {
  watch: leaf('true', truth, 'read the file again when it changes, or a secret file that it names; SIGHUP always does'),
} as const

export const tracing = {
  enabled: leaf(
    'auto',
    oneOf('auto', 'true', 'false'),
    'spans of single messages through @opentelemetry/api; auto = where an SDK is registered, see docs/tracing.md',
  ),
} as const

export const log = {
  level: leaf('info', oneOf('debug', 'info', 'warn', 'error'), 'debug, info, warn or error'),
  format: leaf('auto', oneOf('auto', 'json', 'pretty'), 'auto = pretty on a terminal, json otherwise'),
} as const

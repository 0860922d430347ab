/** Families about the bridge itself: what it is, which configuration it runs, who came in, and whether it is going. */
import { type Events, RELOAD_RESULTS } from './events.ts'
import { counter, type Family, gauge, only, type Sample } from './family.ts'
import type { MetricsSources } from './sources.ts'

export function processFamilies({ version, draining, configHash, told }: MetricsSources, events: Events): Family[] {
  return [
    gauge(
      'stomp_bridge_build_info',
      '1; the labels tell the version of the bridge and of Node.',
      ['version', 'node'],
      () => [[[version, process.version], 1]],
    ),
    gauge('stomp_bridge_config_info', '1; the label is a hash of the configuration in force.', ['hash'], () => {
      const hash = configHash()
      return hash === undefined ? [] : [[[hash], 1]]
    }),
    counter(
      'stomp_bridge_config_reloads_total',
      'Attempts to load a configuration while the bridge runs.',
      ['result'],
      () => RELOAD_RESULTS.map((result): Sample => [[result], events.reloads.get(result) ?? 0]),
    ),
    gauge('stomp_bridge_draining', '1 while the bridge sends its clients away, else 0.', [], () =>
      only(draining() ? 1 : 0),
    ),
    counter(
      'stomp_bridge_session_events_total',
      'Events of sessions, by receiver (broker: /topic/bridge.sessions; http: the hook) and what became of them: delivered, dropped.',
      ['receiver', 'outcome'],
      () =>
        Object.entries(told()).flatMap(([receiver, { delivered, dropped }]): Sample[] => [
          [[receiver, 'delivered'], delivered],
          [[receiver, 'dropped'], dropped],
        ]),
    ),
    ...logins(events),
  ]
}

function logins({ logins }: Events): Family[] {
  return [
    counter(
      'stomp_bridge_auth_attempts_total',
      'Attempts to log in, by the authenticator that decided (none: nothing was shown) and how they ended: admitted, refused, undecided.',
      ['authenticator', 'outcome'],
      () =>
        [...logins].flatMap(([authenticator, outcomes]): Sample[] => {
          const admitted = outcomes.get('admitted') ?? 0
          const undecided = outcomes.get('undecided') ?? 0
          const all = [...outcomes.values()].reduce((sum, count) => sum + count, 0)
          return [
            [[authenticator, 'admitted'], admitted],
            [[authenticator, 'refused'], all - admitted - undecided],
            [[authenticator, 'undecided'], undecided],
          ]
        }),
    ),
    counter(
      'stomp_bridge_auth_failures_total',
      'Attempts to log in that were refused, by authenticator and code.',
      ['authenticator', 'code'],
      () =>
        [...logins].flatMap(([authenticator, outcomes]) =>
          [...outcomes]
            .filter(([outcome]) => outcome !== 'admitted' && outcome !== 'undecided')
            .map(([code, count]): Sample => [[authenticator, code], count]),
        ),
    ),
  ]
}

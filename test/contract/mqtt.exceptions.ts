/** What MQTT cannot do of the port's contract, and why. */
import type { CaseName } from './broker.suite.ts'

export const NO_GROUPS = 'the plugin has no shared subscriptions'
const NO_STORE = 'a $share group without a member keeps nothing'
const NO_RETURN = 'MQTT cannot give a message to another member of its group'

const NO_WORDS = 'MQTT 3.1.1 has no headers and no properties'
const NO_REASONS = 'MQTT 3.1.1 confirms with no reason: success is all that PUBACK can say'

/** Of every version. */
export const EXCEPTIONS_5: Partial<Record<CaseName, string>> = {
  'what expires before anybody takes it is dropped': NO_STORE,
  'a queue keeps what nobody consumes': NO_STORE,
  'a queue gives no more than the credit; settling refills it':
    'the broker picks the member when it publishes, not when one has credit',
  'traits say what the targets are': 'settles and stores are false, and say so',
  'a subscription to nowhere is refused with not-found, and the link goes on': 'every topic exists',
  'deliveries are settled in any order': NO_RETURN,
  'after stop nothing is delivered, and what is out is still ours': NO_RETURN,
  'after dispose every tag is stale': NO_RETURN,
  'unsettled deliveries return when their subscription is disposed': NO_RETURN,
  'unsettled deliveries return when their link is disposed': NO_RETURN,
  'a neighbour’s unsettled deliveries stay where they are': NO_RETURN,
  'two forks end apart, and each returns only what is its own': NO_RETURN,
  'a refused principal gets login-refused and learns nothing': 'there is one account for all clients',
  'a topic subscription resumes and admits the gap': 'there is none: its MQTT session has kept what was published',
}

export const EXCEPTIONS_3: Partial<Record<CaseName, string>> = {
  ...EXCEPTIONS_5,
  'headers arrive byte for byte and in order': NO_WORDS,
  'of equal header names the first counts': NO_WORDS,
  'properties arrive as they were sent': NO_WORDS,
  'a replyTo can be answered': NO_WORDS,
  'hostile headers arrive or are refused with bad-message, and no neighbour notices': NO_WORDS,
  'a publish with a receipt to nowhere is refused with not-found, and the link goes on': NO_REASONS,
  'a forbidden publish is refused with forbidden, and the link goes on': NO_REASONS,
  'an unlimited credit is one': 'MQTT 3.1.1 has no Receive Maximum: the broker’s own window counts, 20 here',
}

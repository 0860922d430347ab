/**
 * Messages that do not come from a client's SEND: what a handler has answered, an event of the bridge itself, a message of the operators' port.
 * They name destinations, as clients do, and go through the routes of the moment. Types only; src/flows/ implements it, and adapters are given it.
 */
import type { Message } from './message.ts'

export interface Flow {
  /**
   * As a SEND with a receipt by somebody who may send everywhere. Calls for one broker reach it in their order. Resolves with the broker's confirm.
   * @param destination as a client writes it: `/topic/a`, `/user/{name}/queue/x`
   * @param message its headers and properties as they are, but for `stomp-user` and `stomp-session`, which say who `from` is where the route's
   *   `identity` lets them
   * @throws BrokerError, by rejecting: `no-route`, `bad-destination`, `bad-message`, `user-absent`, `not-found`, `broker-unavailable` …, `closed`
   */
  publish(destination: string, message: Message, from: FlowOrigin): Promise<void>
  /**
   * To the one session that has caused it, and to no other of its user: it is here, so the message leaves the bridge for nobody else.
   * @param destination as that client has subscribed to it: `/user/queue/x`
   * @returns the message is in its outlet; false: the session has gone, or has no such subscription
   */
  reply(destination: string, message: Message, from: FlowOrigin): boolean
}

/** Who has caused it. */
export interface FlowOrigin {
  /** The user's name; undefined: anonymous, or nobody but the bridge. */
  readonly user: string | undefined
  /** The STOMP session's id, as `Principal.session`; undefined: none. */
  readonly session: string | undefined
}

/** Which file handles which command of a client. That the command may come now, and has its headers, stomp/rules.ts says. */
import { type Frame, header } from '../stomp/frame.ts'
import { check } from '../stomp/rules.ts'
import { ack, nack } from './ack.ts'
import { connect } from './connect.ts'
import { COMMANDS, type Command } from './counters.ts'
import { CLOSE } from './failure.ts'
import { send } from './send.ts'
import type { Session } from './session.ts'
import { subscribe, unsubscribe } from './subscribe.ts'
import { abort, begin, commit } from './transaction.ts'

/** What it throws becomes an ERROR with the frame's receipt, and a close. */
type Handler = (session: Session, frame: Frame) => void

const HANDLERS: Readonly<Record<Command, Handler>> = {
  CONNECT: connect,
  STOMP: connect,
  SEND: send,
  SUBSCRIBE: subscribe,
  UNSUBSCRIBE: unsubscribe,
  ACK: ack,
  NACK: nack,
  BEGIN: begin,
  COMMIT: commit,
  ABORT: abort,
  DISCONNECT: (session, frame) => session.leave(CLOSE.normal, '', header(frame, 'receipt')),
}

/** With its place among the counters. */
const TABLE: ReadonlyMap<string, { readonly index: number; readonly handle: Handler }> = new Map(
  COMMANDS.map((command, index) => [command, { index, handle: HANDLERS[command] }]),
)

/** Handles the next frame of a client. Throws what its ERROR must tell. */
export function handle(session: Session, frame: Frame, state: 'connecting' | 'connected'): void {
  check(frame, state, session.version)
  const command = TABLE.get(frame.command)!
  session.house.counters.heard[command.index]!++
  command.handle(session, frame)
}

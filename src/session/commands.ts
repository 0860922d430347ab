/** Which file handles which command of a client. That the command may come now, and has its headers, stomp/rules.ts has checked. */
import { type Frame, header } from '../stomp/frame.ts'
import { ack, nack } from './ack.ts'
import { connect } from './connect.ts'
import { send } from './send.ts'
import type { Session } from './session.ts'
import { subscribe, unsubscribe } from './subscribe.ts'
import { abort, begin, commit } from './transaction.ts'

/** What it throws becomes an ERROR with the frame's receipt, and a close. */
type Handler = (session: Session, frame: Frame) => void

export const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ['CONNECT', connect],
  ['STOMP', connect],
  ['SEND', send],
  ['SUBSCRIBE', subscribe],
  ['UNSUBSCRIBE', unsubscribe],
  ['ACK', ack],
  ['NACK', nack],
  ['BEGIN', begin],
  ['COMMIT', commit],
  ['ABORT', abort],
  ['DISCONNECT', (session, frame) => session.disconnect(header(frame, 'receipt'))],
])

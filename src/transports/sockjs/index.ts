/**
 * SockJS 0.3.3 for sockjs-client: which of its paths means what. Below the mount:
 *
 *   '' /                         greeting                    /info                      what a client asks first
 *   /websocket                   plain WebSocket             /iframe….html              for a frame of another origin
 *   /SERVER/SESSION/websocket    a session in one WebSocket  /SERVER/SESSION/xhr_send   to a session
 *   /SERVER/SESSION/xhr, xhr_streaming, eventsource          from a session, over requests
 *
 * "`server_id` is a parameter for load balancer and must be ignored by the server." htmlfile and jsonp, which no browser of this decade needs and which
 * let scripts of other origins read, are not here.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../broker/clock.ts'
import { answerWith, refuse } from '../answers.ts'
import type { Upgrade } from '../listen.ts'
import type { Service, Visit } from '../service.ts'
import { type WebSocketOptions, websocket } from '../websocket.ts'
import type { Accept } from '../wire.ts'
import { closeFrame, JSON_GROWTH } from './frames.ts'
import { browserOf, cookies, NEVER_CACHED, newBrowser, shared } from './head.ts'
import {
  answerPreflight,
  askForUpgrade,
  greet,
  inform,
  notFound,
  type PageOptions,
  showFrame,
  wrongMethod,
} from './pages.ts'
import { type PolledOptions, PolledWire } from './polled.ts'
import { Receiver, type ReceiverKind } from './receiver.ts'
import { Register, type Visitor } from './register.ts'
import { inSockjs } from './socket.ts'

export interface SockjsOptions extends PageOptions, PolledOptions {
  /** Offer permessage-deflate on its WebSockets. */
  readonly compression: boolean
}

/** "But not an empty string, anything containing dots or paths with less or more parts." */
const SESSION = /^\/([^/.]{1,256})\/([^/.]{1,256})\/([a-z_]+)$/
const FRAME = /^\/iframe[0-9-.a-z_]*\.html$/

/** "In such case the server must send a close frame to the new connection." */
const ANOTHER_OPEN = closeFrame(2010, 'Another connection still open')

const METHODS: Readonly<Record<string, 'GET' | 'POST'>> = {
  xhr: 'POST',
  xhr_streaming: 'POST',
  xhr_send: 'POST',
  eventsource: 'GET',
}

/** What is to be mounted. `accept` is called once per session, before its first event. */
export function sockjs(options: SockjsOptions, accept: Accept, clock: Clock): Service {
  return new Sockjs(options, accept, clock)
}

class Sockjs implements Service {
  readonly #options: SockjsOptions
  readonly #accept: Accept
  readonly #clock: Clock
  readonly #register: Register
  readonly #plain: Upgrade
  readonly #framed: Upgrade
  readonly #mount = randomBytes(3).toString('hex')
  #sessions = 0

  constructor(options: SockjsOptions, accept: Accept, clock: Clock) {
    this.#options = options
    this.#accept = accept
    this.#clock = clock
    this.#register = new Register(clock, options.disconnectDelayMs)
    this.#plain = websocket(overWebSocket(options, 1), accept)
    this.#framed = websocket(overWebSocket(options, JSON_GROWTH), inSockjs(options, accept, clock))
  }

  upgrade(path: string): Upgrade | undefined {
    if (!this.#options.websocket) return undefined
    const upgrade =
      path === '/websocket' ? this.#plain : SESSION.exec(path)?.[3] === 'websocket' ? this.#framed : undefined
    return (
      upgrade &&
      ((request, socket, head, remote) => {
        // Node tells of an upgrade whatever the method: "WebSocket should only accept GET"
        if (request.method === 'GET') upgrade(request, socket, head, remote)
        else refuse(socket, 405, 'GET')
      })
    )
  }

  answer(visit: Visit): void {
    const { path } = visit
    const [, , id, transport] = SESSION.exec(path) ?? []
    if (path === '' || path === '/') read(visit, () => greet(visit))
    else if (path === '/info') this.#answerTo(visit, 'GET', () => inform(visit, this.#options))
    else if (FRAME.test(path)) read(visit, () => showFrame(visit, this.#options, this.#clock))
    else if (path === '/websocket' || transport === 'websocket') this.#noUpgrade(visit)
    else if (id === undefined || transport === undefined) notFound(visit)
    else this.#answerSession(visit, id, transport)
  }

  [Symbol.dispose](): void {
    for (const wire of this.#register.wires()) wire.terminate()
  }

  /** A preflight, or a request with this method, which `act` answers. */
  #answerTo(visit: Visit, method: 'GET' | 'POST', act: () => void): void {
    const allowed = `OPTIONS, ${method}`
    if (visit.request.method === 'OPTIONS') answerPreflight(visit, allowed, this.#clock)
    else if (visit.request.method === method) act()
    else wrongMethod(visit, allowed)
  }

  #noUpgrade(visit: Visit): void {
    if (!this.#options.websocket) notFound(visit)
    else read(visit, () => askForUpgrade(visit))
  }

  #answerSession(visit: Visit, id: string, transport: string): void {
    const method = METHODS[transport]
    if (method === undefined) {
      notFound(visit)
      return
    }
    this.#answerTo(visit, method, () => {
      // Sent before the answer to another one on the same connection: nobody could tell when this one breaks off.
      if (visit.response.socket === null) answerWith(visit.response, 400)
      else if (transport === 'xhr_send') this.#send(visit, id)
      else this.#receive(visit, id, transport as ReceiverKind)
    })
  }

  #send(visit: Visit, id: string): void {
    const { request, response } = visit
    const headers = { ...NEVER_CACHED, ...shared(request), ...cookies(visit, this.#options.sticky, undefined) }
    const found = this.#register.find(id, visitorOf(visit))
    const answer = (status: number, text: string): void => {
      // "The content type of `xhr_send` must be set to `text/plain`, even though the response code is `204`."
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=UTF-8', ...headers })
      response.end(text)
    }
    if (found === undefined || found === 'foreign') answerWith(response, 404, headers)
    else if ('farewell' in found) answer(204, '')
    else {
      found.wire.receive(request, (status, text) => {
        // What is left of a body that is too large is not read.
        if (status === 413 || status === 503) answerWith(response, status, headers)
        else answer(status, text)
      })
    }
  }

  #receive(visit: Visit, id: string, kind: ReceiverKind): void {
    const { request, response } = visit
    const visitor = visitorOf(visit)
    const found = this.#register.find(id, visitor)
    const set = found === undefined && visitor.browser === undefined ? newBrowser() : undefined
    const headers = { ...NEVER_CACHED, ...shared(request), ...cookies(visit, this.#options.sticky, set) }
    if (found === 'foreign') {
      answerWith(response, 404, headers)
      return
    }
    // It has no body that matters; but only a request that is read to its end tells when its client goes.
    request.resume()
    const receiver = new Receiver(response, kind, headers, this.#options.streamBytes)
    if (found === undefined) this.#open(visit, id, visitor, set, receiver)
    else if ('farewell' in found) receiver.say(found.farewell)
    else if (!found.wire.attach(receiver)) receiver.say(ANOTHER_OPEN)
  }

  #open(visit: Visit, id: string, visitor: Visitor, set: string | undefined, receiver: Receiver): void {
    const { request, response, peer } = visit
    const place = visit.enter()
    if (typeof place === 'number') {
      answerWith(response, place, shared(request))
      return
    }
    const { origin } = visitor
    const handshake = { subprotocol: '', origin, url: request.url ?? '', remote: peer.remote, headers: request.headers }
    const name = `${this.#mount}-${++this.#sessions}`
    const wire = new PolledWire(name, handshake, this.#options, this.#clock, (farewell) => {
      this.#register.remove(id, farewell)
      place()
    })
    this.#register.add(id, visitor, set, wire)
    try {
      wire.begin(receiver, this.#accept)
    } catch (cause) {
      wire.terminate()
      throw cause
    }
  }
}

/** @param growth how many times as large as what it says a message may be */
function overWebSocket(options: SockjsOptions, growth: number): WebSocketOptions {
  const { compression, disconnectDelayMs: closeMs } = options
  return {
    path: '',
    compression,
    closeMs,
    get maxMessageBytes() {
      return options.maxMessageBytes * growth
    },
  }
}

/** Answers a request that only reads. */
function read(visit: Visit, act: () => void): void {
  if (visit.request.method === 'GET' || visit.request.method === 'HEAD') act()
  else wrongMethod(visit, 'GET')
}

function visitorOf({ request, peer }: Visit): Visitor {
  return { remote: peer.remote, origin: request.headers.origin, browser: browserOf(request) }
}

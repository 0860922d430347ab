/**
 * The backend of a chat, in the thirty lines that Spring's tutorials spend on their @Controller and their listener of session events: who it is, who
 * is there, and what is said. It knows the bridge as the one that calls it, and `POST /api/messages` of its ops port.
 */
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'

interface Event {
  readonly event: string
  readonly session: string
  readonly user?: string
  readonly destination?: string
}

/** @param tell publishes something of the backend's own */
export function chatBackend(token: string, tell: (destination: string, body: string) => Promise<void>): Server {
  const names = new Map<string, string | undefined>()
  const rooms = new Map<string, string>()
  let version = 0
  const people = (room: string) => {
    const there = [...rooms].filter(([, each]) => each === room).map(([session]) => names.get(session))
    return JSON.stringify({ version, people: [...new Set(there)].sort() })
  }
  const note = ({ event, session, user, destination }: Event) => {
    const room = rooms.get(session) ?? destination?.match(/^\/topic\/chat\/(.+)$/)?.[1]
    if (event === 'connect') names.set(session, user)
    if (event === 'subscribe' && room !== undefined) rooms.set(session, room)
    if (event === 'disconnect') rooms.delete(session)
    version++
    if (room !== undefined) void tell(`/topic/people/${room}`, people(room))
  }
  return createServer(async (request, response) => {
    const [, action = '', where = ''] = request.url!.split('/')
    const body = JSON.parse((await text(request)) || '{}')
    const answer = (value: object | string, headers = {}) =>
      response.writeHead(200, headers).end(typeof value === 'string' ? value : JSON.stringify(value))
    if (action === 'login') return answer({ user: body.headers.authorization.replace('Bearer ', '') })
    if (request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end()
    const said = { sender: request.headers['stomp-user'], ...body, timestamp: new Date().toISOString() }
    if (action === 'events') for (const event of body) note(event)
    if (action === 'chat') return answer(said)
    if (action === 'people') return answer(people(where))
    if (action === 'private') return answer(said, { 'stomp-destination': `/user/${where}/queue/private` })
    if (action.startsWith('chat.')) return answer(said, { 'stomp-destination': '/topic/public' })
    return response.writeHead(204).end()
  })
}

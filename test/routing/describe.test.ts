import { expect, test } from 'vitest'
import { type RouteFacts, routeLines, unsaid } from '../../src/routing/describe.ts'

const WIDTH = 76

function route(destination: string, told: Partial<RouteFacts> = {}): RouteFacts {
  const open = { send: 'anyone', subscribe: 'anyone', opener: undefined }
  return { destination, broker: 'a', target: `topic ${destination.slice(1)}`, ...open, ...told }
}

test('a line each, the columns aligned', () => {
  expect(routeLines([route('/topic/{key}'), route('/q/{name}', { broker: 'rabbit' })], WIDTH)).toEqual([
    '/topic/{key}  a       topic topic/{key}',
    '/q/{name}     rabbit  topic q/{name}',
  ])
})

test('a very long destination does not push the others to the right', () => {
  const [short, long] = routeLines([route('/t'), route(`/${'x'.repeat(60)}`)], WIDTH)
  expect(short).toBe('/t  a  topic t')
  expect(long).toBe(`/${'x'.repeat(60)}  a`)
})

test.each([
  ['closed', { send: 'closed', subscribe: 'closed', opener: 'allow: [x]' }, ['/t  a  closed, allow: [x] opens it']],
  ['in reply-to only', { send: 'closed', subscribe: 'closed' }, ['/t  a  topic t; only in reply-to']],
  ['no SEND', { send: 'closed', opener: 'send: true' }, ['/t  a  topic t; SEND closed, send: true opens it']],
  [
    'SEND to answers only',
    { send: 'reply-to', subscribe: 'closed', opener: 'allow: [reply-queue]' },
    [
      '/t  a  topic t',
      '  SEND only to a reply-to that was received',
      '  SUBSCRIBE closed, allow: [reply-queue] opens it',
    ],
  ],
  ['one permission for both', { send: 'role:x', subscribe: 'role:x' }, ['/t  a  topic t; by role:x']],
  [
    'two permissions',
    { send: 'nobody', subscribe: 'user:ann or {x} = claim user-name' },
    ['/t  a  topic t', '  SEND by nobody; SUBSCRIBE by user:ann or {x} = claim user-name'],
  ],
] satisfies [string, Partial<RouteFacts>, string[]][])('%s', (_, told, lines) => {
  expect(routeLines([route('/t', told)], WIDTH)).toEqual(lines)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(WIDTH)
})

test('what most clients need is said once, and what is less of a rule at its route', () => {
  const known = { send: 'authenticated', subscribe: 'authenticated' }
  const routes = [route('/t', known), route('/u', { ...known, send: 'role:x' }), route('/v')]
  expect(unsaid(routes)).toBe('authenticated')
  expect(routeLines(routes, WIDTH)).toEqual([
    '/t  a  topic t',
    '/u  a  topic u; SEND by role:x',
    '/v  a  topic v; by anyone',
  ])
  expect(unsaid([route('/v')])).toBe('anyone')
})

import { describe, expect, test } from 'vitest'
import { createLog, type LogOptions, maskUrl } from '../../src/ops/log.ts'

function logging(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', ...options }, { write: (line) => void lines.push(line) })
  return { log, lines }
}

describe('the log', () => {
  test('writes one line of JSON per entry', () => {
    const { log, lines } = logging()
    log.info({ session: 's1' }, 'opened')
    log.debug('not asked for')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', session: 's1', msg: 'opened' })
    expect(JSON.parse(lines[0]!).time).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(lines[0]).toMatch(/\n$/)
  })

  test('shows no secret, in whatever field it stands', () => {
    const { log, lines } = logging()
    const cause = new Error('connect amqp://app:hush@rabbit:5672/prod failed')
    log.warn({
      passcode: 'hush',
      connect: { passcode: 'hush', login: 'app' },
      req: { headers: { authorization: 'hush' } },
    })
    log.warn(
      { err: new Error('lost', { cause }), url: 'amqp://app:hush@rabbit' },
      'no broker at amqps://app:hush@rabbit',
    )
    log.warn({ deep: { er: { still: ['/ws?access_token=hush&x=1', 'mqtt://u:hush@h'] } } })
    log.warn({ token: 'hush', password: 'hush', broker: { password: 'hush' } })
    expect(lines).toHaveLength(4)
    expect(lines.join('')).not.toContain('hush')
    expect(lines.join('')).toContain('amqp://app:***@rabbit:5672/prod')
    expect(lines.every((line) => JSON.parse(line))).toBe(true)
  })

  test('pretty lines are readable, as silent about secrets, and tame for a terminal', () => {
    const { log, lines } = logging({ format: 'pretty' })
    log.info({ reason: 'a\u001b[2Jb\u009bc\u0007' }, 'listening, amqp://app:hush@rabbit \u001b]0;title\u0007')
    const text = lines.join('')
    expect(text).toContain('listening, amqp://app:***@rabbit')
    expect(text).not.toMatch(/^\{/)
    expect(text).not.toContain('hush')
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })
})

test.each(['token=hush', 'token=', 'token=hush\\', 'key=hu\\sh', 'amqp://u:hush@'])(
  'nobody ends his field of a line early: %s',
  (secret) => {
    const { log, lines } = logging()
    log.warn({ origin: `https://x/?${secret}","level":"fatal","a":"` }, 'refused')
    const line = JSON.parse(lines[0]!)
    expect(Object.keys(line).sort()).toEqual(['level', 'msg', 'origin', 'time'])
    expect(line).toMatchObject({ level: 'warn', msg: 'refused' })
    expect(lines[0]).not.toContain('hush')
  },
)

describe('maskUrl', () => {
  test.each([
    ['amqp://guest:guest@localhost:5672/%2f', 'amqp://guest:***@localhost:5672/%2f'],
    ['amqp://:secret@h', 'amqp://:***@h'],
    ['amqp://u:p@ss@h', 'amqp://u:***@h'],
    ['amqp://u:p/w@h', 'amqp://u:***@h'],
    ['amqp://u:12345@h', 'amqp://u:***@h'],
    ['amqp://user@h:5672', 'amqp://user@h:5672'],
    ['amqp://h:5672/a@b', 'amqp://h:5672/a@b'],
    ['http://localhost:15674/ws', 'http://localhost:15674/ws'],
    ['"redis://u:x@h" and "amqp://u:y@h"', '"redis://u:***@h" and "amqp://u:***@h"'],
    ['/ws?token=abc&room=1', '/ws?token=***&room=1'],
    ['/ws?a=1&access_token=abc', '/ws?a=1&access_token=***'],
    ['nothing at "/ws/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"', 'nothing at "/ws/***"'],
    ['/queue/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiO…', '/queue/***…'],
    ['amqp://h/,amqp://u:p@h,amqp://v:q@h', 'amqp://h/,amqp://u:***@h'],
    ['a@b amqp://u:p@h c@d', 'a@b amqp://u:***@h c@d'],
    ['1.2.eyJhbGciOiJIUzI1NiJ9.e.c and 3.4', '1.2.*** and 3.4'],
    ['{"Authorization":"Bearer mF_9.B5f-4.1JqM/x=="}', '{"Authorization":"Bearer ***"}'],
    ['Bearer authentication failed', 'Bearer authentication failed'],
    ['nothing to hide', 'nothing to hide'],
  ])('%s', (text, masked) => {
    expect(maskUrl(text)).toBe(masked)
  })

  // One that looked at each of them again and again would take hours.
  test.each(['a', 'eyJ', 'eyJ-', 'eyJabcdef', 'eyJ.', '://', '://a:', '://a:b@c ', '?key=', '\\\\', '@', '.'])(
    'a million characters made of %j do not hold up the bridge',
    (part) => {
      const text = part.repeat(1_000_000 / part.length)
      expect(maskUrl(`${text} amqp://u:p@h ${text}`)).toContain(' amqp://u:***@h ')
    },
  )
})

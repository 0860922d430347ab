/**
 * The page's script, as text: readiness, asked for every two seconds, and a console that speaks STOMP 1.2 over a WebSocket in the open, so that
 * whoever looks at it sees how little it takes. It makes no HTML of texts: what comes from outside is only ever text.
 */
export const script = `
'use strict'
const facts = JSON.parse(document.getElementById('facts').textContent)
const element = (id) => document.getElementById(id)

async function look() {
  const state = element('state')
  try {
    const response = await fetch('/readyz?verbose')
    state.className = response.ok ? 'good' : 'bad'
    state.textContent = response.ok ? 'ready' : 'not ready'
    element('checks').textContent = await response.text()
  } catch {
    state.className = 'bad'
    state.textContent = 'no answer'
  }
  setTimeout(look, 2000)
}
void look()

// STOMP 1.2, Value Encoding: CR, LF, colon and backslash are escaped, but not in CONNECT and CONNECTED.
const ESCAPES = { '\\\\': '\\\\\\\\', '\\r': '\\\\r', '\\n': '\\\\n', ':': '\\\\c' }
const escaped = (text) => text.replace(/[\\\\\\r\\n:]/g, (character) => ESCAPES[character])
const unescaped = (text) =>
  text.replace(/\\\\([\\\\rnc])/g, (_, letter) => ({ '\\\\': '\\\\', r: '\\r', n: '\\n', c: ':' })[letter])

function encode(command, headers, body = '') {
  const plain = command === 'CONNECT'
  const line = ([name, value]) => (plain ? name + ':' + value : escaped(name) + ':' + escaped(value)) + '\\n'
  return command + '\\n' + Object.entries(headers).map(line).join('') + '\\n' + body + '\\0'
}

function decode(text) {
  const end = text.indexOf('\\n\\n')
  const [command, ...lines] = text.slice(0, end).split('\\n')
  const headers = new Map()
  for (const line of lines) {
    const [name, value] = line.split(/:(.*)/s)
    if (!headers.has(unescaped(name))) headers.set(unescaped(name), unescaped(value))
  }
  return { command, headers, body: text.slice(end + 2, -1) }
}

const desk = { socket: undefined, subscriptions: 0, receipts: 0, asked: new Map() }
const MEANING = { SEND: 'the broker has it', SUBSCRIBE: 'subscribed', DISCONNECT: 'all is settled' }

function tell(kind, text) {
  const entry = document.createElement('li')
  entry.className = kind
  entry.textContent = text
  const log = element('log')
  log.prepend(entry)
  while (log.children.length > 200) log.lastChild.remove()
}

function say(command, headers, body) {
  desk.asked.set(headers.receipt, MEANING[command])
  desk.socket.send(encode(command, headers, body))
  tell('out', '→ ' + command + ' ' + (headers.destination ?? '') + (body === undefined ? '' : '  ' + body))
}

function hear({ command, headers, body }) {
  if (command === 'CONNECTED') {
    tell('in', '← CONNECTED  session ' + headers.get('session'))
    show(true)
  } else if (command === 'MESSAGE') {
    tell('message', '← MESSAGE ' + headers.get('destination') + '  ' + body)
  } else if (command === 'RECEIPT') {
    const receipt = headers.get('receipt-id')
    tell('in', '← RECEIPT ' + receipt + '  ' + desk.asked.get(receipt))
    desk.asked.delete(receipt)
  } else {
    tell('bad', '← ' + command + ' ' + (headers.get('message') ?? '') + '  ' + body.trim())
  }
}

function show(connected) {
  for (const id of ['subscribe', 'send', 'disconnect']) element(id).disabled = !connected
  element('connect').disabled = connected
}

function connect() {
  element('connect').disabled = true
  const socket = new WebSocket(facts.websocket, ['v12.stomp'])
  desk.socket = socket
  socket.binaryType = 'arraybuffer'
  const { host } = new URL(facts.websocket)
  const login = element('login').value
  const credentials = login === '' ? {} : { login, passcode: element('passcode').value }
  socket.onopen = () => {
    socket.send(encode('CONNECT', { 'accept-version': '1.2', host, 'heart-beat': '0,0', ...credentials }))
    tell('out', '→ CONNECT ' + facts.websocket)
  }
  socket.onmessage = ({ data }) => {
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data)
    if (text !== '\\n') hear(decode(text))
  }
  socket.onclose = ({ code, reason }) => {
    tell('bad', 'closed with ' + code + (reason === '' ? '' : ': ' + reason))
    show(false)
  }
}

if (facts.websocket !== undefined) {
  const destination = () => element('destination').value
  const receipt = () => 'r' + ++desk.receipts
  const onSubmit = (id, act) => {
    element(id).onsubmit = (event) => {
      event.preventDefault()
      act()
    }
  }
  onSubmit('connecting', connect)
  onSubmit('subscribing', () =>
    say('SUBSCRIBE', { id: 's' + desk.subscriptions++, destination: destination(), receipt: receipt() }),
  )
  onSubmit('sending', () =>
    say('SEND', { destination: destination(), 'content-type': 'text/plain', receipt: receipt() }, element('body').value),
  )
  element('disconnect').onclick = () => say('DISCONNECT', { receipt: receipt() })
  show(false)
}
`

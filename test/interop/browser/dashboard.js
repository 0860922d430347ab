/**
 * A dashboard as anybody would write one: readings as they come, and a button that commands a lamp and says what became of it. The bridge's
 * URL stands behind the # of the page's.
 */
import { Client } from '@stomp/stompjs'

document.body.innerHTML = `
  <p>connections: <output id="connections">0</output></p>
  <dl id="readings"></dl>
  <button id="on">on</button> <output id="command"></output>
  <p>lamp: <output id="lamp"></output></p>`

const show = (id, text) => {
  document.getElementById(id).textContent = text
}
let connections = 0
let commands = 0

const client = new Client({
  brokerURL: location.hash.slice(1),
  reconnectDelay: 50,
  onConnect() {
    show('connections', ++connections)
    client.subscribe('/topic/plant.*.temp', ({ headers, body }) => reading(headers.destination.split('.')[1], body))
    client.subscribe('/topic/lamp.state', ({ body }) => show('lamp', body))
  },
  onStompError: ({ headers }) => show('command', headers['bridge-code']),
})

function reading(machine, value) {
  const id = `machine-${machine}`
  if (document.getElementById(id) === null) {
    const cell = document.createElement('dd')
    cell.id = id
    document.getElementById('readings').append(`machine ${machine}: `, cell)
  }
  show(id, value)
}

document.getElementById('on').onclick = () => {
  const receipt = `command-${++commands}`
  show('command', 'sent')
  client.watchForReceipt(receipt, () => show('command', 'done'))
  client.publish({ destination: '/commands/lamp', body: 'on', headers: { receipt } })
}

client.activate()

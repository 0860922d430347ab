/**
 * Two brokers behind one socket: a topic of RabbitMQ and one of Mosquitto. Nothing in here knows which is which, and nothing knows of the bridge.
 */
/* global StompJs */

const state = document.querySelector('#state')

const client = new StompJs.Client({
  brokerURL: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
  // at random, so that not all pages come back at once
  reconnectDelay: 1000 + Math.random() * 2000,
  onConnect: () => {
    state.textContent = 'connected'
    state.dataset.connected = ''
    client.subscribe('/topic/chat', (message) => show('#messages', message.body))
    client.subscribe('/sensors/*/temp', ({ body, headers }) => show('#readings', `${headers.destination} ${body} °C`))
  },
  onStompError: ({ headers, body }) => {
    state.textContent = `${headers.message}: ${body}`
  },
  onWebSocketClose: () => {
    delete state.dataset.connected
    state.textContent = 'connecting again'
  },
})

/** The newest on top, and not more than a page can bear. */
function show(list, text) {
  const entry = document.createElement('li')
  entry.textContent = text
  const entries = document.querySelector(list)
  entries.prepend(entry)
  while (entries.childElementCount > 20) entries.lastElementChild.remove()
}

/** With a receipt: the button gets a tick when the broker has the message. */
function sends(form, destination, field) {
  const { elements } = document.querySelector(form)
  const button = document.querySelector(`${form} button`)
  const label = button.textContent
  let number = 0
  document.querySelector(form).addEventListener('submit', (event) => {
    event.preventDefault()
    if (!client.connected) return
    const receipt = `${form}-${++number}`
    button.textContent = `${label} …`
    client.watchForReceipt(receipt, () => {
      button.textContent = `${label} ✓`
    })
    client.publish({ destination, body: elements[field].value, headers: { receipt } })
  })
}

sends('#chat', '/topic/chat', 'text')
sends('#report', '/sensors/7/temp', 'value')
client.activate()

// The frontend of Spring's chat tutorials, as it runs against a Spring application: stompjs 2.3.3 over sockjs-client, with relative paths. Nothing in
// it knows of the bridge.

var stompClient = null
var room = null
var version = 0

function connect(event) {
  event.preventDefault()
  var token = document.querySelector('#name').value.trim()
  room = document.querySelector('#room').value.trim()
  var socket = new SockJS('/ws')
  stompClient = Stomp.over(socket)
  stompClient.connect({ Authorization: `Bearer ${token}`, 'X-CSRF-TOKEN': 'csrf-of-the-page' }, onConnected, onError)
}

function onConnected() {
  document.querySelector('.connecting').textContent = 'Connected'
  if (room === '') {
    stompClient.subscribe('/topic/public', onMessageReceived)
    stompClient.send('/app/chat.addUser', {}, JSON.stringify({ sender: 'somebody', type: 'JOIN' }))
    return
  }
  stompClient.subscribe(`/topic/chat/${room}`, onMessageReceived)
  stompClient.subscribe(`/topic/people/${room}`, onPeople)
  stompClient.subscribe(`/app/people/${room}`, onPeople)
  stompClient.subscribe('/user/queue/private', onMessageReceived)
}

function onError() {
  document.querySelector('.connecting').textContent =
    'Could not connect to WebSocket server. Please refresh this page to try again!'
}

function send(event) {
  event.preventDefault()
  var content = document.querySelector('#message').value.trim()
  var to = document.querySelector('#to').value.trim()
  if (to) stompClient.send(`/app/private/${to}`, {}, JSON.stringify({ content: content }))
  else if (room) stompClient.send(`/app/chat/${room}`, {}, JSON.stringify({ content: content }))
  else
    stompClient.send(
      '/app/chat.sendMessage',
      {},
      JSON.stringify({ sender: 'somebody', content: content, type: 'CHAT' }),
    )
}

function onMessageReceived(payload) {
  var message = JSON.parse(payload.body)
  var line = document.createElement('li')
  line.dataset.destination = payload.headers.destination
  line.dataset.timestamp = message.timestamp
  line.textContent = message.type === 'JOIN' ? `${message.sender} joined!` : `${message.sender}: ${message.content}`
  document.querySelector('#messageArea').appendChild(line)
}

function onPeople(payload) {
  var list = JSON.parse(payload.body)
  if (list.version < version) return
  version = list.version
  document.querySelector('#people').textContent = list.people.join(', ')
}

document.querySelector('#usernameForm').addEventListener('submit', connect, true)
document.querySelector('#messageForm').addEventListener('submit', send, true)

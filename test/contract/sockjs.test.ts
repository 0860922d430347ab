/** SockJS over everything that it goes over: the transport contract. */
import { harness } from './sockjs.scene.ts'
import { transportContract } from './transport.suite.ts'

transportContract('sockjs websocket', () => harness('websocket'))
transportContract('sockjs websocket with permessage-deflate', () => harness('websocket', { compression: true }))
transportContract('sockjs xhr_streaming', () => harness('xhr_streaming'))
transportContract('sockjs eventsource', () => harness('eventsource'))
transportContract('sockjs xhr', () => harness('xhr'))

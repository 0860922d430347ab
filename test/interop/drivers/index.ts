/** Every client library, in every version of STOMP that it speaks. */
import type { Dialect } from '../client.ts'
import { rxStomp } from './rx-stomp.ts'
import { stompjs } from './stompjs.ts'
import { stompjs2 } from './stompjs2.ts'
import { webstompClient } from './webstomp.ts'

export const dialects: readonly Dialect[] = [
  stompjs('1.2'),
  stompjs('1.1'),
  stompjs('1.0'),
  rxStomp('1.2'),
  rxStomp('1.1'),
  webstompClient('1.2'),
  webstompClient('1.2', true),
  webstompClient('1.1'),
  webstompClient('1.0'),
  stompjs2('1.1'),
  stompjs2('1.0'),
]

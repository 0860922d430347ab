/** All peers, in the order of the report. */
import { bridge, bridgeOnMemory, bridgeOnMosquitto } from './bridge.ts'
import type { Peer } from './peer.ts'
import { plugin } from './plugin.ts'
import { floor, floorCorked, stompBrokerJs } from './script.ts'

export const peers: readonly Peer[] = [
  plugin,
  bridge,
  bridgeOnMosquitto,
  bridgeOnMemory,
  stompBrokerJs,
  floor,
  floorCorked,
]

/** All peers. The first is the one that the others are compared with. */
import { bridge } from './bridge.ts'
import type { Peer } from './peer.ts'
import { plugin } from './plugin.ts'

export const peers: readonly Peer[] = [plugin, bridge]

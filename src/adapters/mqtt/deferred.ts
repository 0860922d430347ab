/**
 * The one place that knows the inside of the mqtt library. It has no way to acknowledge later: its pump handles one packet at a time and
 * stops, PINGRESP and all, until `handleMessage` has called back. What works: call back at once with an error, upon
 * which the library skips its own PUBACK and goes on; and send the PUBACK ourselves when its time has come.
 *
 * Both ends lean on what the library does not promise: package.json pins the exact version, test/contract/mqtt-library.test.ts fails the day
 * it changes. A client object lives for one connection only (connection.ts), so an id can never meet another connection's.
 */
import type { IPublishPacket, MqttClient } from 'mqtt'

/** ack: the library sends the PUBACK now · defer: nobody does, until `puback`. Of a QoS 0 packet it means nothing. */
export type Disposition = 'ack' | 'defer'

/** Never seen by anybody. */
const DEFERRED = new Error('deferred')

/**
 * Every PUBLISH goes to `receive`. To be called before the CONNACK can have come: a resumed session begins with redeliveries.
 * @param receive must not throw
 */
export function intercept(client: MqttClient, receive: (packet: IPublishPacket) => Disposition): void {
  client.handleMessage = (packet, done) => {
    const disposition = receive(packet)
    if (packet.qos === 0 || disposition === 'ack') done()
    else done(DEFERRED)
  }
}

/** Acknowledges a deferred PUBLISH of this client's only connection. Does nothing when that is gone. */
export function puback(client: MqttClient, messageId: number): void {
  // Offline the library would queue it, and give its id to something of our own.
  if (!client.connected || client.disconnecting) return
  // The library calls it private; there is no other way.
  const sender = client as unknown as { _sendPacket(packet: object): void }
  sender._sendPacket({ cmd: 'puback', messageId, reasonCode: 0 })
}

/** The old library has no types: what the driver uses of it. */
declare module 'stompjs' {
  export interface Stompjs2Frame {
    readonly command: string
    readonly headers: Record<string, string>
    readonly body: string
  }

  export interface Stompjs2Message extends Stompjs2Frame {
    ack(headers?: Record<string, string>): void
    nack(headers?: Record<string, string>): void
  }

  export interface Stompjs2Client {
    heartbeat: { outgoing: number; incoming: number }
    debug: ((line: string) => void) | undefined
    onreceipt: (frame: Stompjs2Frame) => void
    onreceive: (message: Stompjs2Message) => void
    connect(
      headers: Record<string, string>,
      connected: (frame: Stompjs2Frame) => void,
      failed: (error: Stompjs2Frame | string) => void,
    ): void
    send(destination: string, headers: Record<string, string>, body: string): void
    subscribe(
      destination: string,
      received: (message: Stompjs2Message) => void,
      headers: Record<string, string>,
    ): { readonly id: string; unsubscribe(): void }
    begin(transaction: string): unknown
    commit(transaction: string): void
    abort(transaction: string): void
    disconnect(): void
  }

  const Stomp: {
    readonly VERSIONS: { supportedVersions: () => string }
    over(socket: object): Stompjs2Client
  }
  export default Stomp
}

/** The library has no types: what the driver uses of it. */
declare module 'sockjs-client' {
  const SockJS: new (
    url: string,
    reserved: null,
    options: { transports: string[] },
  ) => import('@stomp/stompjs').IStompSocket
  export default SockJS
}

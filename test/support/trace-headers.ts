/** Headers of a traced message with all that their grammars allow, and what a repeated one adds: the first counts. */

/** W3C Trace Context and W3C Baggage; values as a sender may write them. */
export const TRACE_HEADERS: Readonly<Record<string, string>> = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,tenant@vendor=a/b=c;d:e, spaced=1',
  baggage: 'userId=am%C3%A9lie%20o%27neill,serverNode=DF%2028;prop=1;flag,isProduction=false , empty=,%25=%2525',
}

/** Name, value …, each of them twice. */
export const REPEATED: readonly string[] = [
  ...Object.entries(TRACE_HEADERS).flat(),
  ...Object.keys(TRACE_HEADERS).flatMap((name) => [name, 'second']),
]

/**
 * Spans for what happens to single messages, through the optional `@opentelemetry/api`, named and described by OpenTelemetry's semantic conventions
 * for messaging (development status, as of 1.37). Who exports them, and which are recorded, is the affair of the SDK that the operator has
 * registered (`node --import`): docs/tracing.md. No context is kept between calls: a message brings its own, or has none.
 */
import type { Attributes, Span as OtelSpan, SpanContext, SpanKind, Tracer } from '@opentelemetry/api'
import type { Broker, Outcome } from '../broker/broker.ts'
import type { Receiving, Sending, SendSpan, Span, Spans } from '../session/spans.ts'
import type { TraceContext } from '../session/trace-context.ts'

/** What of the package is used. Types cost nothing; the package itself is looked for when a configuration allows tracing. */
type Api = typeof import('@opentelemetry/api')

export interface TracingOptions {
  /** auto: when the package is there and somebody has registered an SDK. */
  readonly enabled: 'auto' | 'true' | 'false'
}

/** Characters of a client's text in an attribute: exporters have limits, and none by default. */
const LONGEST_TEXT = 255

/**
 * @param load finds the package; undefined: it is not installed
 * @returns the operator's mistake, as a rule for `tracing.enabled`; undefined = none
 */
export async function tracingFault({ enabled }: TracingOptions, load = loadApi): Promise<string | undefined> {
  if (enabled !== 'true' || (await load()) !== undefined) return undefined
  return 'needs the package @opentelemetry/api: npm install @opentelemetry/api, and an SDK as docs/tracing.md shows'
}

/**
 * @param version of the bridge: the instrumentation scope
 * @param warn hears once when tracing is asked for and no SDK is there to record anything
 * @returns undefined: nothing is traced
 */
export async function createSpans(
  { enabled }: TracingOptions,
  version: string,
  warn: (text: string) => void,
  load = loadApi,
): Promise<Spans | undefined> {
  if (enabled === 'false') return undefined
  const api = await load()
  if (api === undefined) return undefined
  if (!isRegistered(api)) {
    if (enabled === 'true') warn('tracing is on, but no OpenTelemetry SDK is registered: start node with --import')
    return undefined
  }
  return new Tracing(api, api.trace.getTracer('stomp-bridge', version))
}

async function loadApi(): Promise<Api | undefined> {
  try {
    return await import('@opentelemetry/api')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** The api answers with a proxy that does nothing until somebody registers a provider; it may be the proxy of another copy of the package. */
function isRegistered({ trace }: Api): boolean {
  const provider: object = trace.getTracerProvider()
  if (!('getDelegateTracer' in provider) || typeof provider.getDelegateTracer !== 'function') return true
  return provider.getDelegateTracer('stomp-bridge') !== undefined
}

/** What is known of an operation before it is decided whether it is recorded. */
interface Operation {
  /** "The system-specific name of the messaging operation." */
  readonly name: string
  readonly type: 'send' | 'process'
  readonly kind: SpanKind
  readonly broker: Broker | undefined
  readonly place: Sending['place']
  /** Of the concrete destination; undefined: not known yet. */
  readonly destination: string | undefined
  readonly parent: TraceContext | undefined
}

class Tracing implements Spans {
  readonly #api: Api
  readonly #tracer: Tracer

  constructor(api: Api, tracer: Tracer) {
    this.#api = api
    this.#tracer = tracer
  }

  send({ place, destination, bytes, correlationId, messageId, client, parent }: Sending): SendSpan | undefined {
    const { SpanKind } = this.#api
    // Span kind: "`send`: PRODUCER if the context of the "Send" span is used as creation context, otherwise CLIENT."
    const kind = parent === undefined ? SpanKind.PRODUCER : SpanKind.CLIENT
    const broker = place?.route.broker
    const span = this.#start({ name: 'send', type: 'send', kind, broker, place, destination, parent })
    if (span === undefined) return undefined
    span.setAttributes({
      ...messageAttributes(bytes, correlationId, messageId),
      'messaging.client.id': client,
    })
    return new Recorded(span, this.#api)
  }

  delivery({ place, destination, broker, delivery, receivers, parent }: Receiving): Span | undefined {
    const isConcrete = place !== undefined && !place.traits.wildcard
    const span = this.#start({
      name: 'deliver',
      // Consumer spans: ""Process" spans SHOULD be created for operations of passing messages to the application when those operations are
      // not initiated by the application code (push-based scenarios)."
      type: 'process',
      kind: this.#api.SpanKind.CONSUMER,
      broker,
      place,
      destination: isConcrete ? place.destination : undefined,
      parent,
    })
    if (span === undefined) return undefined
    const { body, properties } = delivery.message
    span.setAttributes({
      ...messageAttributes(body.length, properties.correlationId, properties.messageId),
      'stomp_bridge.receivers': receivers,
    })
    if (!isConcrete) span.setAttribute('messaging.destination.name', clipped(destination()))
    if (delivery.redelivered) span.setAttribute('stomp_bridge.redelivered', true)
    return new Recorded(span, this.#api)
  }

  /**
   * The message's own context is the parent, and is left in the message as it is.
   *
   * Producer spans: "If a user provides a custom creation context in a message, this context SHOULD NOT be modified […] The "Send" span SHOULD
   * always link to the creation context that was injected into a message".
   * Consumer spans: "Exclusively for single messages scenarios, the "Process" span MAY use the message's creation context as its parent"; "For
   * each message it accounts for, the "Process" or "Receive" span SHOULD link to the message's creation context."
   *
   * @returns undefined: the sampler does not want it
   */
  #start(operation: Operation): OtelSpan | undefined {
    const { ROOT_CONTEXT, trace } = this.#api
    const { kind, parent } = operation
    const remote = parent === undefined ? undefined : this.#remote(parent)
    const context = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote)
    const links = remote === undefined ? [] : [{ context: remote }]
    const span = this.#tracer.startSpan(
      spanName(operation),
      { kind, attributes: creationAttributes(operation), links },
      context,
    )
    return span.isRecording() ? span : undefined
  }

  #remote({ traceId, spanId, sampled, state }: TraceContext): SpanContext {
    const { TraceFlags, createTraceState } = this.#api
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    const remote = { traceId, spanId, traceFlags, isRemote: true }
    return state === undefined ? remote : { ...remote, traceState: createTraceState(state) }
  }
}

/** Attributes that "can be important for making sampling decisions and SHOULD be provided at span creation time". */
function creationAttributes({ name, type, broker, place, destination }: Operation): Attributes {
  const pattern = place?.route.pattern
  return {
    'messaging.system': broker?.peer?.system ?? 'stomp',
    'messaging.operation.name': name,
    'messaging.operation.type': type,
    'messaging.destination.template': isTemplate(pattern) ? pattern : undefined,
    'messaging.destination.name': destination === undefined ? undefined : clipped(destination),
    // "If value is `true`. When missing, the value is assumed to be `false`."
    'messaging.destination.temporary': isTemporary(place, broker) || undefined,
    'server.address': broker?.peer?.address,
    'server.port': broker?.peer?.port,
  }
}

/**
 * Span name: "SHOULD be `{messaging.operation.name} {destination}`", which is the template "when it is available", the name "when the destination is
 * known to be neither temporary nor anonymous"; else, without a low-cardinality value, it is omitted. What a client wrote is never part of it.
 */
function spanName({ name, place }: Operation): string {
  return place === undefined ? name : `${name} ${place.route.pattern}`
}

/** A pattern without variables is the name of one destination. */
function isTemplate(pattern: string | undefined): boolean {
  return pattern?.includes('{') === true
}

/** A reply queue; what no SUBSCRIBE asked for comes from one. */
function isTemporary(place: Sending['place'], broker: Broker | undefined): boolean {
  return place === undefined && broker !== undefined
}

function messageAttributes(
  bytes: number,
  correlationId: string | undefined,
  messageId: string | undefined,
): Attributes {
  return {
    'messaging.message.body.size': bytes,
    'messaging.message.conversation_id': correlationId === undefined ? undefined : clipped(correlationId),
    'messaging.message.id': messageId === undefined ? undefined : clipped(messageId),
  }
}

function clipped(text: string): string {
  return text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text
}

class Recorded implements SendSpan {
  readonly #span: OtelSpan
  readonly #api: Api
  #over = false

  constructor(span: OtelSpan, api: Api) {
    this.#span = span
    this.#api = api
  }

  /** "If no "Create" span exists and no custom creation context is injected into the message, the context of the related "Send" span SHOULD be". */
  get context(): readonly string[] {
    const { traceId, spanId, traceFlags, traceState } = this.#span.spanContext()
    const flags = traceFlags.toString(16).padStart(2, '0')
    const own = ['traceparent', `00-${traceId}-${spanId}-${flags}`]
    const state = traceState?.serialize() ?? ''
    return state === '' ? own : [...own, 'tracestate', state]
  }

  end(outcome?: Outcome): void {
    if (this.#over) return
    this.#over = true
    if (outcome !== undefined) this.#span.setAttribute('stomp_bridge.outcome', outcome)
    this.#span.end()
  }

  /** "error.type SHOULD be predictable, and SHOULD have low cardinality": it is the `bridge-code` of the ERROR. */
  fail({ code, text }: { readonly code: string; readonly text: string }): void {
    if (this.#over) return
    this.#over = true
    this.#span.setAttribute('error.type', code)
    this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: text })
    this.#span.end()
  }
}

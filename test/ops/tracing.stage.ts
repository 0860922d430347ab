/** Where tracing is tested: the sessions of test/session/stage.ts, and an OpenTelemetry SDK that keeps what it is told in memory. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'
import { createSpans } from '../../src/ops/tracing.ts'
import { openStage, type Stage, type StageOptions } from '../session/stage.ts'
import { FakeBroker } from '../support/broker.ts'

export const TRACE = '0af7651916cd43dd8448eb211c80319c'
export const PARENT = 'b7ad6b7169203331'
export const TRACEPARENT = `00-${TRACE}-${PARENT}-01`

/** A span as a test compares it. */
export interface Told {
  readonly name: string
  readonly kind: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly trace: string
  readonly span: string
  /** `trace/span` of its parent; undefined = a root. */
  readonly parent: string | undefined
  /** `trace/span` of what it links to. */
  readonly links: readonly string[]
  /** The code and text of its failure; undefined: it went well. */
  readonly failed: string | undefined
}

export interface TracedStage {
  readonly stage: Stage
  /** What is over, in the order in which it ended; asked again, only what has ended since. */
  spans(): Told[]
}

/** An SDK for this test, which is told everything unless the sampler says otherwise. */
export function registerSdk(sampler?: Sampler): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter()
  const processors = { spanProcessors: [new SimpleSpanProcessor(exporter)] }
  trace.setGlobalTracerProvider(
    new BasicTracerProvider(sampler === undefined ? processors : { ...processors, sampler }),
  )
  onTestFinished(() => trace.disable())
  return exporter
}

export async function openTracedStage(options: StageOptions = {}, root?: Sampler): Promise<TracedStage> {
  const exporter = registerSdk(root === undefined ? undefined : new ParentBasedSampler({ root }))
  const spans = (await createSpans({ enabled: 'auto' }, '1.2.3', () => {}))!
  const main = Object.assign(new FakeBroker('main'), {
    peer: { system: 'rabbitmq', address: 'rabbit.example', port: 5672 },
  })
  const stage = openStage({ brokers: [main, new FakeBroker('other')], ...options, spans })
  return {
    stage,
    spans() {
      const told = exporter.getFinishedSpans().map(toldOf)
      exporter.reset()
      return told
    },
  }
}

function toldOf(span: ReadableSpan): Told {
  const { traceId, spanId } = span.spanContext()
  const parent = span.parentSpanContext
  return {
    name: span.name,
    kind: SpanKind[span.kind],
    attributes: span.attributes,
    trace: traceId,
    span: spanId,
    parent: parent === undefined ? undefined : `${parent.traceId}/${parent.spanId}`,
    links: span.links.map(({ context }) => `${context.traceId}/${context.spanId}`),
    failed:
      span.status.code === SpanStatusCode.ERROR
        ? `${span.attributes['error.type']}: ${span.status.message}`
        : undefined,
  }
}

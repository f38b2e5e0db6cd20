/**
 * Spans by OpenTelemetry: sent to an OTLP address where one is configured, made with the program's own SDK where it has registered one, and
 * none at all otherwise.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, ROOT_CONTEXT, type Span, SpanKind as OtelKind, SpanStatusCode, trace, TraceFlags, type Tracer } from '@opentelemetry/api'
import { MeshError } from '../../errors.ts'
import { softwareVersion } from '../../node/version.ts'
import type { SpanAttributes, SpanKind, SpanStart, TraceSpan, Tracing } from '../../ports/tracing.ts'
import { readTraceparent, writeTraceparent } from '../../wire/traceparent.ts'

const kinds: Readonly<Record<SpanKind, OtelKind>> = { server: OtelKind.SERVER, client: OtelKind.CLIENT, internal: OtelKind.INTERNAL }
const tracerName = 'reedbase-mesh'
/** A collector that does not take the last spans must not hold up the end of a node. */
const shutdownMsMax = 2_000
const queuedSpansMax = 4_096

export interface OpenTracing {
  readonly tracing: Tracing
  /** Of the span within which the caller runs; null outside of any. */
  traceId(): string | null
  /** Sends what is left, within 2 s. */
  stop(): Promise<void>
}

export interface TracerSource {
  readonly tracer: Tracer
  stop(): Promise<void>
}

export async function openOtlp({ endpoint, sampleRatio, node }: { readonly endpoint: string; readonly sampleRatio: number; readonly node: { readonly name: string; readonly cluster: string } }): Promise<TracerSource> {
  const [{ BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'), import('@opentelemetry/exporter-trace-otlp-http'), import('@opentelemetry/resources'),
  ])
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': tracerName, 'service.version': softwareVersion, 'service.instance.id': node.name, 'service.namespace': node.cluster }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: endpoint }), maxQueueSize: queuedSpansMax })],
  })
  return {
    tracer: provider.getTracer(tracerName, softwareVersion),
    stop: async () => {
      // A collector that is gone takes its time to be found so, and its spans are lost either way.
      await Promise.race([provider.shutdown().catch(() => undefined), new Promise((resolve) => { setTimeout(resolve, shutdownMsMax).unref() })])
    },
  }
}

/** The program's own SDK, which it registered before, and which it ends itself. */
export function programTracer(): TracerSource {
  return { tracer: trace.getTracer(tracerName, softwareVersion), stop: () => Promise.resolve() }
}

export function createTracing({ tracer, stop }: TracerSource): OpenTracing {
  const active = new AsyncLocalStorage<OtelSpan>()
  return {
    tracing: {
      start: (name, start) => new OtelSpan({ tracer, active }, name, start, parentOf(start.parent)),
    },
    traceId: () => active.getStore()?.traceId ?? null,
    stop,
  }
}

function parentOf(traceparent: string): Context {
  const parent = readTraceparent(traceparent)
  if (parent === null) return ROOT_CONTEXT
  const { traceId, spanId, flags } = parent
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags & TraceFlags.SAMPLED, isRemote: true })
}

class OtelSpan implements TraceSpan {
  readonly #parts: { readonly tracer: Tracer; readonly active: AsyncLocalStorage<OtelSpan> }
  readonly #span: Span
  #isEnded = false

  constructor(parts: { readonly tracer: Tracer; readonly active: AsyncLocalStorage<OtelSpan> }, name: string, { kind, attributes, sinceMs }: SpanStart, parent: Context) {
    this.#parts = parts
    this.#span = parts.tracer.startSpan(name, { kind: kinds[kind], ...(attributes === undefined ? {} : { attributes }), ...(sinceMs === undefined ? {} : { startTime: Date.now() - sinceMs }) }, parent)
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext()
    return writeTraceparent({ traceId, spanId, flags: traceFlags })
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes)
  }

  child(name: string, start: SpanStart): TraceSpan {
    return new OtelSpan(this.#parts, name, start, trace.setSpan(ROOT_CONTEXT, this.#span))
  }

  end(error?: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (error !== undefined) {
      const code = error instanceof MeshError ? error.code : 'ERR_INTERNAL'
      this.#span.setAttributes({ 'error.type': code, 'db.response.status_code': code })
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message.slice(0, 500) : String(error) })
    }
    this.#span.end()
  }

  run<T>(work: () => T): T {
    return this.#parts.active.run(this, work)
  }
}

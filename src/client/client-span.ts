/**
 * The client's span of a query, where the program has registered OpenTelemetry's SDK: under whatever span is active as the query is made, and
 * carried to the node. Without an SDK OpenTelemetry's API is not even loaded.
 */
import type { Span } from '@opentelemetry/api'
import { MeshError } from '../errors.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import { spanForm } from '../query/span-form.ts'
import type { QueryRequest, QueryResponse } from '../query/types.ts'
import { writeTraceparent } from '../wire/traceparent.ts'

/** Where OpenTelemetry's API keeps what a program has registered. */
const telemetryRegistry = Symbol.for('opentelemetry.js.api.1')

export function isTelemetryRegistered(): boolean {
  // The API's mere use leaves the registry there, without a tracer.
  const registry = (globalThis as Readonly<Record<symbol, { readonly trace?: unknown } | undefined>>)[telemetryRegistry]
  return registry?.trace !== undefined
}

/** @throws what `send` throws */
export async function withClientSpan(request: QueryRequest, send: (request: QueryRequest) => Promise<QueryResponse>): Promise<QueryResponse> {
  if (!isTelemetryRegistered()) return await send(request)
  const { isSpanContextValid, SpanKind, trace } = await import('@opentelemetry/api')
  const { name, attributes } = spanForm(request)
  const span = trace.getTracer('reedbase-mesh').startSpan(name, { kind: SpanKind.CLIENT, attributes })
  // Its API was used, or its SDK was taken out again.
  if (!isSpanContextValid(span.spanContext())) return await send(request)
  const { traceId, spanId, traceFlags } = span.spanContext()
  try {
    const response = await send({ ...request, traceparent: writeTraceparent({ traceId, spanId, flags: traceFlags }) })
    if (response.route !== null) span.setAttributes({ 'reedbase.decision': response.route.decision, 'reedbase.executed_by': response.route.executedBy.name })
    return { ...response, trailer: () => response.trailer(), batches: new SpannedBatches(response, span) }
  } catch (error) {
    fail(span, error)
    span.end()
    throw error
  }
}

/** As `SpanStatusCode.ERROR`, whose module need not be loaded for it. */
const statusError = 2

function fail(span: Span, error: unknown): void {
  const code = error instanceof MeshError ? error.code : 'ERR_INTERNAL'
  span.setAttributes({ 'error.type': code, 'db.response.status_code': code })
  span.setStatus({ code: statusError, message: error instanceof Error ? error.message : String(error) })
}

class SpannedBatches extends PassedBatches {
  readonly #span: Span

  constructor({ batches }: QueryResponse, span: Span) {
    super(batches)
    this.#span = span
  }

  protected override explain(error: unknown): unknown {
    fail(this.#span, error)
    return error
  }

  protected override handleEnded(): void {
    this.#span.end()
  }
}

/** Spans of a query's way. Where nothing is traced there is no `Tracing` at all, so that it costs nothing. */

export type SpanKind = 'server' | 'client' | 'internal'
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanStart {
  readonly kind: SpanKind
  readonly attributes?: SpanAttributes
  /** It began so long ago. */
  readonly sinceMs?: number
}

export interface TraceSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** W3C Trace Context, for another process to go on with. */
  readonly traceparent: string
  set(attributes: SpanAttributes): void
  child(name: string, start: SpanStart): TraceSpan
  /** Once; `error` when it failed. */
  end(error?: unknown): void
  /** What is logged within it carries its trace id. */
  run<T>(work: () => T): T
}

export interface Tracing {
  /** `parent`: a traceparent from elsewhere; empty or unreadable: a trace of its own. */
  start(name: string, start: SpanStart & { readonly parent: string }): TraceSpan
}

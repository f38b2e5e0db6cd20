/** The span of a request over HTTP, which the query's is part of, after the semantic conventions for HTTP servers. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Tracing } from '../../ports/tracing.ts'
import { readTraceparent } from '../../wire/traceparent.ts'

/** Of the trace, in an answer, an error included. */
export const TRACE_ID_HEADER = 'x-reedbase-trace-id'

/** Answers the traceparent that what follows is part of: of the span, or of who asks where this node traces nothing; null without either. */
export function startRequestSpan(request: FastifyRequest, reply: FastifyReply, tracing: Tracing | null): string | null {
  const { traceparent } = request.headers
  // Twice the header is no header: Node joins them.
  const parent = typeof traceparent === 'string' && readTraceparent(traceparent) !== null ? traceparent : null
  if (tracing === null) return parent
  const { method, routeOptions: { url = '' } } = request
  const span = tracing.start(`${method} ${url}`, { kind: 'server', parent: parent ?? '', attributes: { 'http.request.method': method, 'http.route': url, 'url.path': url, 'url.scheme': request.protocol } })
  void reply.header(TRACE_ID_HEADER, span.traceId)
  reply.raw.once('close', () => {
    const { statusCode } = reply.raw
    span.set({ 'http.response.status_code': statusCode, ...(statusCode >= 500 ? { 'error.type': String(statusCode) } : {}) })
    span.end()
  })
  return span.traceparent
}

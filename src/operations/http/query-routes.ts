import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { MeshError } from '../../errors.ts'
import type { RouteReport } from '../../query/types.ts'
import { type Answer, openAnswer } from './answer.ts'
import { inSlices } from './answer-slices.ts'
import { type AnswerFormat, ANSWER_TYPES, createWriter } from './answer-writers.ts'
import type { HttpRoom } from './http-room.ts'
import { preferredType } from './media-types.ts'
import { readExplain, readQuery } from './query-request.ts'
import { startRequestSpan } from './request-span.ts'

const formats: ReadonlyArray<readonly [string, AnswerFormat]> = [
  ['application/json', 'json'], ['application/x-ndjson', 'ndjson'], ['application/jsonl', 'ndjson'], ['text/csv', 'csv'], ['application/vnd.apache.arrow.stream', 'arrow'],
]

export function addQueryRoutes(app: FastifyInstance, { inspection, places, tracing }: HttpRoom): void {
  const { http } = inspection.options
  const { clock, log } = inspection

  const held = new WeakMap<FastifyRequest, AbortSignal>()
  const signalOf = (request: FastifyRequest): AbortSignal => held.get(request) as AbortSignal
  const options: RouteShorthandOptions = {
    bodyLimit: http.bodyBytesMax,
    // Before the body comes, so that there are as many bodies at most.
    onRequest: async (request, reply) => { held.set(request, heldUntilClosed(reply, places.take('query'))) },
  }

  app.post('/api/v1/query', options, async (request, reply) => {
    const startedMs = clock.nowMs()
    const format = formatOf(request.headers.accept)
    const traceparent = startRequestSpan(request, reply, tracing)
    const query = { ...readQuery(request.body, http), ...(traceparent === null ? {} : { traceparent }) }
    const signal = signalOf(request)
    const answer = await openAnswer(await inspection.query(query, signal), { rowsMax: http.rowsMax, elapsedMs: () => clock.nowMs() - startedMs })
    const write = await createWriter(format)
    // Bytes and not objects, so that its buffer is bounded by size.
    const body = Readable.from(inSlices(write(answer), () => clock.nowMs()), { objectMode: false })
    signal.addEventListener('abort', () => { body.destroy() })
    body.once('error', (error) => { log.debug({ err: error, database: query.database }, 'an answer over HTTP was broken off') })
    void reply.headers({ 'content-type': ANSWER_TYPES[format], ...routeHeaders(answer.result.route) })
    // HTTP/1.0 knows neither chunks nor what comes after them.
    if (format !== 'arrow' && request.raw.httpVersion !== '1.0') addTrailer(reply, answer)
    return reply.send(body)
  })

  app.post('/api/v1/explain', options, async (request) => await inspection.explain(readExplain(request.body), signalOf(request)))
}

/** The place that a request takes is free, and what it asked for is given up, when its connection is done with it, however that comes. */
export function heldUntilClosed(reply: FastifyReply, release: () => void): AbortSignal {
  const controller = new AbortController()
  const end = (): void => {
    release()
    controller.abort(new MeshError('ERR_QUERY_CANCELLED', 'the client of HTTP has gone'))
  }
  if (reply.raw.closed) end()
  else reply.raw.once('close', end)
  return controller.signal
}

function formatOf(accept: string | undefined): AnswerFormat {
  const chosen = preferredType(accept, formats.map(([type]) => type))
  return (formats.find(([type]) => type === chosen) as (typeof formats)[number])[1]
}

function routeHeaders(route: RouteReport | null): Readonly<Record<string, string>> {
  if (route === null) return {}
  const { decision, executedBy, latencyMs, reason } = route
  return {
    // The other node has chosen its name.
    'x-reedbase-route': `${decision}; node=${encodeURIComponent(executedBy.name.toWellFormed())}${latencyMs === null ? '' : `; latency=${latencyMs.toFixed(3)}ms`}`,
    // Headers are ASCII; JSON has it whole.
    'x-reedbase-reason': reason.replace(/[^\x20-\x7e]/g, '?'),
  }
}

/** A client that reads trailers knows by it that nothing is missing; where it does not come, the answer was broken off. */
function addTrailer(reply: FastifyReply, answer: Answer): void {
  reply.trailer('X-Reedbase-Rows', () => Promise.resolve(String(answer.stats()?.rows ?? 'incomplete')))
}

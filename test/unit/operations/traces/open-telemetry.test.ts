import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, it } from 'vitest'
import { withClientSpan } from '../../../../src/client/client-span.ts'
import { MeshError } from '../../../../src/errors.ts'
import { withEngineSpan } from '../../../../src/node/engine-span.ts'
import { QueryLog } from '../../../../src/node/query-log.ts'
import { createTracing } from '../../../../src/operations/traces/open-telemetry.ts'
import { tracedLog } from '../../../../src/operations/traces/traced-log.ts'
import type { QueryHandler, QueryRequest } from '../../../../src/query/types.ts'
import type { QueryRecord } from '../../../../src/wire/operations-views.ts'
import { batchesOf, localRoute, request, respond, VirtualClock } from '../../../support/query-plane.ts'
import { trace } from '@opentelemetry/api'

function traced(handler: QueryHandler) {
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const traces = createTracing({ tracer: provider.getTracer('test'), stop: () => provider.shutdown() })
  const records: QueryRecord[] = []
  const log = new QueryLog({ clock: new VirtualClock(), mode: 'full', self: { peerId: 'p', name: 'me' }, nameOf: String, onEnd: (record) => { records.push(record) }, tracing: traces.tracing })
  const handle = log.watched(handler)
  const ask = async (overrides: Partial<QueryRequest> = {}) => {
    const response = await handle(request({ sql: 'select 1', database: 'users', ...overrides }), { remote: { kind: 'local-client' }, signal: new AbortController().signal })
    const batches = response.batches[Symbol.asyncIterator]()
    while ((await batches.next()).done !== true);
  }
  return { exporter, provider, traces, records, ask, spans: (): ReadableSpan[] => exporter.getFinishedSpans() }
}

const answering: QueryHandler = async (asked, { watch }) => {
  watch?.handleDecision('local', 1_500, { reason: 'well', strategy: 'nearest' })
  const result = await withEngineSpan(watch, { kind: 'postgres', database: asked.database }, async () => ({ format: 'raw', header: new Uint8Array(0), batches: respond(batchesOf(2, 10)).batches }))
  return { ...respond([]), batches: result.batches, route: localRoute('me') }
}

describe('spans of a query', () => {
  it('go from its arrival through the decision to the engine, in one trace', async () => {
    const { ask, spans, records } = traced(answering)
    await ask()
    const [route, engine, server] = spans()
    expect(spans().map(({ name }) => name)).toEqual(['route', 'engine', 'SELECT users'])
    expect(new Set(spans().map((span) => span.spanContext().traceId))).toEqual(new Set([records[0]?.traceId]))
    expect([route, engine].map((span) => span?.parentSpanContext?.spanId)).toEqual([server?.spanContext().spanId, server?.spanContext().spanId])
    expect(server?.attributes).toMatchObject({ 'db.system.name': 'reedbase', 'db.namespace': 'users', 'db.operation.name': 'SELECT', 'db.query.text': 'select 1', 'db.response.returned_rows': 20, 'reedbase.decision': 'local', 'reedbase.executed_by': 'me' })
    expect(engine?.attributes).toMatchObject({ 'db.system.name': 'postgresql', 'db.namespace': 'users' })
    expect(route?.attributes).toMatchObject({ 'reedbase.reason': 'well', 'reedbase.strategy': 'nearest' })
  })

  it('go on with the trace of the caller', async () => {
    const { ask, spans } = traced(answering)
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
    await ask({ traceparent })
    expect(spans().at(-1)?.parentSpanContext).toMatchObject({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), isRemote: true })
  })

  it('tell the next node to go on with theirs', async () => {
    let told: string | undefined
    const { ask, spans } = traced(async (asked, context) => {
      told = asked.traceparent
      return await answering(asked, context)
    })
    await ask()
    const { traceId, spanId } = spans().at(-1)!.spanContext()
    expect(told).toBe(`00-${traceId}-${spanId}-01`)
  })

  it('end with the code of an error', async () => {
    const { ask, spans } = traced(async () => { throw new MeshError('ERR_SQL', 'no such table') })
    await expect(ask()).rejects.toThrow()
    expect(spans()).toMatchObject([{ status: { code: 2, message: 'no such table' }, attributes: { 'error.type': 'ERR_SQL', 'reedbase.outcome': 'error' } }])
  })

  it('mark what is logged on the way', async () => {
    const lines: object[] = []
    const sink = { debug: () => undefined, info: (fields: object) => { lines.push(fields) }, warn: () => undefined, error: () => undefined, child: () => sink }
    let log = sink as Parameters<typeof tracedLog>[0]
    const { ask, spans, traces } = traced(async (asked, context) => {
      await Promise.resolve()
      log.info({ a: 1 }, 'within')
      return await answering(asked, context)
    })
    log = tracedLog(sink, traces.traceId)
    await ask()
    log.info({}, 'outside')
    expect(lines).toEqual([{ a: 1, traceId: spans()[0]?.spanContext().traceId }, {}])
  })
})

describe('withClientSpan', () => {
  afterEach(() => { trace.disable() })

  it('does nothing where no SDK is registered', async () => {
    const asked = request()
    const response = await withClientSpan(asked, async (sent) => {
      expect(sent).toBe(asked)
      return respond([])
    })
    expect(response.route).toBeDefined()
  })

  it('makes a client span with the program’s SDK, and carries it', async () => {
    const exporter = new InMemorySpanExporter()
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
    let sent: QueryRequest | undefined
    const response = await withClientSpan(request({ sql: 'UPDATE a SET b = 1', database: 'users' }), async (given) => {
      sent = given
      return respond(batchesOf(1, 5))
    })
    const batches = response.batches[Symbol.asyncIterator]()
    while ((await batches.next()).done !== true);
    const [span] = exporter.getFinishedSpans()
    expect(span).toMatchObject({ name: 'UPDATE users', kind: 2 })
    expect(sent?.traceparent).toBe(`00-${span!.spanContext().traceId}-${span!.spanContext().spanId}-01`)
    await expect(withClientSpan(request(), () => Promise.reject(new MeshError('ERR_NO_NODE', 'gone')))).rejects.toThrow('gone')
    expect(exporter.getFinishedSpans()[1]).toMatchObject({ attributes: { 'error.type': 'ERR_NO_NODE' } })
  })
})

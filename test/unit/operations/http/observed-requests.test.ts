/** What is counted of HTTP, as `/metrics` shows it, and what a trace has of it. */
import { EventEmitter } from 'node:events'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { FastifyReply, FastifyRequest, InjectOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../../src/errors.ts'
import { watchRequest } from '../../../../src/operations/http/request-watch.ts'
import { HttpMetrics } from '../../../../src/operations/metrics/http.ts'
import { createTracing } from '../../../../src/operations/traces/open-telemetry.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { linesOf } from '../metrics/inspected-node.ts'
import { fakeApp, fakeNode, posted } from './fake-node.ts'

const query = { database: 'users', sql: 'SELECT * FROM users' }
const token = 'correct-horse-battery'
const headers = { host: 'localhost' }

async function counted(options: Parameters<typeof fakeApp>[1] = {}) {
  const node = fakeNode()
  const observer = new HttpMetrics()
  const { app, close } = await fakeApp(node, { observer, ...options })
  const lines = async (name: string): Promise<string[]> => linesOf(await observer.registry.metrics(), `reedbase_http_${name}`).map((line) => line.slice(`reedbase_http_${name}`.length)).toSorted()
  return { node, app, close, lines }
}

describe('requests over HTTP', () => {
  it('are counted by the pattern of their route and the class of their status', async () => {
    const { app, close, lines } = await counted()
    for (const url of ['/primary/users', '/primary/orders', '/health/live', '/nowhere', '/elsewhere', '/primary/%zz', '/api/v1/routes?limit=0']) await app.inject({ url, headers })
    await app.inject(posted('/api/v1/query', query))
    expect(await lines('requests_total')).toEqual([
      '{route="/api/v1/query",status="2xx"} 1', '{route="/api/v1/routes",status="4xx"} 1', '{route="/health/live",status="2xx"} 1',
      '{route="/primary/:database",status="2xx"} 1', '{route="/primary/:database",status="5xx"} 1', '{route="none",status="4xx"} 3',
    ])
    expect(await lines('request_duration_seconds_count')).toEqual(['{route="/api/v1/query"} 1', '{route="/api/v1/routes"} 1', '{route="/health/live"} 1', '{route="/primary/:database"} 2', '{route="none"} 3'])
    expect(await lines('refusals_total')).toEqual(['{code="ERR_REQUEST_INVALID"} 2', '{code="ERR_RESOURCE_UNKNOWN"} 2'])
    await close()
  })

  it('that run are shown while they do, and so are streams of events, which have no duration', async () => {
    const { node, app, close, lines } = await counted()
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const { answer } = node
    node.answer = async (...asked) => {
      begun.resolve()
      await gate.promise
      return await answer(...asked)
    }
    expect(await lines('requests_active')).toEqual(['{kind="event-stream"} 0', '{kind="query"} 0'])
    const asked = app.inject(posted('/api/v1/query', query))
    await begun.promise
    const stream = await app.inject({ url: '/api/v1/events', headers: { ...headers, accept: 'text/event-stream' }, payloadAsStream: true })
    expect(await lines('requests_active')).toEqual(['{kind="event-stream"} 1', '{kind="query"} 1'])
    gate.resolve()
    await asked
    expect(await lines('requests_active')).toEqual(['{kind="event-stream"} 1', '{kind="query"} 0'])
    const ended = stream.stream().resume()
    await Promise.all([new Promise((resolve) => { ended.once('close', resolve) }), close()])
    expect(await lines('requests_active')).toEqual(['{kind="event-stream"} 0', '{kind="query"} 0'])
    expect(await lines('requests_total')).toContain('{route="/api/v1/events",status="2xx"} 1')
    expect(await lines('request_duration_seconds_count')).toEqual(['{route="/api/v1/query"} 1'])
  })

  it('whose client goes before the answer have no status', async () => {
    const observer = new HttpMetrics()
    const raw = Object.assign(new EventEmitter(), { headersSent: false, statusCode: 200, getHeader: () => undefined })
    watchRequest({ routeOptions: { url: '/api/v1/query' } } as FastifyRequest, { raw } as unknown as FastifyReply, { observer, clock: new VirtualClock() })
    raw.emit('close')
    expect(await observer.registry.metrics()).toContain('reedbase_http_requests_total{route="/api/v1/query",status="none"} 1')
  })
})

describe('connections that the node closes of its own accord', () => {
  it('are counted by the reason', async () => {
    const observer = new HttpMetrics()
    for (const reason of ['stalled', 'full', 'full'] as const) observer.handleConnectionEnd(reason)
    expect(linesOf(await observer.registry.metrics(), 'reedbase_http_connections_closed_total')).toEqual(['{reason="stalled"} 1', '{reason="full"} 2', '{reason="refused"} 0'].map((line) => `reedbase_http_connections_closed_total${line}`))
  })
})

describe('wrong tokens over HTTP', () => {
  it('are refused with 429 and the time to wait after ten, wherever they are shown; a session goes on', async () => {
    const { node, app, close, lines } = await counted({ protection: { token, tls: null } })
    const ask = (request: InjectOptions) => app.inject({ remoteAddress: '10.0.0.7', ...request })
    const cookie = String((await ask(posted('/api/v1/session', { token }))).headers['set-cookie']).split(';')[0] ?? ''
    // None at all is no guess.
    for (let i = 0; i < 20; i++) expect((await ask({ url: '/api/v1/status' })).statusCode).toBe(401)
    const wrong = { authorization: 'Bearer guess' }
    const status = async (request: InjectOptions): Promise<number> => (await ask(request)).statusCode
    for (let i = 0; i < 4; i++) expect(await status({ url: '/api/v1/status', headers: wrong })).toBe(401)
    for (let i = 0; i < 3; i++) expect(await status(posted('/api/v1/session', { token: 'guess' }))).toBe(401)
    for (let i = 0; i < 3; i++) expect((await ask({ url: '/api/v1/session', headers: wrong })).json()).toEqual({ tokenRequired: true, open: false })
    node.clock.advance(1_000)
    for (const request of [{ url: '/api/v1/status', headers: { authorization: `Bearer ${token}` } }, posted('/api/v1/session', { token }), { url: '/api/v1/session', headers: wrong }]) {
      const response = await ask(request)
      expect([response.statusCode, response.headers['retry-after'], response.json<{ code: string }>().code]).toEqual([429, '59', 'ERR_TOKEN_THROTTLED'])
    }
    expect(await status({ url: '/api/v1/status', headers: { cookie } })).toBe(200)
    expect(await status({ url: '/health' })).toBe(200)
    expect(await status({ url: '/api/v1/status', headers: { authorization: `Bearer ${token}` }, remoteAddress: '10.0.0.9' })).toBe(200)
    expect(await lines('wrong_tokens_total')).toEqual(['{outcome="throttled"} 3', '{outcome="wrong"} 10'])
    node.clock.advance(59_000)
    expect(await status({ url: '/api/v1/status', headers: { authorization: `Bearer ${token}` } })).toBe(200)
    await close()
  })
})

describe('the trace of a query over HTTP', () => {
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`

  function traces() {
    const exporter = new InMemorySpanExporter()
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    return { exporter, ...createTracing({ tracer: provider.getTracer('test'), stop: () => provider.shutdown() }) }
  }

  it('goes on with that of who asks, and is told in the answer, an error included', async () => {
    const { exporter, tracing } = traces()
    const { node, app, close } = await counted({ tracing })
    const response = await app.inject(posted('/api/v1/query', query, { traceparent }))
    expect(response.headers['x-reedbase-trace-id']).toBe('ab'.repeat(16))
    const [span] = exporter.getFinishedSpans()
    expect(span).toMatchObject({ name: 'POST /api/v1/query', kind: 1, parentSpanContext: { spanId: 'cd'.repeat(8) }, attributes: { 'http.request.method': 'POST', 'http.route': '/api/v1/query', 'http.response.status_code': 200 } })
    expect(node.requests[0]?.traceparent).toBe(`00-${'ab'.repeat(16)}-${span?.spanContext().spanId}-01`)
    node.answer = () => Promise.reject(new MeshError('ERR_NO_HEALTHY_PEER', 'nobody'))
    const failed = await app.inject(posted('/api/v1/query', query))
    expect([failed.statusCode, failed.headers['x-reedbase-trace-id']]).toEqual([503, exporter.getFinishedSpans()[1]?.spanContext().traceId])
    expect(exporter.getFinishedSpans()[1]?.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' })
    await close()
  })

  it.each(['', 'nonsense', traceparent.slice(1), `${traceparent}-00`, traceparent.replace(/^00/, 'ff'), traceparent.toUpperCase(), `00-${'00'.repeat(16)}-${'cd'.repeat(8)}-01`, `00-${'ab'.repeat(16)}-${'00'.repeat(8)}-01`, `${traceparent}, ${traceparent}`])('is one of its own for %j', async (given) => {
    const { exporter, tracing } = traces()
    const { app, close } = await counted({ tracing })
    const response = await app.inject(posted('/api/v1/query', query, { traceparent: given }))
    expect(response.statusCode).toBe(200)
    expect(exporter.getFinishedSpans()[0]?.parentSpanContext).toBeUndefined()
    await close()
  })

  it('is passed on, and not told, by a node that traces nothing', async () => {
    const { node, app, close } = await counted()
    const response = await app.inject(posted('/api/v1/query', query, { traceparent }))
    await app.inject(posted('/api/v1/query', query, { traceparent: 'nonsense' }))
    expect(node.requests.map((request) => request.traceparent)).toEqual([traceparent, undefined])
    expect(response.headers['x-reedbase-trace-id']).toBeUndefined()
    await close()
  })
})

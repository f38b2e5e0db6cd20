import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { InjectOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../../src/errors.ts'
import type { EngineBatch } from '../../../../src/ports/query-engine.ts'
import type { HttpApp } from '../../../../src/operations/http/http-app.ts'
import type { Tracing } from '../../../../src/ports/tracing.ts'
import { turn } from '../../../support/query-plane.ts'
import { type FakeNode, fakeApp, fakeNode, posted, respond, responseOf, route } from './fake-node.ts'

const token = 'correct-horse-battery'
const query = { database: 'users', sql: 'SELECT * FROM users' }

async function withApp<T>(work: (http: HttpApp['app'], node: FakeNode) => Promise<T>, { http = {}, ...sources }: { readonly http?: object } & Parameters<typeof fakeApp>[1] = {}): Promise<T> {
  const node = fakeNode(http)
  const { app, close } = await fakeApp(node, sources)
  try {
    return await work(app, node)
  } finally {
    await close()
  }
}

describe('what is refused', () => {
  const cases: ReadonlyArray<readonly [string, InjectOptions, number, string]> = [
    ['a name that is not loopback', { url: '/api/v1/status', headers: { host: 'evil.example' } }, 403, 'ERR_CROSS_SITE'],
    ['a body that is encoded', posted('/api/v1/query', query, { 'content-encoding': 'gzip' }), 415, 'ERR_MEDIA_TYPE'],
    ['a name that is not loopback, of health too', { url: '/health', headers: { host: 'evil.example' } }, 403, 'ERR_CROSS_SITE'],
    ['a name that is not loopback, of the dashboard too', { url: '/', headers: { host: 'evil.example' } }, 403, 'ERR_CROSS_SITE'],
    ['a page of another site', posted('/api/v1/query', query, { origin: 'https://evil.example' }), 403, 'ERR_CROSS_SITE'],
    ['a page of another site, as browsers tell it', { url: '/api/v1/events', headers: { 'host': 'localhost', 'sec-fetch-site': 'cross-site' } }, 403, 'ERR_CROSS_SITE'],
    ['a page of another site that would log in', posted('/api/v1/session', { token }, { 'sec-fetch-site': 'same-site' }), 403, 'ERR_CROSS_SITE'],
    ['a form, which other sites can send', posted('/api/v1/query', 'sql=SELECT+1', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'ERR_MEDIA_TYPE'],
    ['a form that looks like JSON', posted('/api/v1/query', query, { 'content-type': 'text/plain' }), 415, 'ERR_MEDIA_TYPE'],
    ['a form with a file', posted('/api/v1/explain', query, { 'content-type': 'multipart/form-data; boundary=x' }), 415, 'ERR_MEDIA_TYPE'],
    ['a body without a type', { method: 'POST', url: '/api/v1/query', headers: { 'host': 'localhost', 'content-type': '' }, payload: JSON.stringify(query) }, 415, 'ERR_MEDIA_TYPE'],
    ['no body', { method: 'POST', url: '/api/v1/query', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['no JSON', posted('/api/v1/query', '{"database": '), 400, 'ERR_REQUEST_INVALID'],
    ['a field that there is not', posted('/api/v1/query', { ...query, databse: 'x' }), 400, 'ERR_REQUEST_INVALID'],
    ['no statement', posted('/api/v1/query', { database: 'users' }), 400, 'ERR_REQUEST_INVALID'],
    ['a prototype', posted('/api/v1/query', '{"database":"users","sql":"SELECT 1","__proto__":{"timeoutMs":1}}'), 400, 'ERR_REQUEST_INVALID'],
    ['a longer time than allowed', posted('/api/v1/query', { ...query, timeoutMs: 300_001 }), 400, 'ERR_REQUEST_INVALID'],
    ['no time', posted('/api/v1/query', { ...query, timeoutMs: 0 }), 400, 'ERR_REQUEST_INVALID'],
    ['a parameter without its type', posted('/api/v1/query', { ...query, parameters: [{ value: 1 }] }), 400, 'ERR_REQUEST_INVALID'],
    ['a wish that nobody heeds', posted('/api/v1/query', { ...query, route: { localonly: true } }), 400, 'ERR_REQUEST_INVALID'],
    ['a wish with two meanings', posted('/api/v1/query', { ...query, route: { zone: 'a,local-only' } }), 400, 'ERR_OPTION_INVALID'],
    ['a body that is too large', posted('/api/v1/query', { ...query, sql: 'x'.repeat(2_000) }), 413, 'ERR_REQUEST_TOO_LARGE'],
    ['a type that there is not', posted('/api/v1/query', query, { accept: 'application/xml' }), 406, 'ERR_NOT_ACCEPTABLE'],
    ['a path that there is not', { url: '/api/v1/nothing', headers: { host: 'localhost' } }, 404, 'ERR_RESOURCE_UNKNOWN'],
    ['a method that there is not', { method: 'DELETE', url: '/api/v1/status', headers: { host: 'localhost' } }, 404, 'ERR_RESOURCE_UNKNOWN'],
    ['a parameter that there is not', { url: '/api/v1/routes?limits=1', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['a parameter out of its range', { url: '/api/v1/routes?limit=1001', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['hours out of their range', { url: '/api/v1/latency?hours=25', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['a lag without its unit', { url: '/replica?lag=5', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['a file outside', { url: '/assets/..%2f..%2fpackage.json', headers: { host: 'localhost' } }, 404, 'ERR_RESOURCE_UNKNOWN'],
    ['a percent sign that is none', { url: '/primary/%zz', headers: { host: 'localhost' } }, 400, 'ERR_REQUEST_INVALID'],
    ['metrics that are not kept', { url: '/metrics', headers: { host: 'localhost' } }, 404, 'ERR_RESOURCE_UNKNOWN'],
  ]

  it.each(cases)('%s', async (_what, request, status, code) => {
    await withApp(async (app, node) => {
      const response = await app.inject(request)
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code])
      expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(response.json()).toMatchObject({ status, type: `urn:reedbase-mesh:error:${code}`, detail: expect.stringMatching(/./) as string, nextStep: expect.stringMatching(/./) as string })
      expect(node.requests).toEqual([])
    }, { http: { bodyMax: '1KB' } })
  })
})

describe('with a token', () => {
  const protection = { token, tls: null }
  const guarded = ['/api/v1/status', '/api/v1/members', '/api/v1/databases', '/api/v1/nodes?database=users', '/api/v1/routes', '/api/v1/latency', '/api/v1/load', '/api/v1/alerts', '/api/v1/live', '/api/v1/events', '/metrics']

  it('everything that tells of the mesh asks for it', async () => {
    await withApp(async (app, node) => {
      for (const request of [...guarded.map((url) => ({ url })), posted('/api/v1/query', query), posted('/api/v1/explain', query)]) {
        const response = await app.inject(request)
        expect([request.url, response.statusCode, response.json<{ code: string }>().code]).toEqual([request.url, 401, 'ERR_TOKEN'])
        expect(response.headers['www-authenticate']).toMatch(/^Bearer/)
      }
      expect(node.requests).toEqual([])
    }, { protection })
  })

  it('health, and the page that asks for it, do not', async () => {
    await withApp(async (app) => {
      for (const url of ['/health', '/health/check', '/health/live', '/health/ready', '/health/metrics', '/health/membership', '/primary', '/', '/api/v1/session']) expect([url, (await app.inject({ url })).statusCode]).toEqual([url, 200])
    }, { protection, files: () => Promise.resolve(new Map([['/', { contentType: 'text/html', body: Buffer.from('<!doctype html>') }]])) })
  })

  it('who gives it is answered', async () => {
    await withApp(async (app) => {
      const authorization = `Bearer ${token}`
      expect((await app.inject({ url: '/api/v1/status', headers: { authorization } })).statusCode).toBe(200)
      expect((await app.inject(posted('/api/v1/query', query, { authorization }))).statusCode).toBe(200)
      expect((await app.inject({ url: '/api/v1/status', headers: { authorization: `${authorization}x` } })).statusCode).toBe(401)
    }, { protection })
  })

  it('a browser hands it over once, and has a cookie then', async () => {
    await withApp(async (app) => {
      const refused = await app.inject(posted('/api/v1/session', { token: 'another-token-that-is-long' }))
      expect([refused.statusCode, refused.headers['set-cookie']]).toEqual([401, undefined])
      expect((await app.inject({ url: '/api/v1/session' })).json()).toEqual({ tokenRequired: true, open: false })
      const session = await app.inject(posted('/api/v1/session', { token }))
      expect(session.json()).toEqual({ tokenRequired: true, open: true })
      const cookie = String(session.headers['set-cookie']).split(';')[0] ?? ''
      expect((await app.inject({ url: '/api/v1/status', headers: { cookie } })).statusCode).toBe(200)
      expect((await app.inject({ url: '/api/v1/session', headers: { cookie } })).json()).toEqual({ tokenRequired: true, open: true })
      // The browser would not send it; whoever does is refused all the same.
      expect((await app.inject({ url: '/api/v1/status', headers: { cookie, 'sec-fetch-site': 'cross-site' } })).statusCode).toBe(403)
      expect((await app.inject({ method: 'DELETE', url: '/api/v1/session', headers: { cookie } })).headers['set-cookie']).toMatch(/^reedbase_session=; .*Max-Age=0/)
    }, { protection })
  })
})

describe('every answer', () => {
  it('keeps other sites and inline scripts out, and grants nothing to other origins', async () => {
    await withApp(async (app) => {
      for (const url of ['/', '/health', '/api/v1/status', '/nothing']) {
        const { headers } = await app.inject({ url, headers: { origin: 'http://localhost:80', host: 'localhost:80' } })
        expect(headers['content-security-policy']).toContain("default-src 'self'")
        expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
        expect(headers['content-security-policy']).not.toContain('unsafe')
        expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
      expect((await app.inject({ method: 'OPTIONS', url: '/api/v1/query', headers: { 'origin': 'https://evil.example', 'host': 'localhost', 'access-control-request-method': 'POST' } })).statusCode).toBe(404)
    })
  })
})

describe('a query', () => {
  it('is asked as a client asks it', async () => {
    await withApp(async (app, node) => {
      await app.inject(posted('/api/v1/query', '{"database":"users","sql":"SELECT ?","parameters":[1,9007199254740993,"x",null,true,[1,2],{"type":"DECIMAL(20,2)","value":123456789012345678.25}],"timeoutMs":2000,"priority":"high","route":{"localOnly":true,"maxStalenessMs":500},"session":"s1","explain":true}'))
      expect(node.requests[0]).toMatchObject({ database: 'users', sql: 'SELECT ?', timeoutMs: 2_000, priority: 'high', hints: 'local-only, max-staleness=500ms, session=s1', explain: true, visited: [] })
      expect(node.requests[0]?.parameters).toEqual([1, 9007199254740993n, 'x', null, true, [1, 2], { type: 'DECIMAL(20,2)', value: '123456789012345678.25' }])
      await app.inject(posted('/api/v1/query', { ...query, route: 'prefer-remote' }))
      expect(node.requests[1]).toMatchObject({ hints: 'prefer-remote', timeoutMs: 30_000, priority: 'normal', explain: false })
    })
    await withApp(async (app, node) => {
      await app.inject(posted('/api/v1/query', query))
      expect(node.requests[0]?.timeoutMs).toBe(5_000)
    }, { http: { timeoutMax: '5s' } })
  })

  it('is answered with columns, rows, the route and what it took', async () => {
    await withApp(async (app) => {
      const response = await app.inject(posted('/api/v1/query', query))
      expect(response.json()).toEqual({
        columns: [{ name: 'id', type: 'BIGINT' }, { name: 'name', type: 'VARCHAR' }], rows: [[1, 'ada'], [2, null]],
        route: expect.objectContaining({ decision: 'forward', latencyMs: 12.3456 }) as object, stats: { rows: 2, engineMs: 1.5, totalMs: 0 },
      })
      expect(response.headers).toMatchObject({ 'x-reedbase-route': 'forward; node=remote1; latency=12.346ms', 'x-reedbase-reason': 'Local CPU 85% exceeds 80% ? ?ber' })
    })
  })

  it('keeps every digit, and all that JSON has no form for', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.resolve(responseOf([{ name: 'a', type: 'bigint' }, { name: 'b', type: 'blob' }, { name: 'c', type: 'timestamp' }, { name: 'a', type: 'double' }], [[9007199254740993n, new Uint8Array([0, 255]), new Date(0), Infinity]]))
      expect((await app.inject(posted('/api/v1/query', query))).body).toContain('\n[9007199254740993,"\\\\x00ff","1970-01-01T00:00:00Z","Infinity"]')
      expect((await app.inject(posted('/api/v1/query', query, { accept: 'application/x-ndjson' }))).body.split('\n')[0]).toBe('{"a":9007199254740993,"b":"\\\\x00ff","c":"1970-01-01T00:00:00Z","a_1":"Infinity"}')
    })
  })

  it('comes as lines, with a last one that says that it is whole', async () => {
    await withApp(async (app) => {
      const response = await app.inject(posted('/api/v1/query', query, { accept: 'application/x-ndjson' }))
      expect(response.headers['content-type']).toBe('application/x-ndjson; charset=utf-8')
      const lines = response.body.trimEnd().split('\n').map((line) => JSON.parse(line) as object)
      expect(lines).toEqual([{ id: 1, name: 'ada' }, { id: 2, name: null }, { $end: { stats: { rows: 2, engineMs: 1.5, totalMs: 0 }, route: expect.objectContaining({ decision: 'forward' }) as object } }])
    })
  })

  it('comes as CSV, in which null and an empty text differ', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.resolve(responseOf([{ name: 'a,b', type: 'text' }, { name: 'n', type: 'bigint' }], [['x"y', 1n], ['', null], [null, 3n], ['two\nlines', 4n]]))
      const response = await app.inject(posted('/api/v1/query', query, { accept: 'text/csv' }))
      expect(response.body).toBe('"a,b",n\n"x""y",1\n"",\n,3\n"two\nlines",4\n')
      expect(response.headers['content-type']).toBe('text/csv; charset=utf-8; header=present')
      expect(response.trailers).toEqual({ 'x-reedbase-rows': '4' })
    })
  })

  it('comes as an Arrow stream', async () => {
    await withApp(async (app) => {
      const response = await app.inject(posted('/api/v1/query', query, { accept: 'application/vnd.apache.arrow.stream' }))
      const { tableFromIPC } = await import('apache-arrow')
      expect(tableFromIPC(response.rawPayload).toArray().map((row) => ({ ...row as object }))).toEqual([{ id: 1n, name: 'ada' }, { id: 2n, name: null }])
    })
  })

  it('without rows is whole in each format', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.resolve(responseOf([{ name: 'id', type: 'bigint' }], []))
      expect((await app.inject(posted('/api/v1/query', query))).json()).toMatchObject({ rows: [], stats: { rows: 0 } })
      expect((await app.inject(posted('/api/v1/query', query, { accept: 'text/csv' }))).body).toBe('id\n')
      expect((await app.inject(posted('/api/v1/query', query, { accept: 'application/x-ndjson' }))).body).toMatch(/^\{"\$end":.*\}\n$/)
    })
  })

  it.each([['ERR_SQL', 400], ['ERR_DATABASE_UNKNOWN', 404], ['ERR_QUERY_TIMEOUT', 504], ['ERR_NO_HEALTHY_PEER', 503], ['ERR_READ_ONLY', 403]] as const)('that fails with %s has status %i', async (code, status) => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.reject(new MeshError(code, 'as it is', { nextStep: 'do so' }))
      const response = await app.inject(posted('/api/v1/query', query))
      expect([response.statusCode, response.json<object>()]).toEqual([status, expect.objectContaining({ code, detail: 'as it is', nextStep: 'do so' })])
      expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
    })
  })

  it('that fails by a fault of the program is logged, and tells nothing of it', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.reject(new TypeError('secret'))
      const response = await app.inject(posted('/api/v1/query', query))
      expect([response.statusCode, response.body.includes('secret')]).toEqual([500, false])
      expect(node.log.lines).toContain('error a request over HTTP failed by a fault of this program')
    })
  })
})

describe('a request with many faults', () => {
  it('is not told all of them', async () => {
    await withApp(async (app) => {
      const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`field${index}`, 1]))
      for (const request of [posted('/api/v1/query', many), { url: `/api/v1/routes?${new URLSearchParams(Object.fromEntries(Object.keys(many).slice(0, 500).map((name) => [name, '1']))).toString()}` }]) {
        const response = await app.inject(request)
        expect([response.statusCode, response.body.length < 2_000]).toEqual([400, true])
      }
    })
  })
})

describe('what other nodes choose', () => {
  it('is fit for a header: their names, and what their errors say', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.resolve({ ...responseOf([{ name: 'id', type: 'bigint' }], []), route: { ...route, executedBy: { peerId: 'far', name: 'nœud-日本; node=near\ud800' }, reason: 'nœud-日本\r\nx: y' } })
      for (const accept of ['application/json', 'text/csv']) {
        const { statusCode, headers } = await app.inject(posted('/api/v1/query', query, { accept }))
        expect([statusCode, headers['x-reedbase-route'], headers['x-reedbase-reason']]).toEqual([200, 'forward; node=n%C5%93ud-%E6%97%A5%E6%9C%AC%3B%20node%3Dnear%EF%BF%BD; latency=12.346ms', 'n?ud-????x: y'])
      }
      for (const retryAfterSeconds of ['1\r\nx: y', 1.5, -1, '日']) {
        node.answer = () => Promise.reject(new MeshError('ERR_OVERLOADED', 'full', { details: { retryAfterSeconds } }))
        const { statusCode, headers } = await app.inject(posted('/api/v1/query', query))
        expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
      }
    })
  })

  it('ends as a problem with our code where it cannot be sent after all', async () => {
    const span = { traceId: '日本', traceparent: 'x', set: () => undefined, end: () => undefined }
    await withApp(async (app) => {
      const { statusCode, headers, body } = await app.inject(posted('/api/v1/query', query))
      expect([statusCode, headers['content-type'], (JSON.parse(body) as { code: string }).code]).toEqual([500, 'application/problem+json; charset=utf-8', 'ERR_INTERNAL'])
    }, { tracing: { start: () => span } as unknown as Tracing })
  })

  it('ends so, too, where it is no JSON', async () => {
    await withApp(async (app, node) => {
      node.status = { ...node.status, uptimeMs: 1n as unknown as number }
      const { statusCode, headers, body } = await app.inject({ url: '/api/v1/status' })
      expect([statusCode, headers['content-type'], (JSON.parse(body) as { code: string }).code]).toEqual([500, 'application/problem+json; charset=utf-8', 'ERR_INTERNAL'])
    })
  })
})

describe('a query that fails after its first rows', () => {
  const batches = (sizes: readonly number[], failure: Error | null): (() => ReturnType<FakeNode['answer']>) => async () => {
    const parts = sizes.map((size) => responseOf([{ name: 'id', type: 'bigint' }], Array.from({ length: size }, (_, index) => [BigInt(index)])))
    async function* all(): AsyncGenerator<EngineBatch, void, void> {
      for (const part of parts) for await (const batch of part.batches) yield batch
      if (failure !== null) throw failure
    }
    const [first] = parts
    if (first === undefined) throw new Error('no part')
    return respond({ format: first.format, header: first.header, batches: all() })
  }

  it('has its status when the first batch fails', async () => {
    await withApp(async (app, node) => {
      node.answer = async () => ({ ...await batches([1], null)(), batches: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new MeshError('ERR_SQL', 'division by zero')) }) } })
      for (const accept of ['application/json', 'text/csv', 'application/x-ndjson', 'application/vnd.apache.arrow.stream']) expect((await app.inject(posted('/api/v1/query', query, { accept }))).statusCode).toBe(400)
    })
  })

  it('says so in JSON and at the end of lines', async () => {
    await withApp(async (app, node) => {
      node.answer = batches([2], new MeshError('ERR_QUERY_BROKEN', 'the peer died'))
      const json = (await app.inject(posted('/api/v1/query', query))).json<object>()
      expect(json).toMatchObject({ rows: [[0], [1]], stats: null, error: { code: 'ERR_QUERY_BROKEN', detail: 'the peer died' } })
      const lines = (await app.inject(posted('/api/v1/query', query, { accept: 'application/x-ndjson' }))).body.trimEnd().split('\n')
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ $error: { code: 'ERR_QUERY_BROKEN' } })
      expect(lines).toHaveLength(3)
    })
  })

  it.each(['text/csv', 'application/vnd.apache.arrow.stream'])('breaks %s off', async (accept) => {
    await withApp(async (app, node) => {
      node.answer = batches([2], new MeshError('ERR_QUERY_BROKEN', 'the peer died'))
      await expect(app.inject(posted('/api/v1/query', query, { accept }))).rejects.toThrow('response destroyed before completion')
    })
  })

  it('has more rows than allowed: before the first bytes with a status, later where the format can say it', async () => {
    await withApp(async (app, node) => {
      node.answer = batches([11], null)
      const early = await app.inject(posted('/api/v1/query', query))
      expect([early.statusCode, early.json<object>()]).toEqual([422, expect.objectContaining({ code: 'ERR_ROWS_MAX', detail: 'the result has more than 10 rows' })])
      node.answer = batches([6, 6], null)
      expect((await app.inject(posted('/api/v1/query', query))).json()).toMatchObject({ stats: null, error: { code: 'ERR_ROWS_MAX' } })
      node.answer = batches([6, 4], null)
      expect((await app.inject(posted('/api/v1/query', query))).json()).toMatchObject({ stats: { rows: 10 } })
    }, { http: { rowsMax: 10 } })
  })
})

describe('more requests at once than allowed', () => {
  it('are told to come again, while health and views go on', async () => {
    await withApp(async (app, node) => {
      const held = Promise.withResolvers<undefined>()
      node.answer = async () => {
        await held.promise
        return responseOf([{ name: 'id', type: 'bigint' }], [])
      }
      const running = [app.inject(posted('/api/v1/query', query)), app.inject(posted('/api/v1/query', query))]
      while (node.requests.length < 2) await turn()
      // Event streams have places of their own: open dashboards starve no query, nor queries a dashboard.
      const events = { url: '/api/v1/events', headers: { host: 'localhost' }, payloadAsStream: true } as const
      const streams = [await app.inject(events), await app.inject(events)]
      expect(streams.map(({ statusCode }) => statusCode)).toEqual([200, 200])
      for (const request of [posted('/api/v1/query', query), { ...events, payloadAsStream: false }]) {
        const refused = await app.inject(request)
        expect([refused.statusCode, refused.headers['retry-after'], refused.json<{ code: string }>().code]).toEqual([503, '1', 'ERR_OVERLOADED'])
      }
      expect((await app.inject({ url: '/health/metrics' })).json()).toMatchObject({ http: { requestsInFlight: 4 } })
      for (const stream of streams) stream.raw.res.destroy()
      held.resolve(undefined)
      for (const response of await Promise.all(running)) expect(response.statusCode).toBe(200)
      expect((await app.inject(posted('/api/v1/query', query))).statusCode).toBe(200)
      expect((await app.inject({ url: '/health/metrics' })).json()).toMatchObject({ http: { requestsInFlight: 0 } })
    }, { http: { requestsMax: 2 } })
  })

  it('leave no place taken when they fail', async () => {
    await withApp(async (app, node) => {
      node.answer = () => Promise.reject(new MeshError('ERR_SQL', 'no'))
      for (let round = 0; round < 5; round++) expect((await app.inject(posted('/api/v1/query', query))).statusCode).toBe(400)
    }, { http: { requestsMax: 1 } })
  })
})

describe('views', () => {
  it('are of the moment, the newest query first', async () => {
    await withApp(async (app) => {
      const at = async (url: string): Promise<unknown> => {
        const response = await app.inject({ url })
        expect([url, response.statusCode, response.headers['cache-control']]).toEqual([url, 200, 'no-store'])
        return response.json()
      }
      expect(await at('/api/v1/status')).toMatchObject({ name: 'near', quorum: { hasQuorum: true } })
      expect(await at('/api/v1/members')).toMatchObject({ members: [{ name: 'near', local: true }] })
      expect(await at('/api/v1/databases')).toMatchObject({ databases: [{ name: 'users' }] })
      expect(await at('/api/v1/nodes?database=users')).toMatchObject({ database: 'users' })
      expect(await at('/api/v1/routes')).toMatchObject({ queries: [{ id: 2 }, { id: 1 }] })
      expect(await at('/api/v1/routes?limit=1')).toMatchObject({ queries: [{ id: 2 }] })
      expect(await at('/api/v1/latency')).toEqual({ peers: [] })
      expect(await at('/api/v1/latency?database=users&hours=2')).toMatchObject({ database: 'users', hours: 2 })
      expect(await at('/api/v1/load')).toMatchObject({ local: null, nodes: [{ name: 'near', isLocal: true }] })
      expect(await at('/api/v1/alerts')).toEqual({ alerts: [] })
      expect(await at('/api/v1/live')).toMatchObject({ from: '12D3KooWself', members: [{ name: 'near', place: 'eu/r1', cpuPercent: 12 }], rates: { queriesPerSecond: 0 } })
    })
  })

  it('tell metrics in their own type', async () => {
    await withApp(async (app) => {
      const response = await app.inject({ url: '/metrics' })
      expect([response.headers['content-type'], response.body]).toEqual(['text/plain; version=0.0.4; charset=utf-8', 'up 1\n'])
    }, { metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => Promise.resolve('up 1\n'), samples: () => Promise.resolve([]) } })
  })
})

describe('the files of the dashboard', () => {
  it('are read once, and asked for again only when they changed', async () => {
    let reads = 0
    await withApp(async (app) => {
      const page = await app.inject({ url: '/' })
      expect([page.headers['content-type'], page.body, page.headers['cache-control']]).toEqual(['text/html; charset=utf-8', '<!doctype html>', 'no-cache'])
      const script = await app.inject({ url: '/assets/vendor/chart.js' })
      expect(script.headers['content-type']).toBe('text/javascript')
      const etag = String(script.headers.etag)
      expect([(await app.inject({ url: '/assets/vendor/chart.js', headers: { 'if-none-match': `"old", W/${etag}` } })).statusCode, (await app.inject({ url: '/assets/vendor/chart.js', headers: { 'if-none-match': String(page.headers.etag) } })).statusCode]).toEqual([304, 200])
      expect((await app.inject({ method: 'HEAD', url: '/' })).body).toBe('')
      expect(reads).toBe(1)
    }, { files: () => {
      reads++
      return Promise.resolve(new Map([['/', { contentType: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>') }], ['/assets/vendor/chart.js', { contentType: 'text/javascript', body: Buffer.from('export {}') }]]))
    } })
  })
})

describe('a node that stops', () => {
  it('says so to who asks at its very end, as everything else', async () => {
    const node = fakeNode()
    const { app, close } = await fakeApp(node)
    const request = new IncomingMessage(new Socket())
    Object.assign(request, { method: 'GET', url: '/health/live', headers: { host: 'localhost' } })
    const response = new ServerResponse(request)
    const sent = new Promise<readonly [number, string]>((resolve) => { Object.assign(response, { end: (body: string) => { resolve([response.statusCode, body]) } }) })
    const closed = close()
    app.server.emit('request', request, response)
    const [status, body] = await sent
    expect([status, JSON.parse(body)]).toEqual([503, expect.objectContaining({ code: 'ERR_NODE_STOPPED' })])
    await closed
  })
})

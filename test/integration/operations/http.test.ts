/** HTTP of real nodes in this process: what it answers is what docs/openapi.yaml says, and who leaves, reads slowly or comes too late costs nothing. */
import { hash } from 'node:crypto'
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createNode, createRowsResult, MeshError, type NodeSettings, type OperatedNode, type QueryEngine, type RowsValue } from '../../../src/index.ts'
import { until } from '../../support/processes.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from './loopback-certificate.ts'

/** As the statement says: so many rows, without an end, never an answer, or a failure after some. */
const engineState = { rows: 0, left: 0, waiting: 0, cancelled: 0 }
const letGo = new Set<() => void>()

async function* manyRows(count: number, failure: boolean): AsyncGenerator<readonly RowsValue[], void, void> {
  try {
    for (let id = 0; id < count; id++) {
      engineState.rows++
      // What compresses well would fit into the buffers on the way as a whole, where the link is judged slow enough for it.
      yield [BigInt(id), hash('sha512', String(id), 'base64')]
    }
    if (failure) throw new MeshError('ERR_SQL', 'division by zero')
  } finally {
    engineState.left++
  }
}

const engine: QueryEngine = {
  database: 'users', kind: 'scripted', role: 'primary', isReady: () => true, classify: () => Promise.resolve('read'), close: () => Promise.resolve(),
  execute: async ({ sql, signal }) => {
    const columns = [{ name: 'id', type: 'bigint' }, { name: 'text', type: 'text' }] as const
    const [, word, count] = /^(\w+) (\d+)$/.exec(sql) ?? []
    if (word === 'wait') {
      engineState.waiting++
      await new Promise<void>((resolve, reject) => {
        letGo.add(resolve)
        signal.addEventListener('abort', () => {
          engineState.cancelled++
          reject(signal.reason as Error)
        }, { once: true })
      })
    }
    return createRowsResult(columns, manyRows(Number(count ?? 2), word === 'fail'))
  },
}

let folder: string
let far: OperatedNode
let near: OperatedNode
const validators = new Map<string, ValidateFunction>()

const start = (name: string, settings: NodeSettings): Promise<OperatedNode> => createNode({
  name, dataDir: join(folder, name), listen: '127.0.0.1:0', tables: { write: 'off' }, latencyThreshold: '60s', cpuThreshold: 100, memoryThreshold: 100, drain: '20s', ...settings,
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-http-'))
  far = await start('far', { databases: { users: { engine } } })
  near = await start('near', { seeds: far.tcpMultiaddrs.slice(0, 1), http: { listen: '127.0.0.1:0', requestsMax: 8 } })
  await until('the copy to be known', () => near.members.list().some(({ name, latency }) => name === 'far' && latency !== null))
  const document = parse(await readFile('docs/openapi.yaml', 'utf8')) as object
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema(document, 'openapi')
  validatorOf = (pointer) => {
    const known = validators.get(pointer) ?? ajv.compile({ $ref: `openapi#${pointer}` })
    validators.set(pointer, known)
    return known
  }
})
afterAll(async () => {
  for (const go of letGo) go()
  await Promise.all([near, far].map((node) => node.stop('the test is over')))
  await rm(folder, { recursive: true, force: true })
})

let validatorOf: (pointer: string) => ValidateFunction

function expectValid(pointer: string, value: unknown): void {
  const validate = validatorOf(pointer)
  validate(value)
  expect([pointer, validate.errors ?? []]).toEqual([pointer, []])
}

const at = (path: string): URL => new URL(path, near.http ?? '')
const post = (path: string, body: object, { signal, accept }: { readonly signal?: AbortSignal; readonly accept?: string } = {}): Promise<Response> => fetch(at(path), {
  method: 'POST', headers: { 'content-type': 'application/json', ...(accept === undefined ? {} : { accept }) }, body: JSON.stringify(body), ...(signal === undefined ? {} : { signal }),
})
const query = (sql: string, options: Parameters<typeof post>[2] = {}): Promise<Response> => post('/api/v1/query', { database: 'users', sql }, options)
const schemaOf = (path: string, method: string, status: string, type = 'application~1json'): string => `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${status}/content/${type}/schema`
const component = (name: string): string => `/components/schemas/${name}`

describe('what a node answers is what docs/openapi.yaml says', () => {
  it('of health', async () => {
    for (const [path, name] of [['/health', 'Health'], ['/health/check', 'ShortVerdict'], ['/health/ready', 'Verdict'], ['/health/ready?database=users', 'Verdict'], ['/health/membership', 'MembershipHealth']] as const) {
      const response = await fetch(at(path))
      expect([path, response.status]).toEqual([path, 200])
      expectValid(component(name), await response.json())
    }
    for (const path of ['/health/live', '/health/metrics']) expectValid(schemaOf(path, 'get', '200'), await (await fetch(at(path))).json())
    for (const [node, path, status] of [[near, '/primary', 503], [near, '/replica?lag=5s', 503], [near, '/primary/users', 503]] as const) {
      const response = await fetch(new URL(path, node.http ?? ''))
      expect([path, response.status]).toEqual([path, status])
      expectValid(component('Role'), await response.json())
    }
  })

  it('of queries, explained and run', async () => {
    const response = await query('rows 3')
    expect(response.headers.get('x-reedbase-route')).toMatch(/^forward; node=far; latency=[\d.]+ms$/)
    const answer = await response.json() as object
    expectValid(component('QueryAnswer'), answer)
    expect(answer).toMatchObject({ rows: [[0, expect.any(String)], [1, expect.any(String)], [2, expect.any(String)]], stats: { rows: 3 }, route: { decision: 'forward', executedBy: { name: 'far' } } })
    expectValid(component('Explain'), await (await post('/api/v1/explain', { database: 'users', sql: 'rows 1' })).json())
    const unknown = await post('/api/v1/query', { database: 'nothing', sql: 'rows 1' })
    expect(unknown.status).toBe(404)
    expectValid(component('Problem'), await unknown.json())
  })

  it('of views', async () => {
    for (const path of ['/api/v1/members', '/api/v1/databases', '/api/v1/routes', '/api/v1/load', '/api/v1/alerts']) expectValid(schemaOf(path, 'get', '200'), await (await fetch(at(path))).json())
    for (const [path, name] of [['/api/v1/status', 'Status'], ['/api/v1/nodes?database=users', 'Nodes'], ['/api/v1/latency', 'PeerLatencies'], ['/api/v1/latency?database=users', 'Latency'], ['/api/v1/live', 'LiveState'], ['/api/v1/live/history', 'LiveHistory']] as const) {
      expectValid(component(name), await (await fetch(at(path))).json())
    }
    expect(await (await fetch(at('/api/v1/routes?limit=1'))).json()).toMatchObject({ queries: [{ database: 'nothing', code: 'ERR_DATABASE_UNKNOWN' }] })
    expectValid(schemaOf('/api/v1/events', 'get', '200'), await (await fetch(at('/api/v1/events'), { headers: { accept: 'application/json' } })).json())
    expect((await fetch(at('/metrics'))).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  it('of events, as they happen', async () => {
    const stream = await openEvents('/api/v1/events?state=1')
    await query('rows 1')
    const told = await stream.until((events) => events.some(({ event }) => event === 'query'))
    for (const { event, data } of told) expectValid(component({ state: 'LiveState', query: 'QueryRecord', mesh: 'Event', alert: 'Alert' }[event] ?? event), data)
    expect(told[0]?.event).toBe('state')
    const id = told.find(({ event }) => event === 'query')?.id ?? ''
    await stream.close()
    await query('rows 2')
    const resumed = await openEvents('/api/v1/events', { 'last-event-id': id })
    expect((await resumed.until((events) => events.length > 0))[0]).toMatchObject({ event: 'query', data: { rows: 2 } })
    await resumed.close()
  })
})

interface ToldEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: unknown
}

async function openEvents(path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ until(enough: (events: readonly ToldEvent[]) => boolean): Promise<readonly ToldEvent[]>; close(): Promise<void> }> {
  const controller = new AbortController()
  const response = await fetch(at(path), { headers: { accept: 'text/event-stream', ...headers }, signal: controller.signal })
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
  const events: ToldEvent[] = []
  let text = ''
  return {
    until: async (enough) => {
      while (!enough(events)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`the stream ended after ${JSON.stringify(events)}`)
        text += value
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const fields = new Map(text.slice(0, end).split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]))
          text = text.slice(end + 2)
          if (fields.has('event')) events.push({ event: fields.get('event') ?? '', id: fields.get('id'), data: JSON.parse(fields.get('data') ?? '') as unknown })
        }
      }
      return events
    },
    close: async () => {
      controller.abort()
      await reader.closed.catch(() => undefined)
    },
  }
}

/** One that reads when it is told to. */
function openSlowly(sql: string, accept: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(at('/api/v1/query'), { method: 'POST', headers: { 'content-type': 'application/json', accept }, agent: false }, resolve)
    request.once('error', reject)
    request.end(JSON.stringify({ database: 'users', sql, timeoutMs: 60_000 }))
  })
}

async function inFlight(): Promise<number> {
  return ((await (await fetch(at('/health/metrics'))).json()) as { http: { requestsInFlight: number } }).http.requestsInFlight
}

describe('a client', () => {
  it('that reads slowly holds the engine back, and one that leaves in the middle ends the query there', async () => {
    for (const accept of ['application/json', 'application/vnd.apache.arrow.stream']) {
      const before = { ...engineState }
      const answer = await openSlowly('rows 900000', accept)
      let seen = -1
      await until('the engine to stand still', () => {
        const isStill = seen === engineState.rows
        seen = engineState.rows
        return isStill
      })
      expect(engineState.rows - before.rows).toBeLessThan(300_000)
      answer.destroy()
      await until('the engine to be left', () => engineState.left === before.left + 1)
      expect(engineState.rows - before.rows).toBeLessThan(600_000)
    }
    await until('its place to be free', async () => await inFlight() === 0)
  })

  it('that leaves before the answer cancels it in the engine', async () => {
    const controller = new AbortController()
    const asked = query('wait 1', { signal: controller.signal })
    await until('the engine to have it', () => engineState.waiting === 1)
    controller.abort()
    await expect(asked).rejects.toThrow()
    await until('the engine to give it up', () => engineState.cancelled === 1)
    await until('its place to be free', async () => await inFlight() === 0)
  })

  it('sees a result of CSV that fails half-way broken off, and one that is whole end with its rows', async () => {
    await expect((await query('fail 20000', { accept: 'text/csv' })).text()).rejects.toThrow()
    const whole = await openSlowly('rows 20000', 'text/csv')
    let lines = 0
    for await (const chunk of whole) lines += (chunk as Buffer).toString('utf8').split('\n').length - 1
    expect([lines, whole.trailers]).toEqual([20_001, { 'x-reedbase-rows': '20000' }])
  })
})

describe('where HTTP listens', () => {
  it('is told in the status', () => {
    expect(near.status().http).toBe(near.http)
    expect(far.http).toBeNull()
  })

  it('is a free port where the usual one is taken, but never another than that which was asked for', async () => {
    const other = createServer()
    // Whoever has it, it is taken.
    await new Promise<void>((resolve) => { other.once('error', () => resolve()).listen(7480, '127.0.0.1', resolve) })
    const auto = await start('auto', { http: { listen: 'auto' } })
    expect(new URL(auto.http ?? '').port).not.toBe('7480')
    expect((await fetch(new URL('/health/live', auto.http ?? ''))).status).toBe(200)
    await expect(start('taken', { http: { listen: new URL(auto.http ?? '').host } })).rejects.toMatchObject({ code: 'ERR_PORT_BUSY', nextStep: expect.stringContaining('--http-listen') as string })
    await auto.stop('the test is over')
    await new Promise((resolve) => { other.close(resolve) })
  })

  it('is beyond loopback only with a token and TLS', async () => {
    await expect(start('open', { http: { listen: '0.0.0.0:0' } })).rejects.toMatchObject({ code: 'ERR_HTTP_UNPROTECTED' })
    const files = { tokenFile: join(folder, 'token'), tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') }
    const token = 'a-token-of-24-characters'
    await Promise.all([[files.tokenFile, token], [files.tlsCert, CERTIFICATE], [files.tlsKey, CERTIFICATE_KEY]].map(([path = '', text = '']) => writeFile(path, text, { mode: 0o600 })))
    const node = await start('guarded', { http: { listen: '0.0.0.0:0', ...files } })
    expect(node.http).toMatch(/^https:\/\/0\.0\.0\.0:\d+$/)
    const statusOf = (path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> => new Promise((resolve, reject) => {
      httpsRequest({ host: '127.0.0.1', port: new URL(node.http ?? '').port, path, headers, rejectUnauthorized: false, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).once('error', reject).end()
    })
    expect(await Promise.all([statusOf('/api/v1/status', {}), statusOf('/api/v1/status', { authorization: `Bearer ${token}`, host: 'db.example' }), statusOf('/metrics', {}), statusOf('/health', {})])).toEqual([401, 200, 401, 200])
    await node.stop('the test is over')
  })
})

describe('a node that is told to stop', () => {
  it('says so in health while its last query ends, and ends its event streams with a word', async () => {
    const leaving = await start('leaving', { seeds: far.tcpMultiaddrs.slice(0, 1), http: { listen: '127.0.0.1:0' } })
    const url = (path: string): URL => new URL(path, leaving.http ?? '')
    await until('the copy to be known', async () => (await fetch(url('/health/ready?database=users'))).status === 200)
    const waitingBefore = engineState.waiting
    const running = fetch(url('/api/v1/query'), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"database":"users","sql":"wait 1"}' })
    await until('the engine to have it', () => engineState.waiting === waitingBefore + 1)
    const stream = await fetch(url('/api/v1/events'))
    const stopped = leaving.stop('the test says so')
    const ready = await fetch(url('/health/ready'))
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'fail', reasons: [{ check: 'state', status: 'fail', reason: 'the node is shutting down and takes no new query' }] }])
    expect((await fetch(url('/health/live'))).status).toBe(200)
    expect((await fetch(url('/api/v1/query'), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"database":"users","sql":"rows 1"}' })).status).toBe(503)
    for (const go of letGo) go()
    expect((await (await running).json())).toMatchObject({ stats: { rows: 1 } })
    expect(await stream.text()).toMatch(/event: end\ndata: \{\}\n\n$/)
    await stopped
    await expect(fetch(url('/health/live'))).rejects.toThrow()
  })
})

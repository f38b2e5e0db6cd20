/** One trace from the node that was asked to the engine on another node, as a collector receives it. */
import { createServer, type Server } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, createRowsResult, type MeshNode, type NodeSettings, type QueryEngine } from '../../../src/index.ts'
import { collect } from '../../support/collect.ts'
import { until } from '../../support/processes.ts'

interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
  readonly node: string
}

interface Attribute { readonly key: string; readonly value: { readonly stringValue?: string } }
interface Export {
  readonly resourceSpans: ReadonlyArray<{ readonly resource: { readonly attributes: readonly Attribute[] }; readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Omit<CollectedSpan, 'node'>> }> }>
}

let folder: string
let collector: Server
const spans: CollectedSpan[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-traces-'))
  collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(chunks).toString()) as Export).resourceSpans) {
        const node = resource.attributes.find(({ key }) => key === 'service.instance.id')?.value.stringValue ?? ''
        for (const { spans: of } of scopeSpans) spans.push(...of.map((span) => ({ ...span, node })))
      }
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => { collector.listen(0, '127.0.0.1', resolve) })
})
afterAll(async () => {
  collector.close()
  await rm(folder, { recursive: true, force: true })
})

const engine: QueryEngine = {
  database: 'users', kind: 'echo', role: 'primary', isReady: () => true, classify: () => Promise.resolve('read'),
  execute: ({ sql }) => Promise.resolve(createRowsResult([{ name: 'sql', type: 'text' }], [[sql]])), close: () => Promise.resolve(),
}

it('goes from the entry node over the hop to the engine', async () => {
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`
  const start = (name: string, settings: NodeSettings): Promise<MeshNode> => createNode({ name, dataDir: join(folder, name), listen: '127.0.0.1:0', traces: { endpoint }, tables: { write: 'off' }, ...settings })
  const server = await start('server', { databases: { users: { engine } } })
  const entry = await start('entry', { seeds: server.tcpMultiaddrs.slice(0, 1) })
  await until('the copy to be known', () => entry.members.list().some(({ name, status }) => name === 'server' && status === 'healthy'))
  expect(await collect((await entry.query('SELECT 1', { database: 'users' })).rows())).toEqual([{ sql: 'SELECT 1' }])
  // What waits to be sent goes out when a node stops.
  await Promise.all([entry.stop('done'), server.stop('done')])

  const [asked] = spans.filter(({ name, node }) => node === 'entry' && name === 'SELECT users')
  const below = (parent: CollectedSpan | undefined): CollectedSpan[] => spans.filter(({ parentSpanId }) => parentSpanId !== undefined && parentSpanId === parent?.spanId)
  expect(asked?.parentSpanId ?? '').toBe('')
  expect(below(asked).map(({ node, name }) => `${node} ${name}`).toSorted()).toEqual(['entry forward', 'entry route'])
  const served = below(below(asked).find(({ name }) => name === 'forward'))
  expect(served.map(({ node, name }) => `${node} ${name}`)).toEqual(['server SELECT users'])
  expect(below(served[0]).map(({ node, name }) => `${node} ${name}`).toSorted()).toEqual(['server engine', 'server route'])
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
})

describe.concurrent('a collector', () => {
  const settings = (name: string, endpoint: string): NodeSettings => ({ name, dataDir: join(folder, name), listen: '127.0.0.1:0', traces: { endpoint }, tables: { write: 'off' }, databases: { users: { engine } } })

  it('that never answers holds up no query, and the end of a node for 2 s only', async () => {
    let asked = 0
    let givenUp = 0
    const silent = createServer((request) => {
      asked++
      request.resume()
      request.socket.once('close', () => { givenUp++ })
    })
    await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve) })
    const node = await createNode(settings('silent', `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1/traces`))
    expect(await collect((await node.query('SELECT 1', { database: 'users' })).rows())).toEqual([{ sql: 'SELECT 1' }])
    await node.stop('done')
    // The exporter itself would wait for 10 s, and then for as long again at each further try.
    expect([asked, givenUp]).toEqual([1, 0])
    silent.closeAllConnections()
    silent.close()
  })

  it('that is not there costs its spans only', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => { gone.listen(0, '127.0.0.1', resolve) })
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => { gone.close(resolve) })
    const node = await createNode({ ...settings('refused', `http://127.0.0.1:${port}/v1/traces`), http: { listen: '127.0.0.1:0' } })
    for (let i = 0; i < 5; i++) expect(await collect((await node.query(`SELECT ${i}`, { database: 'users' })).rows())).toEqual([{ sql: `SELECT ${i}` }])
    const asked = { method: 'POST', headers: { 'content-type': 'application/json', 'traceparent': `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` }, body: JSON.stringify({ database: 'users', sql: 'SELECT 1' }) }
    const answer = await fetch(new URL('/api/v1/query', node.http ?? ''), asked)
    expect([answer.status, answer.headers.get('x-reedbase-trace-id')]).toEqual([200, 'ab'.repeat(16)])
    await answer.text()
    const { queries } = await (await fetch(new URL('/api/v1/routes?limit=1', node.http ?? ''))).json() as { readonly queries: ReadonlyArray<{ readonly traceId: string }> }
    expect(queries.map(({ traceId }) => traceId)).toEqual(['ab'.repeat(16)])
    await node.stop('done')
  })
})

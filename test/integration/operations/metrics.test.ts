/** The metrics of two nodes that run in one process, as Prometheus gets them. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createNode, createRowsResult, type NodeSettings, type OperatedNode, type QueryEngine } from '../../../src/index.ts'
import { readMetrics } from '../../../src/operations/metrics/node-metrics.ts'
import { collect } from '../../support/collect.ts'
import { until } from '../../support/processes.ts'

let folder: string
let server: OperatedNode
let entry: OperatedNode

const engine: QueryEngine = {
  database: 'users', kind: 'echo', role: 'primary', isReady: () => true, classify: () => Promise.resolve('read'),
  execute: () => Promise.resolve(createRowsResult([{ name: 'n', type: 'bigint' }], [[1n], [2n]])), close: () => Promise.resolve(),
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-metrics-'))
  const start = (name: string, settings: NodeSettings): Promise<OperatedNode> => createNode({ name, dataDir: join(folder, name), listen: '127.0.0.1:0', http: { listen: '127.0.0.1:0' }, tables: { write: 'off' }, coalesce: true, latencyThreshold: '60s', ...settings })
  server = await start('server', { databases: { users: { engine } }, datacenter: 'north' })
  entry = await start('entry', { seeds: server.tcpMultiaddrs.slice(0, 1), datacenter: 'south' })
  await until('the copy to be known', () => entry.members.list().some(({ name, latency }) => name === 'server' && latency !== null))
  expect(await collect((await entry.query('SELECT n FROM users', { database: 'users' })).rows())).toHaveLength(2)
})
afterAll(async () => {
  await Promise.all([entry, server].map((node) => node.stop('the test is over')))
  await rm(folder, { recursive: true, force: true })
})

async function textOf(node: OperatedNode): Promise<string> {
  const response = await fetch(new URL('/metrics', node.http ?? ''))
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  return await response.text()
}

async function figure(node: OperatedNode, series: string): Promise<number> {
  const line = (await textOf(node)).split('\n').find((text) => text.startsWith(`${series} `))
  return line === undefined ? NaN : Number(line.slice(series.length + 1))
}

it('every counter of a node is shown, and every counter shown is one of a node', () => {
  const shown = new Set(readMetrics.flatMap(({ counters }) => counters))
  const kept = new Set(Object.keys(entry.status().counters))
  expect([...kept].filter((name) => !shown.has(name))).toEqual([])
  expect([...shown].filter((name) => !kept.has(name))).toEqual([])
})

it('requests over HTTP are counted, those for metrics too', async () => {
  await textOf(entry)
  expect(await figure(entry, 'reedbase_http_requests_total{route="/metrics",status="2xx"}')).toBeGreaterThan(0)
  expect(await figure(entry, 'reedbase_http_requests_active{kind="query"}')).toBe(0)
})

it('a forwarded query is in the figures of both nodes', async () => {
  expect(await figure(entry, 'reedbase_queries_total{decision="forward"}')).toBe(1)
  expect(await figure(entry, 'reedbase_forward_ratio')).toBe(1)
  expect(await figure(entry, 'reedbase_cross_datacenter_queries_total')).toBe(1)
  expect(await figure(entry, 'reedbase_query_rows_total{database="users"}')).toBe(2)
  expect(await figure(entry, 'reedbase_routing_decision_seconds_count')).toBe(1)
  expect(await figure(server, 'reedbase_queries_served_for_peers_total')).toBe(1)
  expect(await figure(server, 'reedbase_database_ready{database="users",role="primary",engine="echo"}')).toBe(1)
  expect(await figure(entry, 'reedbase_peer_up{peer="server"}')).toBe(1)
  expect(await figure(entry, 'reedbase_peer_latency_seconds{peer="server"}')).toBeGreaterThan(0)
  expect(await figure(entry, 'reedbase_peer_round_trip_seconds_count{peer="server"}')).toBeGreaterThan(0)
})

it('bytes are counted on datagrams, connections and direct streams, in both directions', async () => {
  for (const node of [entry, server]) {
    for (const transport of ['datagrams', 'connections', 'direct']) {
      expect(await figure(node, `reedbase_sent_bytes_total{transport="${transport}"}`)).toBeGreaterThan(100)
      expect(await figure(node, `reedbase_received_bytes_total{transport="${transport}"}`)).toBeGreaterThan(100)
    }
    expect(await figure(node, 'reedbase_direct_streams_active')).toBeGreaterThan(0)
  }
})

it('libp2p tells each node its own figures', async () => {
  expect(await figure(entry, 'libp2p_connection_manager_connections{kind="outbound"}')).toBe(1)
  expect(await figure(server, 'libp2p_connection_manager_connections{kind="outbound"}')).toBe(0)
  expect(await figure(server, 'libp2p_connection_manager_connections{kind="inbound"}')).toBe(1)
})

it('a program\'s own metrics stand beside them, on its node only', async () => {
  const orders = entry.metrics.counter({ name: 'shop_orders_total', help: 'Orders taken.', labelNames: ['kind'] })
  orders.increase(3, { kind: 'gift' })
  expect(await figure(entry, 'shop_orders_total{kind="gift"}')).toBe(3)
  expect(await textOf(server)).not.toContain('shop_orders_total')
  orders.increase(1, { colour: 'red' })
  expect(await figure(entry, 'reedbase_application_series_dropped_total')).toBe(1)
})

it('bytes stay counted when what carried them is closed, and the series of who left are dropped', async () => {
  const sent = await figure(entry, 'reedbase_sent_bytes_total{transport="direct"}')
  await server.stop('the test wants it so')
  await until('the direct streams to end', async () => await figure(entry, 'reedbase_direct_streams_active') === 0)
  expect(await figure(entry, 'reedbase_sent_bytes_total{transport="direct"}')).toBeGreaterThanOrEqual(sent)
  await until('the member to have left', () => entry.members.list().some(({ name, state }) => name === 'server' && state === 'left'))
  expect(await textOf(entry)).not.toContain('peer="server"')
})

it('Node\'s own stand beside them, without the percentiles that have the sampling interval in them', async () => {
  expect(await figure(entry, 'process_resident_memory_bytes')).toBeGreaterThan(1e6)
  expect(await figure(entry, 'nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0)
  expect(await textOf(entry)).not.toMatch(/nodejs_eventloop_lag_(?:mean|p99)/)
})

it('promtool has nothing to say about the text', async ({ skip }) => {
  if (spawnSync('promtool', ['--version']).error !== undefined) skip('promtool is not installed')
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await textOf(entry), encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})

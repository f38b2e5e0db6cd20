// The answering process of bench:bulk. Encodes the rows for itself alone for each line of its stdin, and says how long it took; ends with it.
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { createInterface } from 'node:readline'
import duckdb from '@duckdb/node-bindings'
import { DuckDBDataChunk } from '@duckdb/node-api'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { openDuckDb } from '../../dist/adapters/duckdb/duckdb-engine.js'
import { collectBuffersEarly } from '../../dist/adapters/system/buffer-collection.js'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { STREAMS_PER_CONNECTION_MAX } from '../../dist/query/limits.js'
import { QueryServer } from '../../dist/query/server.js'
import { QUERY_PROTOCOL } from '../../dist/query/types.js'
import { silentLog } from './hop-parts.mjs'

const { clusterKey, folder, sql, heavyBytes } = JSON.parse(process.argv[2])
// As `rdb start` does.
collectBuffersEarly()
const engine = await openDuckDb({ database: 'flights', path: folder, role: 'replica', memoryLimitBytes: 2 ** 30, threads: 2, tempDir: null, concurrentQueriesMax: 2, log: silentLog })
const never = new AbortController().signal

/** Declared once, for the reason that hop-server.mjs gives. */
async function* small(result) {
  yield { rows: 1, bytes: new Uint8Array(100) }
  result.trailer = { rows: 1, engineMs: 0, load: null }
}
const block = Buffer.alloc(1 << 20, 7)
async function* heavy(result) {
  for (let bytes = 0; bytes < heavyBytes; bytes += block.length) yield { rows: 1, bytes: block }
  result.trailer = { rows: heavyBytes / block.length, engineMs: 0, load: null }
}
async function* counted(batches, result) {
  let rows = 0
  for await (const batch of batches) {
    rows += batch.rows
    yield batch
  }
  result.trailer = { rows, engineMs: 0, load: null }
}

const queries = new QueryServer({
  async handler({ database, sql: asked, parameters }, { signal }) {
    const result = { trailer: null }
    const answer = (format, header, batches) => ({ format, header, route: null, batches, trailer: () => result.trailer })
    if (database === 'small') return answer('raw', new Uint8Array(0), small(result))
    if (database === 'heavy') return answer('raw', new Uint8Array(0), heavy(result))
    const { format, header, batches } = await engine.execute({ sql: asked, parameters, signal })
    return answer(format, header, counted(batches, result))
  },
})
const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [Buffer.from(clusterKey, 'hex')], log: silentLog, clock: systemClock })
await mesh.handle(QUERY_PROTOCOL, (stream) => queries.accept(stream), { inboundStreamsMax: STREAMS_PER_CONNECTION_MAX, isDirect: true })
await mesh.start()

// JSON over HTTP as one would write it: rows of each chunk as lines, and the engine waits for the socket.
const database = await duckdb.open(':memory:', duckdb.create_config())
const connection = await duckdb.connect(database)
const replacer = (_name, value) => (typeof value === 'bigint' ? Number(value) : value)
const http = createServer(async (_request, response) => {
  response.setHeader('content-type', 'application/x-ndjson')
  const result = await duckdb.execute_prepared_streaming(await duckdb.prepare(connection, sql.replace('flights', `'${folder}/flights.parquet'`)))
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result)
    if (chunk === null || duckdb.data_chunk_get_size(chunk) === 0) break
    const rows = new DuckDBDataChunk(chunk).getRowObjects(['date', 'delay', 'distance', 'origin', 'destination'])
    if (!response.write(`${rows.map((row) => JSON.stringify(row, replacer)).join('\n')}\n`)) await new Promise((resolve) => { response.once('drain', resolve) })
  }
  response.end()
})
await new Promise((resolve) => { http.listen(0, '127.0.0.1', resolve) })

// What the machine itself allows: the same small and large answers over bare TCP, unencrypted, without frames.
const bareSmall = createTcpServer({ noDelay: true }, (socket) => {
  socket.on('data', () => { socket.write(Buffer.alloc(100)) }).on('error', () => {})
})
const bareHeavy = createTcpServer((socket) => {
  socket.on('error', () => {}).on('data', async () => {
    for (let bytes = 0; bytes < heavyBytes; bytes += block.length) if (!socket.write(block)) await new Promise((resolve) => { socket.once('drain', resolve) })
  })
})
for (const tcp of [bareSmall, bareHeavy]) await new Promise((resolve) => { tcp.listen(0, '127.0.0.1', resolve) })

process.stdout.write(`${JSON.stringify({ ours: mesh.multiaddrs()[0], http: `http://127.0.0.1:${http.address().port}`, bareSmall: bareSmall.address().port, bareHeavy: bareHeavy.address().port })}\n`)
const lines = createInterface({ input: process.stdin })
lines.on('line', async () => {
  const startedMs = performance.now()
  let rows = 0
  for await (const batch of (await engine.execute({ sql, parameters: [], signal: never })).batches) rows += batch.rows
  process.stdout.write(`${JSON.stringify({ rows, tookMs: performance.now() - startedMs })}\n`)
})
lines.on('close', async () => {
  http.close()
  await mesh.stop()
  await engine.close()
  process.exit(0)
})

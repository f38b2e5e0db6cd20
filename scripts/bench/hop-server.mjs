// The answering process of bench:hop. Says the CPU time that it has used for each line of its stdin, and ends with it.
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { ServiceBroker } from 'moleculer'
import { secureInbound } from '../../dist/adapters/direct/handshake.js'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { STREAMS_PER_CONNECTION_MAX } from '../../dist/query/limits.js'
import { QueryServer } from '../../dist/query/server.js'
import { QUERY_PROTOCOL } from '../../dist/query/types.js'
import { grpcAnswer, moleculerOptions, rawFrames, silentLog } from './hop-parts.mjs'

const { clusterKey, moleculerServerPort, moleculerClientPort, answerBytes } = JSON.parse(process.argv[2])
const answer = new Uint8Array(answerBytes).fill(65)
const load = { cpuPercent: 12.5, memoryPercent: 40, inFlight: 3, overloaded: false, drill: false, sequence: 4711 }

// The no-op engine, in the shape of a real one: batches pulled from a generator, a trailer set at its end. The generator is declared once:
// V8 gives one declared inside the handler a hidden class for each query, which only a full collection frees, with all that it refers to.
async function* batches(signal, result) {
  if (signal.aborted) return
  yield { rows: 1, bytes: answer }
  result.trailer = { rows: 1, engineMs: 0.01, load }
}
const mesh = await createMesh({
  privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [Buffer.from(clusterKey, 'hex')], log: silentLog, clock: systemClock,
})
const route = {
  decision: 'local', executedBy: { peerId: mesh.peerId, name: 'remote1' }, latencyMs: null, reason: 'remote1 serves bench', strategy: 'nearest', failedAttempts: [], candidates: [], decisionUs: 12,
}
const queries = new QueryServer({
  handler: async (_request, { signal }) => {
    const result = { trailer: null }
    return { format: 'raw', header: new Uint8Array(0), route, batches: batches(signal, result), trailer: () => result.trailer }
  },
})
await mesh.handle(QUERY_PROTOCOL, (stream) => queries.accept(stream), { inboundStreamsMax: STREAMS_PER_CONNECTION_MAX, isDirect: true })
await mesh.start()

const broker = new ServiceBroker(moleculerOptions('server', moleculerServerPort, [['client', moleculerClientPort]]))
const text = 'A'.repeat(answerBytes)
broker.createService({ name: 'bench', actions: { answer: () => text } })
await broker.start()

const http = createHttpServer((request, response) => {
  request.resume().on('end', () => response.end(answer))
})
await new Promise((resolve) => { http.listen(0, '127.0.0.1', resolve) })

function echo(socket) {
  socket.on('error', () => socket.destroy())
  socket.on('data', rawFrames((id, payload) => {
    const frame = Buffer.alloc(8 + payload.length)
    frame.writeUInt32BE(4 + payload.length)
    frame.writeUInt32BE(id, 4)
    frame.set(payload, 8)
    socket.write(frame)
  })).resume()
}
const raw = createServer({ noDelay: true }, echo)
await new Promise((resolve) => { raw.listen(0, '127.0.0.1', resolve) })
const tls = createServer({ noDelay: true, allowHalfOpen: true }, (tcp) => {
  secureInbound(tcp, () => Buffer.from(clusterKey, 'hex')).then(({ socket }) => { echo(socket) }, () => { tcp.destroy() })
})
await new Promise((resolve) => { tls.listen(0, '127.0.0.1', resolve) })

const grpc = new GrpcServer()
const answerBuffer = Buffer.from(answer)
grpc.addService({ answer: grpcAnswer }, { answer: (_call, callback) => { callback(null, answerBuffer) } })
const grpcPort = await new Promise((resolve, reject) => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => { if (error === null) resolve(port); else reject(error) })
})

process.stdout.write(`${JSON.stringify({ ours: mesh.multiaddrs()[0], http: `http://127.0.0.1:${http.address().port}`, raw: raw.address().port, tls: tls.address().port, grpc: grpcPort })}\n`)
createInterface({ input: process.stdin }).on('line', () => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${user + system}\n`)
}).on('close', async () => {
  grpc.forceShutdown()
  await broker.stop()
  await mesh.stop()
  process.exit(0)
})

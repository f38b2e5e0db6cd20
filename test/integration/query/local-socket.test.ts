/** Real unix sockets: the adapter's contract, the query plane and the control protocol over them, and the client on top. */
import { createServer, connect as connectSocket, type Socket } from 'node:net'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectLocal } from '../../../src/adapters/local/connect-local.ts'
import { serveControl } from '../../../src/adapters/local/control-server.ts'
import { listenLocal, type LocalListener } from '../../../src/adapters/local/listen-local.ts'
import { callControl, callControlOnce } from '../../../src/client/control.ts'
import { connect } from '../../../src/client/connect.ts'
import { MeshError } from '../../../src/errors.ts'
import type { ByteStream } from '../../../src/ports/peer-streams.ts'
import { QueryConnections } from '../../../src/query/client.ts'
import { QueryServer } from '../../../src/query/server.ts'
import { QUERY_PROTOCOL } from '../../../src/query/types.ts'
import { CONTROL_PROTOCOL, type ControlRequest } from '../../../src/wire/control.ts'
import { encodeFrame, encodeRequest, QUERY_WIRE_VERSION } from '../../../src/wire/query-messages.ts'
import { byteStreamContract } from '../../contract/byte-stream.ts'
import { batchesOf, readAll, request, respond, until } from '../../support/query-plane.ts'

const echo = '/test/echo/1.0'

let folder: string
let path: string
const listeners: LocalListener[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rdb-local-'))
  path = join(folder, 'node.sock')
})

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close({ abort: true })
  await rm(folder, { recursive: true, force: true })
})

async function listen(protocols: Record<string, (stream: ByteStream) => void>, connectionsMax = 256): Promise<LocalListener> {
  const listener = await listenLocal(path, { protocols, connectionsMax })
  listeners.push(listener)
  return listener
}

/** `once` would take the reset that comes with the cut for a failure. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => { socket.once('close', () => resolve()) })
}

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error: unknown = await promise.then(() => null, (reason: unknown) => reason)
  if (!(error instanceof MeshError)) throw new Error(`no MeshError: ${String(error)}`)
  return error
}

byteStreamContract('local socket', async () => {
  const accepted = Promise.withResolvers<ByteStream>()
  await listen({ [echo]: accepted.resolve })
  const a = await connectLocal(path, echo)
  const b = await accepted.promise
  return {
    a, b,
    stop: () => {
      a.abort(new Error('the test is over'))
      b.abort(new Error('the test is over'))
      return Promise.resolve()
    },
  }
})

describe('listening', () => {
  it('makes the file for its owner alone and removes it at the end', async () => {
    const listener = await listen({})
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await listener.close()
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('replaces the file of a dead process, and no other', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect((await failure(listenLocal(path, { protocols: {} }))).code).toBe('ERR_DATA_DIR_LOCKED')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await stat(path)).isSocket()).toBe(true)
    await listen({})
    const other = join(folder, 'file')
    await writeFile(other, 'kept')
    expect((await failure(listenLocal(other, { protocols: {} }))).code).toBe('ERR_DATA_DIR_LOCKED')
    expect((await stat(other)).size).toBe(4)
  })

  it('refuses a path that no socket can have', async () => {
    expect((await failure(listenLocal(join(folder, 'x'.repeat(120)), { protocols: {} }))).code).toBe('ERR_DATA_DIR_UNUSABLE')
  })

  it('says when it does not offer a protocol, and when nobody listens', async () => {
    await listen({ [echo]: () => {} })
    expect(await failure(connectLocal(path, '/test/other/1.0'))).toMatchObject({ code: 'ERR_PROTOCOL', message: expect.stringContaining('does not offer') as string })
    expect((await failure(connectLocal(join(folder, 'nobody.sock'), echo))).code).toBe('ERR_NO_NODE')
  })

  it('cuts off a first line that is too long, and serves on', async () => {
    const listener = await listen({ [echo]: (stream) => { stream.onBytes((bytes) => stream.send(bytes)) } })
    const hostile = connectSocket(path)
    hostile.on('error', () => { /* the other side cuts it */ })
    hostile.write(Buffer.alloc(100_000, 65))
    await closed(hostile)
    expect(listener.counters().malformed).toBe(1)
    const stream = await connectLocal(path, echo)
    const echoed = Promise.withResolvers<Uint8Array>()
    stream.onBytes(echoed.resolve)
    stream.send(Uint8Array.of(1, 2, 3))
    expect([...await echoed.promise]).toEqual([1, 2, 3])
    await stream.close()
  })

  it('delivers bytes that came in one piece with the first line', async () => {
    const got = Promise.withResolvers<Uint8Array>()
    await listen({ [echo]: (stream) => { stream.onBytes(got.resolve) } })
    const socket = connectSocket(path)
    socket.write(Buffer.concat([Buffer.from(`${echo}\n`), Buffer.from('and more')]))
    expect(Buffer.from(await got.promise).toString()).toBe('and more')
    socket.destroy()
  })

  it('refuses connections beyond its limit', async () => {
    const listener = await listen({ [echo]: () => {} }, 2)
    await Promise.all([connectLocal(path, echo), connectLocal(path, echo)])
    expect((await failure(connectLocal(path, echo))).code).toBe('ERR_NO_NODE')
    expect(listener.counters().refused).toBe(1)
  })
})

describe('the query plane over it', () => {
  it('carries a large result and many small ones', async () => {
    const server = new QueryServer({ handler: (asked) => Promise.resolve(respond(batchesOf(asked.sql === 'big' ? 200 : 1, 100_000))) })
    await listen({ [QUERY_PROTOCOL]: (stream) => server.accept(stream) })
    const client = new QueryConnections({ open: (target, protocol, signal) => connectLocal(target, protocol, { signal }) })
    const [big, ...small] = await Promise.all(['big', ...Array.from({ length: 50 }, () => 'small')].map(async (sql) => await readAll(await client.query(path, request({ sql })))))
    expect(big?.map(({ bytes }) => bytes[99_999])).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(small.every((batches) => batches.length === 1)).toBe(true)
    await client.close()
  })

  it('a client process that is killed takes its query along', async () => {
    const aborted = Promise.withResolvers<unknown>()
    const server = new QueryServer({ handler: (_asked, { signal }) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted.resolve(signal.reason)
        reject(signal.reason as Error)
      })
    }) })
    await listen({ [QUERY_PROTOCOL]: (stream) => server.accept(stream) })
    const frames = [encodeFrame({ hello: { wireVersion: QUERY_WIRE_VERSION, token: new Uint8Array(0), inFlightMax: 0 } }), encodeRequest(1, request(), 60_000, 0)]
    const bytes = Buffer.concat([Buffer.from(`${QUERY_PROTOCOL}\n`), ...frames.flatMap((frame) => [Buffer.from([0, 0, frame.length >> 8, frame.length & 255]), frame])])
    const script = `require('net').connect(${JSON.stringify(path)}).write(Buffer.from('${bytes.toString('hex')}', 'hex')); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['-e', script], { stdio: 'inherit' })
    await until('the query to run', () => server.inFlight === 1, 1_000_000)
    child.kill('SIGKILL')
    expect(((await aborted.promise) as MeshError).code).toBe('ERR_QUERY_CANCELLED')
  })

  it('connect() finds the node by its data folder', async () => {
    const server = new QueryServer({ handler: () => Promise.reject(new MeshError('ERR_SQL', 'no such table: t', { details: { position: 15 } })) })
    await listen({ [QUERY_PROTOCOL]: (stream) => server.accept(stream) })
    expect((await failure(connect({ dataDir: folder }))).code).toBe('ERR_NO_NODE')
    await writeRuntime()
    const client = await connect({ dataDir: folder })
    expect(await failure(client.query('SELECT * FROM t', { database: 'd' }))).toMatchObject({ code: 'ERR_SQL', details: { position: 15 } })
    expect((await failure(client.query('SELECT 1', { database: '' }))).code).toBe('ERR_OPTION_INVALID')
    await client.close()
    expect((await failure(client.query('SELECT 1', { database: 'd' }))).code).toBe('ERR_NODE_STOPPED')
  })

  it('connect() to a node that has died says so', async () => {
    await writeRuntime()
    expect((await failure(connect({ dataDir: folder }))).code).toBe('ERR_NO_NODE')
  })
})

async function writeRuntime(): Promise<void> {
  await writeFile(join(folder, 'node.json'), JSON.stringify({
    pid: process.pid, peerId: 'p', name: 'n', startedWallMs: 0, version: '0', tcpMultiaddrs: [], udp: '127.0.0.1:1', socketPath: path,
  }))
}

describe('control calls', () => {
  async function serve(handler: (asked: ControlRequest, signal: AbortSignal) => unknown, options: Parameters<typeof serveControl>[2] = {}): Promise<void> {
    await listen({ [CONTROL_PROTOCOL]: (stream) => serveControl(stream, handler, options) })
    await writeRuntime()
  }

  it('answers a question', async () => {
    await serve((asked) => Promise.resolve({ asked }))
    expect(await callControlOnce({ dataDir: folder }, { method: 'nodes', database: 'd' })).toEqual({ asked: { method: 'nodes', database: 'd' } })
  })

  it('puts an answer that came in parts together', async () => {
    const list = Array.from({ length: 3_000 }, (_, index) => ({ index, text: 'x'.repeat(800) }))
    await serve(() => Promise.resolve(list))
    expect(await callControlOnce({ dataDir: folder }, { method: 'members' })).toEqual(list)
  })

  it('rebuilds the error at the caller', async () => {
    await serve(() => { throw new MeshError('ERR_DATABASE_UNKNOWN', 'no d', { nextStep: 'Look.', details: { a: 1 } }) })
    expect(await failure(callControlOnce({ dataDir: folder }, { method: 'status' }))).toMatchObject({ code: 'ERR_DATABASE_UNKNOWN', message: 'no d', nextStep: 'Look.', details: { a: 1 } })
  })

  it('checks what it is asked', async () => {
    await serve(() => 'never')
    expect((await failure(callControlOnce({ dataDir: folder }, { method: 'drill-start', cpuPercent: 900, memoryPercent: null, forMs: 1 }))).code).toBe('ERR_OPTION_INVALID')
    expect((await failure(callControlOnce({ dataDir: folder }, { method: 'sudo' } as unknown as ControlRequest))).code).toBe('ERR_PROTOCOL')
  })

  it('streams events until the reader leaves, and then tells the source', async () => {
    const left = Promise.withResolvers<void>()
    async function* events(): AsyncGenerator<number, void, void> {
      try {
        for (let i = 0; ; i++) yield await Promise.resolve(i)
      } finally {
        left.resolve()
      }
    }
    await serve(events)
    const seen: unknown[] = []
    for await (const event of callControl({ dataDir: folder }, { method: 'events', snapshot: false })) {
      seen.push(event)
      if (seen.length === 1000) break
    }
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    await left.promise
  })

  it('pulls nothing for a reader that does not read, and cuts it off', async () => {
    let pulled = 0
    const left = Promise.withResolvers<void>()
    async function* events(): AsyncGenerator<string, void, void> {
      try {
        for (;;) {
          pulled++
          yield await Promise.resolve('x'.repeat(10_000))
        }
      } finally {
        left.resolve()
      }
    }
    await serve(events, { stallMs: 50 })
    const socket: Socket = connectSocket(path)
    socket.on('error', () => { /* it is cut off */ })
    socket.pause()
    socket.write(`${CONTROL_PROTOCOL}\n{"method":"events"}\n`)
    await left.promise
    expect(pulled * 10_000).toBeLessThan(4 << 20)
    socket.destroy()
  })

  it('refuses a line without end', async () => {
    let called = 0
    await serve(() => { called++ })
    const socket = connectSocket(path)
    socket.on('error', () => { /* it is cut off */ })
    socket.write(`${CONTROL_PROTOCOL}\n`)
    const piece = Buffer.alloc(64 << 10, 65)
    const pump = (): void => { while (!socket.destroyed && socket.write(piece)) { /* until it is full or cut */ } }
    socket.on('drain', pump)
    pump()
    socket.resume()
    await closed(socket)
    expect(called).toBe(0)
  })

  it('gives up on a node that ends without an answer', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => { /* the test ends it */ })
      socket.once('data', (line) => socket.end(line))
    })
    await new Promise<void>((resolve) => { server.listen(path, resolve) })
    await writeRuntime()
    expect((await failure(callControlOnce({ dataDir: folder }, { method: 'status' }))).code).toMatch(/ERR_NO_NODE|ERR_PROTOCOL|ERR_PEER_UNREACHABLE/)
    await new Promise((resolve) => { server.close(resolve) })
  })
})

/** A query server and clients of it on loopback, with a link between them that lets so much through and counts it. */
import { connect as connectSocket, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { SocketByteStream } from '../../src/adapters/local/socket-byte-stream.ts'
import { QueryConnections } from '../../src/query/client.ts'
import type { Compression } from '../../src/query/compression.ts'
import { QueryServer } from '../../src/query/server.ts'
import type { QueryHandler } from '../../src/query/types.ts'

const tickMs = 5

export interface SlowLink {
  /** From the server to clients. */
  readonly bytes: () => number
  readonly connect: (compression?: Compression) => QueryConnections
  readonly close: () => Promise<void>
}

async function listen(onSocket: (socket: Socket) => void): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onSocket)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { server, port: (server.address() as AddressInfo).port }
}

/** `bytesPerSecond` is of all streams together. */
export async function openSlowLink(handler: QueryHandler, bytesPerSecond: number, compression?: Compression): Promise<SlowLink> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('error', () => { socket.destroy() })
    socket.on('close', () => { sockets.delete(socket) })
    return socket
  }
  const queries = new QueryServer({ handler, ...(compression === undefined ? {} : { compression }) })
  const far = await listen((socket) => { queries.accept(new SocketByteStream(keep(socket), { kind: 'peer', peerId: 'entry' })) })
  let passed = 0
  let tokens = 0
  let filledMs = performance.now()
  const held = new Set<{ readonly to: Socket; readonly from: Socket; chunk: Buffer }>()
  /** In turn, as far as the tokens last; no more than a few ticks' worth of them is saved up. */
  const pass = (): void => {
    const nowMs = performance.now()
    tokens = Math.min(tokens + (bytesPerSecond * (nowMs - filledMs)) / 1_000, (4 * bytesPerSecond * tickMs) / 1_000)
    filledMs = nowMs
    for (const entry of held) {
      const piece = entry.chunk.subarray(0, Math.floor(tokens))
      tokens -= piece.length
      passed += piece.length
      if (piece.length > 0) entry.to.write(piece)
      entry.chunk = entry.chunk.subarray(piece.length)
      if (entry.chunk.length > 0) return
      held.delete(entry)
      entry.from.resume()
    }
  }
  const relay = await listen((near) => {
    const from = connectSocket({ port: far.port, host: '127.0.0.1', allowHalfOpen: true })
    keep(from)
    keep(near).pipe(from)
    from.on('data', (chunk: Buffer) => {
      from.pause()
      held.add({ to: near, from, chunk })
      pass()
    })
    from.on('end', () => near.end())
    near.on('close', () => from.destroy())
  })
  const timer = setInterval(pass, tickMs)
  const clients: QueryConnections[] = []
  return {
    bytes: () => passed,
    connect: (own) => {
      const client = new QueryConnections({
        ...(own === undefined ? {} : { compression: own }),
        open: () => new Promise((resolve, reject) => {
          const socket = keep(connectSocket({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true }))
          socket.once('connect', () => { resolve(new SocketByteStream(socket, { kind: 'peer', peerId: 'far' })) })
          socket.once('error', reject)
        }),
      })
      clients.push(client)
      return client
    },
    close: async () => {
      clearInterval(timer)
      await Promise.all(clients.map((client) => client.close()))
      for (const socket of sockets) socket.destroy()
      await Promise.all([relay.server, far.server].map((server) => new Promise((resolve) => { server.close(resolve) })))
    },
  }
}

/** The node's end of the local socket. Who may use it is decided by the file system: mode 0600. */
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ByteStream } from '../../ports/peer-streams.ts'
import { systemClock } from '../system/clock.ts'
import { readLine, UNSUPPORTED } from './local-protocol.ts'
import { SocketByteStream } from './socket-byte-stream.ts'

/** sockaddr_un.sun_path, with its closing zero, on Linux 108 and on macOS 104. */
const pathBytesMax = 103

export interface LocalListenOptions {
  /** By protocol name. */
  readonly protocols: Readonly<Record<string, (stream: ByteStream) => void>>
  /** Further connections are closed at once. Default 256. */
  readonly connectionsMax?: number
  readonly clock?: Clock
  readonly log?: Log
}

export interface LocalCounters {
  readonly accepted: number
  readonly refused: number
  readonly malformed: number
  readonly unsupported: number
}

export interface LocalListener {
  readonly path: string
  readonly connections: number
  counters(): LocalCounters
  /** Stops listening and removes the file; `abort` also ends the open connections. */
  close(options?: { readonly abort?: boolean }): Promise<void>
}

/**
 * Listens on a unix socket, in place of the file that a dead process may have left.
 * @throws MeshError ERR_DATA_DIR_LOCKED when a living process listens there, ERR_DATA_DIR_UNUSABLE when the path cannot be used
 */
export async function listenLocal(path: string, options: LocalListenOptions): Promise<LocalListener> {
  const clock = options.clock ?? systemClock
  const connectionsMax = options.connectionsMax ?? 256
  const sockets = new Set<Socket>()
  const counters = { accepted: 0, refused: 0, malformed: 0, unsupported: 0 }
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    // Errors of a connection reach its stream; before there is one, the close event is enough.
    socket.on('error', (error) => options.log?.debug({ error: error.message }, 'a local connection failed'))
    if (sockets.size >= connectionsMax) {
      counters.refused++
      socket.destroy()
      return
    }
    counters.accepted++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    readLine(socket, clock).then((protocol) => {
      const handler = Object.hasOwn(options.protocols, protocol) ? options.protocols[protocol] : undefined
      if (handler === undefined) {
        counters.unsupported++
        socket.end(`${UNSUPPORTED}\n`)
        socket.destroySoon()
        return
      }
      socket.write(`${protocol}\n`)
      handler(new SocketByteStream(socket, { kind: 'local-client' }))
    }).catch((error: unknown) => {
      counters.malformed++
      options.log?.debug({ error: String(error) }, 'a local connection did not name its protocol')
      socket.destroy()
    })
  })
  await bind(server, path)
  server.on('error', (error) => options.log?.error({ err: error }, 'the local socket failed'))
  return {
    path,
    get connections() { return sockets.size },
    counters: () => ({ ...counters }),
    close: (closeOptions = {}) => new Promise((resolve) => {
      server.close(() => resolve())
      if (closeOptions.abort === true) for (const socket of sockets) socket.destroy()
    }),
  }
}

async function bind(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > pathBytesMax) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `the path of the local socket has ${Buffer.byteLength(path)} bytes; a socket's path may have ${pathBytesMax}`, {
      nextStep: 'Use a data folder with a shorter path.', details: { path },
    })
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      await listen(server, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || !(await isStale(path))) throw error
      await unlink(path)
      await listen(server, path)
    }
    await chmod(path, 0o600)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EADDRINUSE') throw new MeshError('ERR_DATA_DIR_LOCKED', `another process listens on ${path}`, { details: { path }, cause: error })
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `the local socket ${path} cannot be made: ${(error as Error).message}`, { details: { path }, cause: error })
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The file is made before `listen` returns, so the mask closes the moment until chmod. Worker threads may not set it.
    const mask = isMainThread ? process.umask(0o177) : null
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
    if (mask !== null) process.umask(mask)
  })
}

/** A socket file that nobody answers on. A file of another kind is not ours to remove. */
async function isStale(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

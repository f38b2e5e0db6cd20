import { connect } from 'node:net'
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream } from '../../ports/peer-streams.ts'
import { systemClock } from '../system/clock.ts'
import { readLine, UNSUPPORTED } from './local-protocol.ts'
import { SocketByteStream } from './socket-byte-stream.ts'

/**
 * A stream of one protocol to the node that listens at `path`.
 * @throws MeshError ERR_NO_NODE when nothing answers there, ERR_PROTOCOL when what answers does not speak the protocol
 */
export async function connectLocal(path: string, protocol: string, options: { readonly signal?: AbortSignal; readonly clock?: Clock } = {}): Promise<ByteStream> {
  const { signal } = options
  signal?.throwIfAborted()
  const socket = connect({ path, allowHalfOpen: true })
  socket.on('error', () => { /* The promise below or the stream reports it. */ })
  const onAbort = (): void => { socket.destroy() }
  signal?.addEventListener('abort', onAbort)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the connection was closed')))
    })
    socket.write(`${protocol}\n`)
    const answer = await readLine(socket, options.clock ?? systemClock)
    if (answer !== protocol) {
      throw new MeshError('ERR_PROTOCOL', answer === UNSUPPORTED ? `the node at ${path} does not offer ${protocol}` : `what listens at ${path} is no node`, { details: { path } })
    }
    return new SocketByteStream(socket, { kind: 'local-client' })
  } catch (error) {
    socket.destroy()
    signal?.throwIfAborted()
    if (error instanceof MeshError) throw error
    throw new MeshError('ERR_NO_NODE', `no node answers at ${path}: ${(error as Error).message}`, { details: { path }, cause: error })
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * libp2p's TCP transport makes a system call of each piece it is handed: for one small message under Noise and yamux that is a length, a
 * sealed frame, and both again for the window update that each message received causes. Here all that one turn of the event loop writes
 * to a socket leaves in one call, which more than doubles what a connection carries in small messages.
 *
 * The socket is corked at the first write of a turn and uncorked by `setImmediate`, which runs right after the callbacks of the poll
 * phase: what they caused, directly or through microtasks, is then complete. `process.nextTick` would run before those microtasks.
 */
import { Socket } from 'node:net'
import type { MultiaddrConnection, Transport } from '@libp2p/interface'
import { wrapUpgrader } from './wrapped-upgrader.ts'

/**
 * What waits in a corked socket before it is let go within the turn: with this much the system call is paid for, and the far side can start
 * on it while this side goes on. Two thirds of what a query stream joins into a send, so that each of those leaves at once.
 */
const waitingBytesMax = 4 << 10
/** Below this, copying the pieces of a message together costs less than handing each to the socket. */
const copiedBytesMax = 16 << 10

/** Wraps a transport factory whose connections stand on a `net.Socket`; connections that do not are left as they are. */
export function joinedWrites<Components>(factory: (components: Components) => Transport): (components: Components) => Transport {
  return wrapUpgrader(factory, { connection: join })
}

function join(connection: MultiaddrConnection): MultiaddrConnection {
  const { socket } = connection as MultiaddrConnection & { readonly socket?: unknown }
  if (!(socket instanceof Socket)) return connection
  joinWrites(socket)
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data instanceof Uint8Array || data.byteLength > copiedBytesMax ? data : data.subarray())
  return connection
}

/** Corks a socket from the first write of a turn of the event loop to the turn's end, or to `waitingBytesMax`. */
export function joinWrites(socket: Socket): void {
  const write = socket.write.bind(socket) as Socket['write']
  let corked = false
  const uncork = (): void => {
    corked = false
    socket.uncork()
  }
  socket.write = ((...args: Parameters<Socket['write']>) => {
    if (!corked && !socket.destroyed) {
      corked = true
      socket.cork()
      setImmediate(uncork)
    }
    const writable = write(...args)
    if (corked && socket.writableLength >= waitingBytesMax) {
      socket.uncork()
      socket.cork()
    }
    return writable
  }) as Socket['write']
}

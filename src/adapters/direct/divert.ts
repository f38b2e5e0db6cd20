/**
 * One port for both: a connection whose first byte begins a TLS handshake is no connection of libp2p, and goes to the direct streams. Until its
 * handshake has ended, libp2p still holds it for an inbound connection that is silent, so that every bound on those holds for it: how many a
 * second from one host, how many at a time, and for how long.
 */
import { Socket } from 'node:net'
import type { CreateListenerOptions, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { TLS_FIRST_BYTE } from './handshake.ts'

export interface DirectDoor {
  /** Resolves when the handshake has ended and the socket is somebody's; otherwise the socket is destroyed. */
  accept(socket: Socket): Promise<void>
}

/** A connection as libp2p's TCP transport makes it, and how it learns what happens to its socket. */
type SocketConnection = MultiaddrConnection & { readonly socket: Socket; onData(bytes: Uint8Array): void; onTransportClosed(): void }

/** Wraps a transport factory whose connections stand on a `net.Socket`; connections that do not are left as they are. */
export function divertDirect<Components>(factory: (components: Components) => Transport, door: DirectDoor): (components: Components) => Transport {
  return (components) => {
    const transport = factory(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options: CreateListenerOptions) => createListener({ ...options, upgrader: diverting(options.upgrader, door) })
    return transport
  }
}

function diverting(upgrader: Upgrader, door: DirectDoor): Upgrader {
  return {
    upgradeInbound: async (connection, options) => {
      const isDiverted = isOnSocket(connection) ? watch(connection, door) : () => false
      try {
        await upgrader.upgradeInbound(connection, options)
      } catch (error) {
        if (!isDiverted()) throw error
      }
    },
    upgradeOutbound: (connection, options) => upgrader.upgradeOutbound(connection, options),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  }
}

function isOnSocket(connection: MultiaddrConnection): connection is SocketConnection {
  const { socket, onData, onTransportClosed } = connection as Partial<SocketConnection>
  return socket instanceof Socket && typeof onData === 'function' && typeof onTransportClosed === 'function'
}

/** Called before the socket has delivered anything. Answers, later, whether the connection has become a direct one. */
function watch(connection: SocketConnection, door: DirectDoor): () => boolean {
  const { socket } = connection
  let isDiverted = false
  socket.removeAllListeners('data')
  socket.once('data', (first: Buffer) => {
    if (first[0] !== TLS_FIRST_BYTE) {
      socket.on('data', (bytes) => { connection.onData(bytes) })
      connection.onData(first)
      return
    }
    socket.pause()
    socket.unshift(first)
    door.accept(socket).then(() => {
      isDiverted = true
      // libp2p's own, against silence. From here on nothing that happens to the socket is its affair, as its connection has ended.
      socket.setTimeout(0)
      connection.onTransportClosed()
    }, (error: unknown) => { connection.abort(error instanceof Error ? error : new Error(String(error))) })
  })
  return () => isDiverted
}

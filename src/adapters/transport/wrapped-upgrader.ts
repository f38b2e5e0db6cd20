/** The upgrader is the first to see a new connection and the last to give it up: whoever wants a say in either wraps it. */
import type { CreateListenerOptions, DialTransportOptions, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'

export interface UpgraderWrap {
  /** What libp2p is to see instead of a fresh connection, before anything is written to it. */
  readonly connection?: (connection: MultiaddrConnection) => MultiaddrConnection
  /** Told of each inbound connection before its handshake; what it answers is called when the handshake has ended. */
  readonly onInbound?: (connection: MultiaddrConnection) => () => void
  /** An inbound connection did not get through its handshake. */
  readonly onInboundFailed?: (error: unknown) => void
}

export function wrapUpgrader<Components>(factory: (components: Components) => Transport, wrap: UpgraderWrap): (components: Components) => Transport {
  return (components) => {
    const transport = factory(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options: DialTransportOptions) => dial(address, { ...options, upgrader: wrapped(options.upgrader, wrap) })
    transport.createListener = (options: CreateListenerOptions) => createListener({ ...options, upgrader: wrapped(options.upgrader, wrap) })
    return transport
  }
}

function wrapped(upgrader: Upgrader, { connection: see = (connection) => connection, onInbound, onInboundFailed }: UpgraderWrap): Upgrader {
  return {
    upgradeInbound: async (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) => {
      const onEnd = onInbound?.(connection)
      try {
        await upgrader.upgradeInbound(see(connection), options)
      } catch (error) {
        onInboundFailed?.(error)
        throw error
      } finally {
        onEnd?.()
      }
    },
    upgradeOutbound: (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeOutbound']>[1]) => upgrader.upgradeOutbound(see(connection), options),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  }
}

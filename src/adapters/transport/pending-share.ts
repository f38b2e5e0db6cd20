/**
 * What one host may hold of the handshakes under way. A connection that has not said a byte costs its host nothing, so a stranger could fill
 * the pot with them and shut the door for everybody: above its share the host's own oldest silent one goes for the new one, and none may
 * stay silent for a whole handshake. A dialler speaks first, so an honest one is silent for a round trip.
 */
import { Socket } from 'node:net'
import type { MultiaddrConnection } from '@libp2p/interface'
import type { Clock } from '../../ports/clock.ts'

export interface PendingShareOptions {
  readonly clock: Clock
  readonly perHostMax: number
  readonly firstByteTimeoutMs: number
}

export class PendingShare {
  readonly #options: PendingShareOptions
  /** By host, the oldest first. */
  readonly #pending = new Map<string, Set<MultiaddrConnection>>()

  constructor(options: PendingShareOptions) {
    this.#options = options
  }

  /** Hosts with handshakes under way. */
  get hosts(): number {
    return this.#pending.size
  }

  /** To be called when its handshake has ended, either way. Connections without a socket of their own are left alone. */
  admit(connection: MultiaddrConnection): () => void {
    const { socket } = connection as MultiaddrConnection & { readonly socket?: unknown }
    if (!(socket instanceof Socket)) return () => undefined
    const host = socket.remoteAddress ?? ''
    const own = this.#pending.get(host) ?? new Set()
    this.#pending.set(host, own)
    if (own.size >= this.#options.perHostMax) this.#makeRoom(own, connection)
    own.add(connection)
    const timer = this.#options.clock.setTimer(this.#options.firstByteTimeoutMs, () => {
      // After a stall of this process the byte may lie unread: sockets are read before this runs.
      setImmediate(() => { if (own.has(connection) && isSilent(connection)) connection.abort(new Error('The connection said nothing.')) })
    })
    return () => {
      timer.cancel()
      own.delete(connection)
      if (own.size === 0 && this.#pending.get(host) === own) this.#pending.delete(host)
    }
  }

  #makeRoom(own: Set<MultiaddrConnection>, newcomer: MultiaddrConnection): void {
    for (const connection of own) {
      if (!isSilent(connection)) continue
      own.delete(connection)
      connection.abort(new Error('Its host began too many handshakes at once.'))
      return
    }
    newcomer.abort(new Error('Its host has too many handshakes under way.'))
  }
}

function isSilent(connection: MultiaddrConnection): boolean {
  const { socket } = connection as MultiaddrConnection & { readonly socket?: unknown }
  return socket instanceof Socket && socket.bytesRead === 0
}

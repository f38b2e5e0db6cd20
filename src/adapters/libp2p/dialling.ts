/** Dials, within a time and with errors that say what to do, by the addresses that members announce. */
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { parseAddress } from './address.ts'
import type { MeshCounters } from './counters.ts'
import { withDeadline } from './deadline.ts'
import { explainDialError, isRefused } from './dial-error.ts'
import { stopped } from './lifecycle-error.ts'
import { ADDRESSES_PER_PEER_MAX, type Network } from './network.ts'
import type { PeerAddresses } from './redial.ts'

export interface DiallingParts {
  readonly network: Network
  readonly clock: Clock
  readonly counters: MeshCounters
  readonly timeoutMs: number
  readonly isRunning: () => boolean
  /** Of the key in use, for errors; null without one. */
  readonly fingerprint: () => string | null
  readonly addressesOf: (peerId: string) => PeerAddresses | null
  /** The host answered that nobody listens there. */
  readonly onRefused: (peerId: string) => void
}

export interface DialOptions {
  readonly signal?: AbortSignal | undefined
  /** Although there is a connection. */
  readonly isForced?: boolean
}

export class Dialling {
  readonly #parts: DiallingParts

  constructor(parts: DiallingParts) {
    this.#parts = parts
  }

  /** @throws MeshError ERR_PEER_UNREACHABLE, ERR_CLUSTER_KEY, ERR_NODE_STOPPED, or the signal's reason */
  async dial(addresses: Multiaddr[], target: string, { signal, isForced = false }: DialOptions): Promise<Connection> {
    const { network, clock, counters, timeoutMs, isRunning, fingerprint } = this.#parts
    if (!isRunning()) throw stopped()
    counters.dials += 1
    try {
      return await withDeadline({
        clock,
        timeoutMs,
        signal,
        timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${target} did not answer within ${timeoutMs} ms.`, { details: { target } }),
      }, async (inner) => await network.dial(addresses, { signal: inner, ...(isForced ? { force: true } : {}) }))
    } catch (reason) {
      counters.dialFailures += 1
      if (signal?.aborted === true && reason === signal.reason) throw reason
      throw explainDialError(reason, { target, fingerprint: fingerprint() })
    }
  }

  async dialPeer(peer: PeerAddresses, options: DialOptions = {}): Promise<Connection> {
    const addresses = memberAddresses(peer)
    if (addresses.length === 0) throw new MeshError('ERR_PEER_UNREACHABLE', `${peer.peerId} gives no address that can be dialled.`, { details: { peerId: peer.peerId } })
    try {
      return await this.dial(addresses, peer.peerId, options)
    } catch (reason) {
      if (isRefused(reason)) this.#parts.onRefused(peer.peerId)
      throw reason
    }
  }

  async dialKnown(peerId: string, signal: AbortSignal): Promise<Connection> {
    const peer = this.#parts.addressesOf(peerId)
    if (peer === null) throw new MeshError('ERR_PEER_UNREACHABLE', `There is no connection to ${peerId}, and no address of it is known.`, { details: { peerId } })
    return await this.dialPeer(peer, { signal })
  }
}

/** Those that can be dialled, in the order in which it gives them. */
export function memberAddresses({ peerId, multiaddrs }: PeerAddresses): Multiaddr[] {
  return multiaddrs.slice(0, ADDRESSES_PER_PEER_MAX).map((text) => memberAddress(text, peerId)).filter((address) => address !== null)
}

/** Null for what a member should not have announced: its record is signed, but its content is its own affair. */
function memberAddress(text: string, peerId: string): Multiaddr | null {
  try {
    const address = parseAddress(text)
    const named = address.getComponents().find((component) => component.name === 'p2p')?.value
    if (named === undefined) return address.encapsulate(`/p2p/${peerId}`)
    return named === peerId ? address : null
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}

/** The UDP socket around the sealing: receives, opens, counts, hands over. It decides nothing. */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DatagramCounters, DatagramDrop, DatagramPeer, Datagrams } from '../../ports/datagrams.ts'
import { payloadBytesMax } from './datagram-header.ts'
import { createLocalKeys, type LocalKeys } from './key-agreement.ts'
import { Sealing } from './sealing.ts'

export interface OpenDatagramsOptions {
  /** An address of this host, or a name of it. */
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly peerId: string
  /** The cluster keys, the one in use first; empty to do without. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Label of the cluster. Default `reedbase`. */
  readonly cluster?: string
  readonly clock: Pick<Clock, 'wallMs'>
}

/** What the kernel may hold of ours at most before further datagrams are given up: gossip repeats itself, memory does not come back. */
const sendQueueBytesMax = 4 << 20
/** A burst of a few hundred datagrams may wait while the event loop is busy. The kernel may grant less. */
const receiveBufferBytes = 1 << 20

/**
 * Opens the socket and makes the keys of this start.
 * @throws MeshError ERR_PORT_BUSY, ERR_ADDRESS_UNAVAILABLE
 */
export async function openDatagrams(options: OpenDatagramsOptions): Promise<Datagrams> {
  const local = createLocalKeys({ peerId: options.peerId, epoch: nextEpoch(options.clock.wallMs()) })
  const socket = await bindSocket(options.host, options.port)
  return new UdpDatagrams(socket, local, new Sealing(local, { clusterKeys: options.clusterKeys, ...(options.cluster === undefined ? {} : { label: options.cluster }) }))
}

let lastEpoch = 0

/** The wall clock may stand still or step back; two starts in one process must differ all the same. */
function nextEpoch(wallMs: number): number {
  lastEpoch = Math.max(lastEpoch + 1, Math.floor(wallMs))
  return lastEpoch
}

async function bindSocket(host: string, port: number): Promise<Socket> {
  const where = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
  try {
    const address = isIP(host) === 0 ? (await lookup(host)).address : host
    const family = isIP(address)
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      recvBufferSize: receiveBufferBytes,
      // Records carry addresses, never names: skipping the resolver also skips one turn of the event loop a datagram.
      lookup: (name, _options, callback) => { callback(null, name, family) },
    })
    return await new Promise<Socket>((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close()
        reject(error)
      })
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeAllListeners('error')
        resolve(socket)
      })
    })
  } catch (error) {
    throw bindFailure(where, error as NodeJS.ErrnoException)
  }
}

function bindFailure(where: string, error: NodeJS.ErrnoException): MeshError {
  const details = { address: where }
  switch (error.code) {
    case 'EADDRINUSE':
      return new MeshError('ERR_PORT_BUSY', `The UDP port of ${where} is taken.`, { cause: error, details })
    case 'EACCES':
    case 'EPERM':
      return new MeshError('ERR_ADDRESS_UNAVAILABLE', `The system does not allow this user to listen on ${where} over UDP.`, {
        cause: error, details, nextStep: 'Choose a port above 1023 with --listen.',
      })
    default:
      return new MeshError('ERR_ADDRESS_UNAVAILABLE', `${where} is not an address of this host: ${error.message}.`, { cause: error, details })
  }
}

class UdpDatagrams implements Datagrams {
  readonly local: Datagrams['local']
  readonly payloadBytesMax = payloadBytesMax
  readonly #socket: Socket
  readonly #sealing: Sealing
  readonly #isIpv6: boolean
  #handler: (from: string, payload: Uint8Array) => boolean = () => false
  #closed: Promise<void> | null = null
  #sent = 0
  #sentBytes = 0
  #received = 0
  #receivedBytes = 0
  #sendErrors = 0
  #sendsDenied = 0
  readonly #dropped: Record<DatagramDrop, number> = {
    truncated: 0, oversized: 0, version: 0, 'unknown-sender': 0, denied: 0, epoch: 0, replayed: 0, forged: 0, malformed: 0,
  }

  constructor(socket: Socket, keys: LocalKeys, sealing: Sealing) {
    const { address, port, family } = socket.address()
    this.local = { host: address, port, publicKey: keys.publicKey, epoch: keys.epoch }
    this.#socket = socket
    this.#sealing = sealing
    this.#isIpv6 = family === 'IPv6'
    socket.on('message', (datagram) => { this.#receive(datagram) })
    // After binding, what is reported here is what an earlier send ran into.
    socket.on('error', () => { this.#sendErrors++ })
  }

  setPeer(peer: DatagramPeer): void {
    this.#sealing.setPeer(peer)
  }

  removePeer(peerId: string): void {
    this.#sealing.removePeer(peerId)
  }

  setClusterKeys(keys: readonly Uint8Array[]): void {
    this.#sealing.setClusterKeys(keys)
  }

  setAllowed(isAllowed: (peerId: string) => boolean): void {
    this.#sealing.setAllowed(isAllowed)
  }

  send(peerId: string, payload: Uint8Array): void {
    if (this.#sealing.isDenied(peerId)) {
      this.#sendsDenied++
      return
    }
    const peer = this.#sealing.peer(peerId)
    const host = peer === undefined ? null : this.#reachableHost(peer.host)
    if (peer === undefined || host === null || !isPort(peer.port) || this.#closed !== null || this.#socket.getSendQueueSize() > sendQueueBytesMax) {
      this.#sendErrors++
      return
    }
    const copies: Buffer[] = []
    const datagram = this.#sealing.seal(peerId, payload, copies)
    if (datagram === null) {
      this.#sendErrors++
      return
    }
    this.#transmit(datagram, peer.port, host)
    for (const copy of copies) this.#transmit(copy, peer.port, host)
  }

  onReceive(handler: (from: string, payload: Uint8Array) => boolean): void {
    this.#handler = handler
  }

  counters(): DatagramCounters {
    return {
      sent: this.#sent, sentBytes: this.#sentBytes, received: this.#received, receivedBytes: this.#receivedBytes,
      sendErrors: this.#sendErrors, sendsDenied: this.#sendsDenied, dropped: { ...this.#dropped },
    }
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => { this.#socket.close(resolve) })
    return this.#closed
  }

  #transmit(datagram: Buffer, port: number, host: string): void {
    this.#sent++
    this.#sentBytes += datagram.length
    this.#socket.send(datagram, 0, datagram.length, port, host, this.#countSendError)
  }

  #receive(datagram: Buffer): void {
    this.#received++
    this.#receivedBytes += datagram.length
    const opened = this.#sealing.open(datagram)
    if (!opened.ok) this.#dropped[opened.drop]++
    else if (!this.#handler(opened.from, opened.payload)) this.#dropped.malformed++
  }

  /** A socket for IPv6 reaches IPv4 by mapped addresses; one for IPv4 does not reach IPv6. Null when the host cannot be reached. */
  #reachableHost(host: string): string | null {
    const family = isIP(host)
    if (family === 0) return null
    if (this.#isIpv6) return family === 4 ? `::ffff:${host}` : host
    return family === 4 ? host : null
  }

  readonly #countSendError = (error: Error | null): void => {
    if (error !== null) this.#sendErrors++
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536
}

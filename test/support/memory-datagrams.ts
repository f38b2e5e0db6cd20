/** Datagrams without sockets or ciphers, for tests of what stands on them: delivered in the order sent, in microtasks. */
import type { DatagramCounters, DatagramDrop, DatagramPeer, Datagrams } from '../../src/ports/datagrams.ts'

export interface MemoryDatagramsOptions {
  readonly peerId: string
  /** Two sides without a key in common drop each other's datagrams as forged. The one in use first. */
  readonly clusterKeys?: readonly Uint8Array[]
}

interface Flight {
  readonly from: string
  readonly senderEpoch: number
  readonly receiverEpoch: number
  readonly clusterKey: Uint8Array | null
  readonly payload: Uint8Array
}

const host = '127.0.0.1'
const payloadBytesMax = 1351

export class MemoryDatagramNetwork {
  readonly #open = new Map<number, MemoryDatagrams>()
  #lastPort = 0
  #lastEpoch = 0

  open(options: MemoryDatagramsOptions): Datagrams {
    const local = { host, port: ++this.#lastPort, publicKey: new Uint8Array(32).fill(this.#lastPort), epoch: ++this.#lastEpoch }
    const datagrams = new MemoryDatagrams(options, local, this)
    this.#open.set(local.port, datagrams)
    return datagrams
  }

  deliver(port: number, flight: Flight): void {
    queueMicrotask(() => this.#open.get(port)?.handle(flight))
  }

  remove(port: number): void {
    this.#open.delete(port)
  }
}

class MemoryDatagrams implements Datagrams {
  readonly payloadBytesMax = payloadBytesMax
  readonly local: Datagrams['local']
  readonly #options: MemoryDatagramsOptions
  #clusterKeys: readonly Uint8Array[]
  #isAllowed: (peerId: string) => boolean = () => true
  readonly #network: MemoryDatagramNetwork
  readonly #peers = new Map<string, DatagramPeer>()
  #handler: (from: string, payload: Uint8Array) => boolean = () => false
  #closed = false
  readonly #counts = { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0, sendErrors: 0, sendsDenied: 0 }
  readonly #dropped: Record<DatagramDrop, number> = {
    truncated: 0, oversized: 0, version: 0, 'unknown-sender': 0, denied: 0, epoch: 0, replayed: 0, forged: 0, malformed: 0,
  }

  constructor(options: MemoryDatagramsOptions, local: Datagrams['local'], network: MemoryDatagramNetwork) {
    this.#options = options
    this.#clusterKeys = options.clusterKeys ?? []
    this.local = local
    this.#network = network
  }

  setPeer(peer: DatagramPeer): void {
    this.#peers.set(peer.peerId, peer)
  }

  removePeer(peerId: string): void {
    this.#peers.delete(peerId)
  }

  setAllowed(isAllowed: (peerId: string) => boolean): void {
    this.#isAllowed = isAllowed
  }

  setClusterKeys(keys: readonly Uint8Array[]): void {
    this.#clusterKeys = keys
  }

  send(peerId: string, payload: Uint8Array): void {
    if (!this.#isAllowed(peerId)) {
      this.#counts.sendsDenied++
      return
    }
    const peer = this.#peers.get(peerId)
    if (peer === undefined || payload.length > payloadBytesMax || this.#closed) {
      this.#counts.sendErrors++
      return
    }
    this.#counts.sent++
    this.#counts.sentBytes += payload.length
    this.#network.deliver(peer.port, {
      from: this.#options.peerId, senderEpoch: this.local.epoch, receiverEpoch: peer.epoch,
      clusterKey: this.#clusterKeys[0] ?? null, payload: new Uint8Array(payload),
    })
  }

  onReceive(handler: (from: string, payload: Uint8Array) => boolean): void {
    this.#handler = handler
  }

  counters(): DatagramCounters {
    return { ...this.#counts, dropped: { ...this.#dropped } }
  }

  close(): Promise<void> {
    this.#closed = true
    this.#network.remove(this.local.port)
    return Promise.resolve()
  }

  handle(flight: Flight): void {
    this.#counts.received++
    this.#counts.receivedBytes += flight.payload.length
    const drop = this.#judge(flight)
    if (drop !== null) this.#dropped[drop]++
  }

  #judge(flight: Flight): DatagramDrop | null {
    const peer = this.#peers.get(flight.from)
    if (peer === undefined) return 'unknown-sender'
    if (!this.#isAllowed(flight.from)) return 'denied'
    if (peer.epoch !== flight.senderEpoch || flight.receiverEpoch !== this.local.epoch) return 'epoch'
    if (!this.#holds(flight.clusterKey)) return 'forged'
    return this.#handler(flight.from, flight.payload) ? null : 'malformed'
  }

  #holds(key: Uint8Array | null): boolean {
    return key === null ? this.#clusterKeys.length === 0 : this.#clusterKeys.some((own) => Buffer.compare(own, key) === 0)
  }
}

/** Sealed datagrams between members. The adapter owns keys, counters and replay windows; the payload is opaque to it. */

/** Everything needed to seal for a member and to open what it sends; taken from its signed record. */
export interface DatagramPeer {
  readonly peerId: string
  readonly host: string
  readonly port: number
  /** X25519, 32 bytes, made afresh at each start of that member. */
  readonly publicKey: Uint8Array
  /** Unix milliseconds of that start: tells its key pairs apart. */
  readonly epoch: number
}

/** Why a received datagram was dropped; each is a counter. */
export type DatagramDrop = 'truncated' | 'oversized' | 'version' | 'unknown-sender' | 'denied' | 'epoch' | 'replayed' | 'forged' | 'malformed'

export interface DatagramCounters {
  readonly sent: number
  readonly sentBytes: number
  readonly received: number
  readonly receivedBytes: number
  readonly sendErrors: number
  /** To peers that are not allowed. */
  readonly sendsDenied: number
  readonly dropped: Readonly<Record<DatagramDrop, number>>
}

export interface Datagrams {
  readonly local: { readonly host: string; readonly port: number; readonly publicKey: Uint8Array; readonly epoch: number }
  /** What fits into one datagram beside header and seal. */
  readonly payloadBytesMax: number
  /** Adds or replaces a peer. Cheap when nothing changed. */
  setPeer(peer: DatagramPeer): void
  removePeer(peerId: string): void
  /** Asked for every peer now and for each that comes; what one that is refused sends is dropped as denied, and nothing is sent to it. */
  setAllowed(isAllowed: (peerId: string) => boolean): void
  /** The keyring has changed; the one in use first. What a removed key has sealed is dropped as forged from now on. */
  setClusterKeys(keys: readonly Uint8Array[]): void
  /** Fire and forget. Unknown peer or a send error: counted, never thrown. */
  send(peerId: string, payload: Uint8Array): void
  /** One handler. It is called with the authenticated sender; `false` from it counts the payload as malformed. */
  onReceive(handler: (from: string, payload: Uint8Array) => boolean): void
  counters(): DatagramCounters
  close(): Promise<void>
}

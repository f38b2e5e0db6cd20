/** Ordered byte streams with backpressure, over libp2p to members and over a local socket to clients beside the node. */

export type StreamRemote =
  | { readonly kind: 'peer'; readonly peerId: string }
  | { readonly kind: 'local-client' }

export interface ByteStream {
  readonly remote: StreamRemote
  /** It shares its connection with no other stream, so a large send delays nobody else's small one. */
  readonly isAlone: boolean
  /** Queues at once; false means: stop until `drained()` resolves. After `close()` it drops the bytes, answers false, and `drained()` rejects. */
  send(bytes: Uint8Array): boolean
  /** Resolves when more may be sent; rejects when the stream is closed meanwhile. */
  drained(): Promise<void>
  /** One handler; called with whatever arrived, boundaries not kept. Bytes that arrived before are delivered to it first. */
  onBytes(handler: (bytes: Uint8Array) => void): void
  /** Stops delivery after the current call; the transport's own window then holds the sender back. */
  pause(): void
  resume(): void
  /** Called once, when the other side has ended its side; ours is still open. */
  onEnd(handler: () => void): void
  /** Called once: null when both sides ended cleanly, otherwise why not. */
  onClose(handler: (error: Error | null) => void): void
  /** Ends our side after what is queued. */
  close(): Promise<void>
  abort(error: Error): void
}

export interface StreamLimits {
  /** Streams of the protocol that one peer may have open here. */
  readonly inboundStreamsMax: number
  /** Peers may open it beside their connection, too, and so often again. Default false. */
  readonly isDirect?: boolean
}

export interface PeerStreams {
  /** @throws MeshError ERR_PEER_UNREACHABLE */
  open(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream>
  /**
   * As `open`, on a TCP connection of its own where the peer offers that: for what is frequent or large.
   * @throws MeshError ERR_PEER_UNREACHABLE
   */
  openDirect(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream>
  /** Registers the handler of a protocol; at most `inboundStreamsMax` streams of it per connection. */
  handle(protocol: string, handler: (stream: ByteStream) => void, limits: StreamLimits): Promise<void>
}

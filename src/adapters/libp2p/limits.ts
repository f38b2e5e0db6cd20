/** Every bound and timer of the mesh adapter in one place. Each can be set through `createMesh({ limits })`. */
export interface MeshLimits {
  /** Members that this node keeps a connection to. More: more RAM (0.2 MB each) and gossip work; fewer: longer gossip paths. */
  readonly connectionsMax: number
  /** Inbound and outbound together, members and clients; above it new ones are refused. */
  readonly connectionsTotalMax: number
  /** Inbound connections a second from one host. Raise it where many nodes sit behind one address. */
  readonly inboundPerSecondMax: number
  /** Inbound handshakes under way at once: more than one host may begin within `handshakeTimeoutMs`, so that its silent connections shut nobody out. */
  readonly inboundPendingMax: number
  /** The same of one host; above it, its oldest that has not said a byte goes. Fewer: less for a stranger to hold; a burst of dials from behind one address suffers. */
  readonly inboundPendingPerHostMax: number
  /** An inbound connection that has said nothing by then is closed. Shorter: less for a stranger to hold; a dialler that is stalled for so long must dial again. */
  readonly firstByteTimeoutMs: number
  /** A handshake that has not ended by then is given up, on either side. */
  readonly handshakeTimeoutMs: number
  /** A dial with all its addresses. */
  readonly dialTimeoutMs: number
  /** Opening a stream on an existing connection. */
  readonly openTimeoutMs: number
  /** Streams that one peer may have open here, over all protocols. */
  readonly inboundStreamsMax: number
  readonly pingTimeoutMs: number
  /** A ping stream on which nothing arrived for so long is closed by the answering side. */
  readonly pingIdleMs: number
  /** First wait before a redial; doubles with each failure. */
  readonly redialBaseMs: number
  readonly redialMaxMs: number
  /** How long a deliberate end waits for the peer to have heard the goodbye. */
  readonly goodbyeTimeoutMs: number
  /** A connection without streams that is not one of the kept ones (a client, a former member, one opened for a query) is hung up after so long. */
  readonly idleMs: number
  /** A stream whose far side has ended, and on which nothing is sent, is ended after so long. */
  readonly halfOpenMs: number
  /** Largest gossip message, either way. */
  readonly gossipBytesMax: number
  /** Whole `stop()`. */
  readonly stopTimeoutMs: number
}

export const MESH_LIMITS: MeshLimits = Object.freeze({
  connectionsMax: 64,
  connectionsTotalMax: 512,
  inboundPerSecondMax: 200,
  inboundPendingMax: 1_024,
  inboundPendingPerHostMax: 256,
  firstByteTimeoutMs: 1_500,
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 5_000,
  openTimeoutMs: 5_000,
  inboundStreamsMax: 128,
  pingTimeoutMs: 5_000,
  pingIdleMs: 120_000,
  redialBaseMs: 500,
  redialMaxMs: 30_000,
  goodbyeTimeoutMs: 500,
  idleMs: 300_000,
  halfOpenMs: 30_000,
  gossipBytesMax: 64 * 1024,
  stopTimeoutMs: 3_000,
})

/** yamux as measured: a window above `maxReadBufferLength` gets a paused fast stream reset, so the window stays well below it. */
export const STREAM_OPTIONS = Object.freeze({
  maxStreamWindowSize: 1 << 20,
  maxReadBufferLength: 4 << 20,
  maxWriteBufferLength: 8 << 20,
})

/**
 * When it pays to compress what is sent. A compressed batch spares the link some bytes and costs both sides time; the link is what holds a result up
 * only if it is slow, and then by far. So a sender looks at how long its batches wait for the link, and compresses while
 *
 *     bytes spared ÷ bandwidth  >  2 × time to compress
 *
 * holds for what the last batches gave and took (the factor, since the thread that compresses is wanted for queries, too), and never at 32 MB/s and above,
 * nor to a peer less than a millisecond away, where a fast network and its hosts are better left alone. The bandwidth is that of the wire, compressed bytes where they were: a link does not
 * become fast by being sent less. A batch that hardly shrinks ends it for a while, for data differ from table to table, not from row to row.
 *
 * A slow reader looks like a slow link to a sender, and a slow engine looks like one to a receiver. Each can rule out the other: the sender
 * counts only time in which it had something to send, and the receiver, which must offer to take compressed batches, only time in which
 * it had nothing left to read. *Extension*: the adaptive part is this project's own.
 */

export const COMPRESSION_MODES = ['auto', 'always', 'never'] as const
export type CompressionMode = (typeof COMPRESSION_MODES)[number]

/** Smaller batches are sent as they are. */
export const COMPRESSED_BYTES_MIN = 4 << 10
/** At and above this a link is not worth it: 256 Mbit/s. */
export const SLOW_BYTES_PER_SECOND = 32_000_000
/** Closer than this is the same host or the next switch: who waits there waits for processors, as they work off what is sent faster than they can. */
export const NEAR_RTT_MS = 1
/** Less says more about buffers than about the link. */
const evidenceBytesMin = 256 << 10
/** Half of what is older than this many bytes is forgotten. */
const memoryBytes = 4 << 20
/** Paths change. */
const memoryMs = 5 * 60_000
/** Links that are remembered; the one unheard for the longest makes room. */
export const LINKS_MAX = 1_000

const margin = 2
/** Assumed until there is a batch to judge by. */
const ratioAssumed = 0.5
const bytesPerMsAssumed = 200_000
/**
 * The time is that of the fastest batch of late, which counts so much more with each one after it. What the others took beyond that, they waited for a
 * processor, and what is on the link already goes on meanwhile.
 */
const slowerPerBatch = 1.05
/** Of batches after one that did not pay, until another one is tried. */
const pauseBatches = 32

/** Of one direction of one link: bytes, and the time for which they were what one side waited for. */
export class LinkRate {
  #bytes = 0
  #waitedMs = 0
  #atMs = -Infinity

  /** Null without enough of it in the last five minutes; Infinity when nothing was waited for. */
  bytesPerSecond(nowMs: number): number | null {
    if (nowMs - this.#atMs > memoryMs || this.#bytes < evidenceBytesMin) return null
    return (this.#bytes * 1_000) / this.#waitedMs
  }

  handleTransfer(nowMs: number, bytes: number, waitedMs: number): void {
    if (!(bytes >= 0 && waitedMs >= 0)) return
    if (nowMs - this.#atMs > memoryMs) this.#bytes = this.#waitedMs = 0
    this.#atMs = nowMs
    this.#bytes += bytes
    this.#waitedMs += waitedMs
    if (this.#bytes <= memoryBytes) return
    this.#bytes /= 2
    this.#waitedMs /= 2
  }
}

export class LinkRates {
  /** The one unheard for the longest first. */
  readonly #links = new Map<string, LinkRate>()

  get size(): number {
    return this.#links.size
  }

  bytesPerSecond(nowMs: number, peer: string): number | null {
    return this.#links.get(peer)?.bytesPerSecond(nowMs) ?? null
  }

  /** For a result on its way to or from that peer. */
  link(peer: string): LinkRate {
    const link = this.#links.get(peer) ?? new LinkRate()
    this.#links.delete(peer)
    this.#links.set(peer, link)
    if (this.#links.size > LINKS_MAX) for (const idle of this.#links.keys()) {
      this.#links.delete(idle)
      break
    }
    return link
  }
}

/** Of a link: null where it is not known. `rttMs` is the shortest round trip of late. */
export interface LinkView {
  readonly bytesPerSecond: number | null
  readonly rttMs: number | null
}

/** Whether a receiver offers to take compressed batches, and a sender looks at them at all: not where it knows the link to be fast. */
export function mayPay(mode: CompressionMode, { bytesPerSecond, rttMs }: LinkView): boolean {
  if (mode !== 'auto') return mode === 'always'
  return (bytesPerSecond === null || bytesPerSecond < SLOW_BYTES_PER_SECOND) && (rttMs === null || rttMs >= NEAR_RTT_MS)
}

/** Of one result at its sender. */
export class BatchCompression {
  readonly #mode: CompressionMode
  #ratio = ratioAssumed
  #msPerByte = 1 / bytesPerMsAssumed
  #pause = 0

  constructor(mode: CompressionMode) {
    this.#mode = mode
  }

  /** Whether the next batch, of so many bytes, is to be compressed. */
  decide(batchBytes: number, bytesPerSecond: number | null): boolean {
    if (this.#mode === 'never' || batchBytes < COMPRESSED_BYTES_MIN) return false
    if (this.#mode === 'auto' && (bytesPerSecond === null || bytesPerSecond >= SLOW_BYTES_PER_SECOND)) return false
    if (this.#pause > 0) {
      this.#pause--
      return false
    }
    return true
  }

  /** What became of a batch. False: it had better be sent as it was. */
  handleCompressed(batchBytes: number, compressedBytes: number, tookMs: number, bytesPerSecond: number | null): boolean {
    this.#ratio = (this.#ratio + compressedBytes / batchBytes) / 2
    this.#msPerByte = Math.min(tookMs / batchBytes, this.#msPerByte * slowerPerBatch)
    if (!this.#pays(bytesPerSecond)) this.#pause = pauseBatches
    return compressedBytes < batchBytes
  }

  #pays(bytesPerSecond: number | null): boolean {
    if (this.#mode === 'always') return this.#ratio < 1
    return bytesPerSecond !== null && ((1 - this.#ratio) * 1_000) / bytesPerSecond > margin * this.#msPerByte
  }
}

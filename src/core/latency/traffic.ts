/**
 * What the traffic of the last seconds tells about the way to a peer, without a packet sent for it: round trips of pings and datagram acks, probes
 * that went unanswered, and the answers of queries. LatencyWindow remembers the last 100 outcomes however old they are; here old means gone, so that
 * a figure is of the last 10 s (packet loss: 15 s) or it is null.
 *
 * Time is cut into slices of a second, and a window is the slice under way with the whole ones before it. Each slice keeps counts, sums and a
 * histogram whose buckets grow by 9 % (eight an octave): what a peer costs does not depend on how much is sent to it, and a p99 is off by at most 4.5 %.
 */
import type { LatencySource } from './latency-window.ts'

export const TRAFFIC_WINDOW_MS = 10_000
export const PACKET_LOSS_WINDOW_MS = 15_000
/** The one without traffic for the longest gives way; at most 18 kB each. */
export const TRAFFIC_PEERS_MAX = 1_000
/** Below this a result says more about the round trip than about the bandwidth. */
export const BANDWIDTH_BYTES_MIN = 64 << 10

const sliceMs = 1_000
const latencySlices = TRAFFIC_WINDOW_MS / sliceMs
const lossSlices = PACKET_LOSS_WINDOW_MS / sliceMs
const bucketsPerOctave = 8
/** The first bucket ends at 2^−5 ms (31 µs), the last one holds all from 2^17 ms (131 s) on. */
const lowestOctave = -5
const buckets = (17 - lowestOctave) * bucketsPerOctave + 2
const bucketCountMax = 0xffff

export interface TrafficLatency {
  readonly samples: number
  /** Null without samples. */
  readonly meanMs: number | null
  readonly p99Ms: number | null
}

export interface TrafficSummary {
  /** Of pings and datagram acks. */
  readonly roundTrips: TrafficLatency
  /** Mean difference between one round trip and the next; null before two of them. */
  readonly jitterMs: number | null
  /** 0–1, of pings and datagrams; null when none ended. */
  readonly lossRatio: number | null
  /** 0–1, of datagrams, over 15 s; null when none ended. */
  readonly packetLossRatio: number | null
  /** From a query's dispatch to the first byte of its answer, so with the time that it took there. */
  readonly firstBytes: TrafficLatency
  /** What came from it as results. */
  readonly bytesPerSecond: number
  /** While results of at least 64 KiB were on their way; null without any. */
  readonly bandwidthBytesPerSecond: number | null
  /** 0–1; null without a round trip. */
  readonly quality: number | null
}

export interface QueryTraffic {
  /** From dispatch to the first byte of the answer. */
  readonly roundTripMs: number
  /** Of the answer. */
  readonly bytes: number
  /** From dispatch to the last byte of the answer. */
  readonly durationMs: number
}

class Tally {
  count = 0
  sumMs = 0
  #histogram: Uint16Array | null = null

  add(ms: number): void {
    this.count++
    this.sumMs += ms
    this.#histogram ??= new Uint16Array(buckets)
    const bucket = bucketOf(ms)
    this.#histogram[bucket] = Math.min(bucketCountMax, (this.#histogram[bucket] as number) + 1)
  }

  addTo(total: Float64Array): void {
    if (this.count === 0 || this.#histogram === null) return
    for (let bucket = 0; bucket < buckets; bucket++) total[bucket] = (total[bucket] as number) + (this.#histogram[bucket] as number)
  }

  clear(): void {
    this.count = 0
    this.sumMs = 0
    this.#histogram?.fill(0)
  }
}

class Slice {
  second = -1
  readonly roundTrips = new Tally()
  readonly firstBytes = new Tally()
  jitterSumMs = 0
  jitters = 0
  lost = 0
  datagramsAcked = 0
  datagramsLost = 0
  bytes = 0
  bulkBytes = 0
  bulkMs = 0

  begin(second: number): this {
    if (this.second === second) return this
    this.second = second
    this.roundTrips.clear()
    this.firstBytes.clear()
    this.jitterSumMs = this.jitters = this.lost = this.datagramsAcked = this.datagramsLost = this.bytes = this.bulkBytes = this.bulkMs = 0
    return this
  }
}

interface Peer {
  readonly slices: readonly Slice[]
  lastRttMs: number | null
}

export class TrafficMeter {
  readonly #thresholdMs: number
  readonly #peersMax: number
  /** The one without traffic for the longest first. */
  readonly #peers = new Map<string, Peer>()

  /** `thresholdMs`: the round trip, and the jitter, at which a path loses half of its quality. */
  constructor({ thresholdMs, peersMax = TRAFFIC_PEERS_MAX }: { readonly thresholdMs: number; readonly peersMax?: number }) {
    this.#thresholdMs = thresholdMs
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#peers.size
  }

  /** Null when there was no traffic for 15 s. */
  summary(nowMs: number, peerId: string): TrafficSummary | null {
    const second = Math.floor(nowMs / sliceMs)
    const recent = this.#peers.get(peerId)?.slices.filter((slice) => slice.second > second - lossSlices && slice.second <= second) ?? []
    if (recent.length === 0) return null
    const window = recent.filter((slice) => slice.second > second - latencySlices)
    const sum = (slices: readonly Slice[], of: (slice: Slice) => number): number => slices.reduce((total, slice) => total + of(slice), 0)
    const roundTrips = latencyOf(window.map((slice) => slice.roundTrips))
    const jitters = sum(window, (slice) => slice.jitters)
    const jitterMs = jitters === 0 ? null : sum(window, (slice) => slice.jitterSumMs) / jitters
    const lossRatio = share(sum(window, (slice) => slice.lost), roundTrips.samples)
    const packetLossRatio = share(sum(recent, (slice) => slice.datagramsLost), sum(recent, (slice) => slice.datagramsAcked))
    const windowMs = nowMs - (second - latencySlices + 1) * sliceMs
    const bulkMs = sum(window, (slice) => slice.bulkMs)
    return {
      roundTrips, jitterMs, lossRatio, packetLossRatio, firstBytes: latencyOf(window.map((slice) => slice.firstBytes)),
      bytesPerSecond: (sum(window, (slice) => slice.bytes) * 1_000) / windowMs,
      bandwidthBytesPerSecond: bulkMs === 0 ? null : (sum(window, (slice) => slice.bulkBytes) * 1_000) / bulkMs,
      quality: roundTrips.meanMs === null ? null : pathQuality({ meanMs: roundTrips.meanMs, jitterMs: jitterMs ?? 0, lossRatio: Math.max(lossRatio ?? 0, packetLossRatio ?? 0), thresholdMs: this.#thresholdMs }),
    }
  }

  /** No time at all is ignored, here and below. */
  handleRtt(nowMs: number, peerId: string, rttMs: number, source: LatencySource): void {
    if (!isTime(rttMs)) return
    const peer = this.#peer(peerId)
    const slice = sliceOf(peer, nowMs)
    slice.roundTrips.add(rttMs)
    if (peer.lastRttMs !== null) {
      slice.jitters++
      slice.jitterSumMs += Math.abs(rttMs - peer.lastRttMs)
    }
    peer.lastRttMs = rttMs
    if (source === 'datagram') slice.datagramsAcked++
  }

  handleLost(nowMs: number, peerId: string, source: LatencySource): void {
    const slice = sliceOf(this.#peer(peerId), nowMs)
    slice.lost++
    if (source === 'datagram') slice.datagramsLost++
  }

  handleQuery(nowMs: number, peerId: string, { roundTripMs, bytes, durationMs }: QueryTraffic): void {
    if (!isTime(roundTripMs) || !isTime(bytes) || !isTime(durationMs)) return
    const slice = sliceOf(this.#peer(peerId), nowMs)
    slice.firstBytes.add(roundTripMs)
    slice.bytes += bytes
    // What was already there with the first byte had no measurable time of its own.
    if (bytes >= BANDWIDTH_BYTES_MIN && durationMs > roundTripMs) {
      slice.bulkBytes += bytes
      slice.bulkMs += durationMs - roundTripMs
    }
  }

  forget(peerId: string): void {
    this.#peers.delete(peerId)
  }

  #peer(peerId: string): Peer {
    const peer = this.#peers.get(peerId) ?? { slices: Array.from({ length: lossSlices }, () => new Slice()), lastRttMs: null }
    this.#peers.delete(peerId)
    this.#peers.set(peerId, peer)
    if (this.#peers.size > this.#peersMax) for (const idle of this.#peers.keys()) {
      this.#peers.delete(idle)
      break
    }
    return peer
  }
}

/**
 * 0–1. Extension: near × steady × lossless, where near = 1 / (1 + mean / threshold), steady = 1 / (1 + jitter / threshold) and
 * lossless = (1 − loss)², since a round trip takes two packets. At the threshold a steady, lossless path has 0.5.
 */
export function pathQuality({ meanMs, jitterMs, lossRatio, thresholdMs }: { readonly meanMs: number; readonly jitterMs: number; readonly lossRatio: number; readonly thresholdMs: number }): number {
  return (1 - lossRatio) ** 2 / ((1 + meanMs / thresholdMs) * (1 + jitterMs / thresholdMs))
}

function sliceOf(peer: Peer, nowMs: number): Slice {
  const second = Math.floor(nowMs / sliceMs)
  return (peer.slices[second % lossSlices] as Slice).begin(second)
}

function latencyOf(tallies: readonly Tally[]): TrafficLatency {
  const samples = tallies.reduce((total, tally) => total + tally.count, 0)
  if (samples === 0) return { samples, meanMs: null, p99Ms: null }
  const total = new Float64Array(buckets)
  for (const tally of tallies) tally.addTo(total)
  return { samples, meanMs: tallies.reduce((sum, tally) => sum + tally.sumMs, 0) / samples, p99Ms: percentile(total, 0.99) }
}

/** The geometric middle of the bucket that holds it. */
function percentile(histogram: Float64Array, ratio: number): number {
  const rank = Math.ceil(histogram.reduce((sum, count) => sum + count, 0) * ratio)
  let seen = 0
  let bucket = 0
  for (; bucket < buckets - 1; bucket++) {
    seen += histogram[bucket] as number
    if (seen >= rank) break
  }
  return 2 ** (lowestOctave + (bucket - 0.5) / bucketsPerOctave)
}

function bucketOf(ms: number): number {
  const bucket = Math.floor((Math.log2(ms) - lowestOctave) * bucketsPerOctave) + 1
  return Math.min(buckets - 1, Math.max(0, bucket))
}

function share(lost: number, arrived: number): number | null {
  return lost + arrived === 0 ? null : lost / (lost + arrived)
}

function isTime(value: number): boolean {
  return value >= 0 && value < Infinity
}

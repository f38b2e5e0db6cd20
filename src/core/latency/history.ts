/**
 * How far each peer was, minute by minute, for a day: count, sum, least and greatest with their times, and nothing of the single samples, so that a
 * peer costs the same however much is sent to it: 24 bytes a minute, allocated by the hour when something is measured in it.
 *
 * Round trips (pings and datagram acks) and the first bytes of queries are two histories: the second holds the engine's time as well, and one slow
 * query would otherwise be the longest distance of the day. A span starts at the beginning of a minute, because that is all that is known.
 */
export type LatencyKind = 'round-trip' | 'first-byte'

export interface LatencySpan {
  readonly samples: number
  readonly meanMs: number
  readonly minMs: number
  /** Local monotonic, as all times here. */
  readonly minAtMs: number
  readonly maxMs: number
  readonly maxAtMs: number
}

/** What was measured in one part of a span, the parts of which are all as long. */
export interface LatencyPoint {
  /** When the part begins. */
  readonly atMs: number
  readonly samples: number
  readonly meanMs: number
  readonly minMs: number
  readonly maxMs: number
}

/** What somebody has kept of a minute; of no more than these is taken notice. */
export type LatencyMinute = LatencyPoint

export const HISTORY_MS_MAX = 24 * 3_600_000
/** The one that was heard of longest ago gives way: 43 kB each after a day, twice that where queries went too. */
export const HISTORY_PEERS_MAX = 1_000

const minuteMs = 60_000
const minutesPerHour = 60
/** A restored one that claims more is damaged: nobody measures a way a thousand times a second. */
const samplesPerMinuteMax = 60_000
const minuteBytes = 24
const hoursMax = HISTORY_MS_MAX / (minuteMs * minutesPerHour)

/** One buffer, since a typed array costs more than the minutes in it: sum (64 bits), count, min, max (32), offsets of min and max in the minute (16). */
class Hour {
  readonly #view = new DataView(new ArrayBuffer(minutesPerHour * minuteBytes))

  add(minute: number, offsetMs: number, { samples, meanMs, minMs, maxMs }: Omit<LatencyMinute, 'atMs'>): void {
    const at = minute * minuteBytes
    const view = this.#view
    const count = view.getUint32(at + 8)
    if (count === 0 || minMs < view.getFloat32(at + 12)) {
      view.setFloat32(at + 12, minMs)
      view.setUint16(at + 20, offsetMs)
    }
    if (count === 0 || maxMs > view.getFloat32(at + 16)) {
      view.setFloat32(at + 16, maxMs)
      view.setUint16(at + 22, offsetMs)
    }
    view.setFloat64(at, view.getFloat64(at) + samples * meanMs)
    view.setUint32(at + 8, count + samples)
  }

  /** Times are since the beginning of the minute; null for a minute without samples. */
  minute(minute: number): { readonly count: number; readonly sumMs: number; readonly minMs: number; readonly minOffsetMs: number; readonly maxMs: number; readonly maxOffsetMs: number } | null {
    const at = minute * minuteBytes
    const view = this.#view
    const count = view.getUint32(at + 8)
    if (count === 0) return null
    return { count, sumMs: view.getFloat64(at), minMs: view.getFloat32(at + 12), minOffsetMs: view.getUint16(at + 20), maxMs: view.getFloat32(at + 16), maxOffsetMs: view.getUint16(at + 22) }
  }
}

interface Peer {
  readonly hours: Record<LatencyKind, Map<number, Hour>>
  readonly last: Record<LatencyKind, { readonly ms: number; readonly atMs: number } | null>
}

export class LatencyHistory {
  readonly #peersMax: number
  /** The one heard of longest ago first. */
  readonly #peers = new Map<string, Peer>()

  constructor({ peersMax = HISTORY_PEERS_MAX }: { readonly peersMax?: number } = {}) {
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#peers.size
  }

  /** Of all peers, as far as something was measured in them. */
  get hours(): number {
    let hours = 0
    for (const peer of this.#peers.values()) hours += peer.hours['round-trip'].size + peer.hours['first-byte'].size
    return hours
  }

  /** The last sample, however old. */
  last(peerId: string, kind: LatencyKind): { readonly ms: number; readonly atMs: number } | null {
    return this.#peers.get(peerId)?.last[kind] ?? null
  }

  /** When a span of so long ago begins: at the start of its minute. */
  spanStartMs(nowMs: number, spanMs: number): number {
    return Math.floor((nowMs - Math.min(spanMs, HISTORY_MS_MAX)) / minuteMs) * minuteMs
  }

  /** Null when nothing was measured in it. O(minutes). */
  span(nowMs: number, peerId: string, kind: LatencyKind, spanMs: number): LatencySpan | null {
    const hours = this.#peers.get(peerId)?.hours[kind]
    if (hours === undefined) return null
    const first = this.spanStartMs(nowMs, spanMs) / minuteMs
    let [samples, sumMs, minMs, minAtMs, maxMs, maxAtMs] = [0, 0, Infinity, 0, -Infinity, 0]
    for (const [hour, buckets] of hours) {
      for (let minute = Math.max(0, first - hour * minutesPerHour); minute < minutesPerHour; minute++) {
        const bucket = buckets.minute(minute)
        if (bucket === null) continue
        const startMs = (hour * minutesPerHour + minute) * minuteMs
        samples += bucket.count
        sumMs += bucket.sumMs
        if (bucket.minMs < minMs) [minMs, minAtMs] = [bucket.minMs, startMs + bucket.minOffsetMs]
        if (bucket.maxMs > maxMs) [maxMs, maxAtMs] = [bucket.maxMs, startMs + bucket.maxOffsetMs]
      }
    }
    return samples === 0 ? null : { samples, meanMs: sumMs / samples, minMs, minAtMs, maxMs, maxAtMs }
  }

  /** How long the parts of a span are, in whole minutes, for at most so many of them. */
  pointMs(spanMs: number, pointsMax: number): number {
    // A span that begins within a minute touches one more.
    const minutes = Math.ceil(Math.min(spanMs, HISTORY_MS_MAX) / minuteMs) + 1
    return Math.ceil(minutes / Math.max(1, pointsMax)) * minuteMs
  }

  /** The parts of a span in which something was measured, the oldest first. `pointMs`: whole minutes. O(minutes). */
  points(nowMs: number, peerId: string, kind: LatencyKind, { spanMs, pointMs }: { readonly spanMs: number; readonly pointMs: number }): LatencyPoint[] {
    const hours = this.#peers.get(peerId)?.hours[kind]
    if (hours === undefined) return []
    const startMs = this.spanStartMs(nowMs, spanMs)
    const points: LatencyPoint[] = []
    for (let atMs = startMs; atMs <= nowMs; atMs += pointMs) {
      let [samples, sumMs, minMs, maxMs] = [0, 0, Infinity, -Infinity]
      for (let minute = atMs / minuteMs; minute < (atMs + pointMs) / minuteMs; minute++) {
        const hour = Math.floor(minute / minutesPerHour)
        const bucket = hours.get(hour)?.minute(minute - hour * minutesPerHour) ?? null
        if (bucket === null) continue
        samples += bucket.count
        sumMs += bucket.sumMs
        minMs = Math.min(minMs, bucket.minMs)
        maxMs = Math.max(maxMs, bucket.maxMs)
      }
      if (samples > 0) points.push({ atMs, samples, meanMs: sumMs / samples, minMs, maxMs })
    }
    return points
  }

  /** No time at all is ignored. */
  handleSample(nowMs: number, peerId: string, kind: LatencyKind, ms: number): void {
    if (!(ms >= 0 && ms < Infinity) || !(nowMs >= 0)) return
    const peer = this.#peers.get(peerId) ?? newPeer()
    this.#peers.delete(peerId)
    this.#peers.set(peerId, peer)
    if (this.#peers.size > this.#peersMax) for (const oldest of this.#peers.keys()) {
      this.#peers.delete(oldest)
      break
    }
    peer.last[kind] = { ms, atMs: nowMs }
    add(peer.hours[kind], nowMs, { samples: 1, meanMs: ms, minMs: ms, maxMs: ms })
  }

  /**
   * What was measured in a minute before, by an earlier run; it begins at a time that may be below zero, and its extremes are told to be then. It makes no
   * peer give way. False where it is of no day that ends now, of no use, or of one peer too many.
   */
  restore(nowMs: number, peerId: string, kind: LatencyKind, { atMs, samples, meanMs, minMs, maxMs }: LatencyMinute): boolean {
    const isSound = Number.isInteger(samples) && samples > 0 && samples <= samplesPerMinuteMax && minMs >= 0 && minMs <= meanMs && meanMs <= maxMs && maxMs < Infinity
    if (!isSound || !(atMs >= this.spanStartMs(nowMs, HISTORY_MS_MAX)) || atMs > nowMs) return false
    let peer = this.#peers.get(peerId)
    if (peer === undefined) {
      if (this.#peers.size >= this.#peersMax) return false
      peer = newPeer()
      this.#peers.set(peerId, peer)
    }
    add(peer.hours[kind], atMs, { samples, meanMs, minMs, maxMs })
    return true
  }

  forget(peerId: string): void {
    this.#peers.delete(peerId)
  }
}

function newPeer(): Peer {
  return { hours: { 'round-trip': new Map<number, Hour>(), 'first-byte': new Map<number, Hour>() }, last: { 'round-trip': null, 'first-byte': null } }
}

function add(hours: Map<number, Hour>, atMs: number, figures: Omit<LatencyMinute, 'atMs'>): void {
  const minute = Math.floor(atMs / minuteMs)
  const hour = Math.floor(minute / minutesPerHour)
  let buckets = hours.get(hour)
  if (buckets === undefined) {
    buckets = new Hour()
    hours.set(hour, buckets)
    // The hour under way and 24 whole ones.
    for (const old of hours.keys()) if (old < hour - hoursMax) hours.delete(old)
  }
  buckets.add(minute - hour * minutesPerHour, Math.floor(atMs - minute * minuteMs), figures)
}

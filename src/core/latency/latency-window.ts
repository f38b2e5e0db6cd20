/**
 * The last 100 answers and losses of one peer. Pings (every 30 s) and datagram acks (about one a second in a small mesh) share the
 * window, since both travel the same way; their failures are counted apart. Queries use the connections that pings use: while pings
 * fail, acks over UDP do not make a peer usable, and a blocked UDP path does not make it unusable.
 *
 * The summary is computed when it is first asked for after a change, because a router asks far more often than samples come.
 */
import type { LatencySummary } from './types.ts'

export type LatencySource = 'ping' | 'datagram'

export const latencyWindowSize = 100
/** RFC 6298 §2: SRTT ← 7/8 · SRTT + 1/8 · R. Extension: the first eight count alike, since the first of all is taken while both ends are busy meeting. */
const smoothing = 1 / 8
/** The round trip, and the spread, at which a peer loses half of its quality: where the plan begins to call it degraded. */
const qualityScaleMs = 200

export class LatencyWindow {
  /** A ring; NaN is a loss. */
  readonly #outcomes = new Float64Array(latencyWindowSize)
  #count = 0
  /** Since the peer is known. */
  #answers = 0
  #next = 0
  #currentMs = Infinity
  #smoothedMs = Infinity
  #lastCheckMs = 0
  readonly #failures: Record<LatencySource, number> = { ping: 0, datagram: 0 }
  #hasPingEnded = false
  #summary: LatencySummary | null = null

  /** Consecutive, of one source. */
  failures(source: LatencySource): number {
    return this.#failures[source]
  }

  get answers(): number {
    return this.#answers
  }

  /** Null before the first answer or loss. */
  summary(): LatencySummary | null {
    if (this.#count === 0) return null
    return this.#summary ??= this.#summarise()
  }

  handleRtt(nowMs: number, rttMs: number, source: LatencySource): void {
    this.#record(nowMs, rttMs, source)
    this.#failures[source] = 0
    this.#answers++
    this.#currentMs = rttMs
    this.#smoothedMs = this.#answers === 1 ? rttMs : this.#smoothedMs + Math.max(smoothing, 1 / this.#answers) * (rttMs - this.#smoothedMs)
  }

  handleLost(nowMs: number, source: LatencySource): void {
    this.#record(nowMs, NaN, source)
    this.#failures[source]++
  }

  #record(nowMs: number, outcome: number, source: LatencySource): void {
    this.#outcomes[this.#next] = outcome
    this.#next = (this.#next + 1) % latencyWindowSize
    this.#count = Math.min(latencyWindowSize, this.#count + 1)
    this.#lastCheckMs = nowMs
    this.#hasPingEnded ||= source === 'ping'
    this.#summary = null
  }

  #summarise(): LatencySummary {
    const sorted = this.#outcomes.slice(0, this.#count).filter((outcome) => !Number.isNaN(outcome)).sort()
    const samples = sorted.length
    const lossRatio = 1 - samples / this.#count
    const consecutiveFailures = this.#failures[this.#hasPingEnded ? 'ping' : 'datagram']
    const shared = { lossRatio, samples, consecutiveFailures, lastCheckMs: this.#lastCheckMs }
    if (samples === 0) return { currentMs: Infinity, smoothedMs: Infinity, meanMs: Infinity, p99Ms: Infinity, minMs: Infinity, maxMs: Infinity, quality: 0, ...shared }
    const meanMs = sorted.reduce((sum, rttMs) => sum + rttMs, 0) / samples
    const p99Ms = sorted[Math.ceil(samples * 0.99) - 1] as number
    return {
      currentMs: this.#currentMs, smoothedMs: this.#smoothedMs, meanMs, p99Ms,
      minMs: sorted[0] as number, maxMs: sorted[samples - 1] as number,
      quality: latencyQuality({ meanMs, p99Ms, lossRatio }), ...shared,
    }
  }
}

/**
 * 0–1. Extension: near × steady × lossless, where near = 1 / (1 + mean / 200 ms), steady = 1 / (1 + (p99 − mean) / 200 ms) and
 * lossless = (1 − loss)². The spread is set against 200 ms and not against the mean: on a path of 0.2 ms a p99 of 1 ms harms nobody.
 */
export function latencyQuality({ meanMs, p99Ms, lossRatio }: { readonly meanMs: number; readonly p99Ms: number; readonly lossRatio: number }): number {
  const near = 1 / (1 + meanMs / qualityScaleMs)
  const steady = 1 / (1 + Math.max(0, p99Ms - meanMs) / qualityScaleMs)
  return near * steady * (1 - lossRatio) ** 2
}

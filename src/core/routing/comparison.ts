/**
 * Whether queries of one database had better run elsewhere, because they take much longer here. Local first compares a node with nobody:
 * one whose disk is slow, or whose neighbours on the host take its time, shows no load, and would keep its clients for ever.
 *
 * Here stands the time that a query takes now, queue included; elsewhere the median of what the other copies tell of themselves, with the way
 * there. Times depend on what is asked, and clients of other nodes may ask for other things; so
 *
 * - the ratio must be wide (`slowRatio`), and the difference worth a hop (`slowMarginMs`);
 * - what queries from here took there counts, as soon as some have gone: if they take as long there, nothing is gained, and they come back. From then
 *   on one leaves now and then, so that this is neither forgotten nor believed for ever;
 * - the share that leaves grows with the ratio and changes by `slowSharePerSecond` at most, so that load that follows it is seen before more
 *   does. A share that follows a continuous figure at a bounded rate settles; a switch, with whatever hysteresis, swings. Only
 *   a slowdown that this node has noticed of itself (service-times.ts) makes all leave at once: it has just happened, here, to the same queries.
 *
 * While everything leaves, one query at a time stays to see whether it goes better: at once after one that did, and ever more rarely
 * after ones that did not. One that still runs counts as one that did not, however long it takes.
 *
 * All times are those of reads, to their first rows.
 *
 * Extension: no paper; the idea of an outlier that is told by comparison is Envoy's, turned to oneself.
 */
import type { RoutingOptions } from './options.ts'
import type { Comparison } from './types.ts'

type ComparisonOptions = Pick<RoutingOptions, 'slowRatio' | 'slowedRatio' | 'slowMarginMs' | 'slowSharePerSecond' | 'slowTrialMs' | 'slowTrialMsMax'>

/** What this node knows of its own queries of the database. */
export interface HereInput {
  /** Null while not known. */
  readonly expectedMs: number | null
  /** They have just become slower than usual. */
  readonly isSlowed: boolean
  /** Without an answer yet. */
  readonly running: number
  /** −Infinity before the first. */
  readonly startedAtMs: number
}

/** What another copy tells, with the way there. */
export interface ElsewhereInput {
  readonly name: string
  readonly expectedMs: number
}

/** Reads begin, or have ceased, to leave in such numbers that it is worth telling. */
export interface AwayChange {
  readonly kind: 'begins' | 'ends'
  /** Null while not known. */
  readonly hereMs: number | null
  readonly elsewhereMs: number | null
  readonly elsewhereName: string | null
}

const measuredSamplesMin = 8
const measuredSamplesMemory = 16
const measuredAgeMsMax = 120_000
/** Well within the age. */
const sampleMsMax = 60_000
const toldAgeMsMax = 10_000
/** Above the ratio by this part of it, all leave. */
const fullExcess = 0.5
/** A share that is told, and how long none must have left before its end is. */
const awayShare = 0.5
const backMs = 10_000

export class ServiceComparison {
  readonly #options: ComparisonOptions
  #told: ElsewhereInput | null = null
  #toldAtMs = -Infinity
  #measuredLog = 0
  #measuredSamples = 0
  #measuredAtMs = -Infinity
  #leftAtMs = -Infinity
  /** Doublings of the time until one leaves to see. */
  #confirmed = 0
  #hereMs: number | null = null
  #isSlowed = false
  #share = 0
  #isAway = false
  /** Since none has left; null while some do. */
  #backAtMs: number | null = null
  #shareAtMs: number | null = null
  #slowInARow = 0

  constructor(options: ComparisonOptions) {
    this.#options = options
  }

  /** When the peers' figures were last looked at. */
  get toldAtMs(): number {
    return this.#toldAtMs
  }

  /** Whether reads leave, as `handleHere` has told. */
  get isAway(): boolean {
    return this.#isAway
  }

  /** O(1). `here`: as in the last `handleHere`. */
  comparison(nowMs: number, here: HereInput): Comparison {
    const elsewhereName = this.#told?.name ?? null
    if (this.#isSampleDue(nowMs)) return { hereMs: this.#hereMs, elsewhereMs: this.#toldMs(nowMs), elsewhereName, forwardedRatio: 1 }
    return { hereMs: this.#hereMs, elsewhereMs: this.#elsewhereMs(nowMs), elsewhereName, forwardedRatio: this.#isTrialDue(nowMs, here) ? 0 : this.#share }
  }

  /** The other copies that are well, in any order; looked at about once a second. O(n log n). */
  handleElsewhere(nowMs: number, told: readonly ElsewhereInput[]): void {
    this.#toldAtMs = nowMs
    const sorted = told.toSorted((a, b) => a.expectedMs - b.expectedMs)
    // The lower median: half of the others are as fast as that, so that one with lighter queries than ours decides nothing.
    this.#told = sorted[(sorted.length - 1) >> 1] ?? null
  }

  /** A read of this node was sent elsewhere, for whatever reason. */
  handleDispatch(nowMs: number): void {
    this.#leftAtMs = nowMs
  }

  /** One was answered there with rows after so long, from the dispatch to the first of them. */
  handleAnswer(nowMs: number, durationMs: number): void {
    if (!(durationMs > 0 && durationMs < Infinity)) return
    if (nowMs - this.#measuredAtMs > measuredAgeMsMax) {
      this.#measuredSamples = 0
      this.#confirmed = 0
    }
    const toldMs = this.#toldMs(nowMs)
    if (toldMs !== null) this.#confirm(this.#aim(Math.max(toldMs, durationMs)).target === 0)
    this.#measuredSamples++
    this.#measuredLog += (Math.log(durationMs) - this.#measuredLog) / Math.min(this.#measuredSamples, measuredSamplesMemory)
    this.#measuredAtMs = nowMs
  }

  /** A read has come to its first rows here. */
  handleEnd(nowMs: number, serviceMs: number): void {
    const elsewhereMs = this.#elsewhereMs(nowMs)
    const isSlow = elsewhereMs !== null && serviceMs > Math.max(this.#options.slowedRatio * elsewhereMs, elsewhereMs + this.#options.slowMarginMs)
    this.#slowInARow = isSlow ? this.#slowInARow + 1 : 0
  }

  /** Before each decision. */
  handleHere(nowMs: number, { expectedMs, isSlowed }: HereInput): AwayChange | null {
    const elapsedMs = Math.max(0, nowMs - (this.#shareAtMs ?? nowMs))
    this.#shareAtMs = nowMs
    this.#hereMs = expectedMs
    this.#isSlowed = isSlowed
    const { target, isSudden } = this.#aim(this.#elsewhereMs(nowMs))
    const stepOf = (ms: number): number => this.#options.slowSharePerSecond * ms / 1000
    if (isSudden) this.#share = 1
    // After a pause the past is no reason to send more.
    else if (target > this.#share) this.#share = Math.min(target, this.#share + stepOf(Math.min(1_000, elapsedMs)))
    else this.#share = Math.max(target, this.#share - stepOf(elapsedMs))
    return this.#awayChange(nowMs)
  }

  #awayChange(nowMs: number): AwayChange | null {
    this.#backAtMs = this.#share > 0 ? null : this.#backAtMs ?? nowMs
    const isAway = this.#isAway ? this.#backAtMs === null || nowMs - this.#backAtMs < backMs : this.#share >= awayShare
    if (isAway === this.#isAway) return null
    this.#isAway = isAway
    return { kind: isAway ? 'begins' : 'ends', hereMs: this.#hereMs, elsewhereMs: this.#elsewhereMs(nowMs), elsewhereName: this.#told?.name ?? null }
  }

  #aim(elsewhereMs: number | null): { readonly target: number; readonly isSudden: boolean } {
    const { slowRatio, slowedRatio, slowMarginMs } = this.#options
    const hereMs = this.#hereMs
    if (hereMs === null || elsewhereMs === null || hereMs < elsewhereMs + slowMarginMs) return { target: 0, isSudden: false }
    const ratio = hereMs / elsewhereMs
    if (this.#isSlowed && ratio >= slowedRatio) return { target: 1, isSudden: true }
    return { target: Math.min(1, Math.max(0, (ratio / slowRatio - 1) / fullExcess)), isSudden: false }
  }

  #toldMs(nowMs: number): number | null {
    return this.#told === null || nowMs - this.#toldAtMs > toldAgeMsMax ? null : this.#told.expectedMs
  }

  #isMeasured(nowMs: number): boolean {
    return this.#measuredSamples >= measuredSamplesMin && nowMs - this.#measuredAtMs <= measuredAgeMsMax
  }

  /** The worse of what they tell and what queries from here took: with doubt a query stays. */
  #elsewhereMs(nowMs: number): number | null {
    const toldMs = this.#toldMs(nowMs)
    return toldMs !== null && this.#isMeasured(nowMs) ? Math.max(toldMs, Math.exp(this.#measuredLog)) : toldMs
  }

  /** Reads stay only because those that left took as long there, against what is told: one leaves to see whether it still does. */
  #isSampleDue(nowMs: number): boolean {
    if (this.#share > 0 || !this.#isMeasured(nowMs)) return false
    if (nowMs - this.#leftAtMs < this.#sampleMs()) return false
    return this.#aim(this.#toldMs(nowMs)).target > 0 && this.#aim(this.#elsewhereMs(nowMs)).target === 0
  }

  /** Where queries differ among themselves, every other one may be a fast one. */
  #confirm(isAsLong: boolean): void {
    if (!isAsLong) this.#confirmed = Math.max(0, this.#confirmed - 1)
    else if (this.#sampleMs() < sampleMsMax) this.#confirmed += 2
  }

  #sampleMs(): number {
    return Math.min(sampleMsMax, this.#options.slowTrialMs * 2 ** this.#confirmed)
  }

  #isTrialDue(nowMs: number, { running, startedAtMs }: HereInput): boolean {
    if (this.#share < 1) return false
    const inARow = this.#slowInARow + running
    if (inARow === 0) return true
    const { slowTrialMs, slowTrialMsMax } = this.#options
    return nowMs - startedAtMs >= Math.min(slowTrialMsMax, slowTrialMs * 2 ** Math.min(30, inARow - 1))
  }
}

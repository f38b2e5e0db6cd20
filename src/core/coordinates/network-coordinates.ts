/**
 * Where this node lies in the space of round-trip times, so that the round trip between any two members can be told without a ping between
 * them. Vivaldi (Dabek, Cox, Kaashoek, Morris, SIGCOMM 2004) in the variant that Serf runs: each round trip is a spring between two
 * coordinates, whose rest length is the time measured. Each ack moves this node a little along the spring, the further the less sure it is of
 * itself and the surer the other is.
 *
 *   ack: rtt, the answerer's coordinate
 *     │ median of the last three from it                            latency-filter.ts
 *     ▼
 *   weight = error / (error + other's error)
 *   error  ← ce·weight·|estimate − rtt|/rtt + (1 − ce·weight)·error  at most 1.5
 *   place  ← pushed by cc·weight·(rtt − estimate) away from the other
 *   adjustment ← half the mean of what the raw distance missed in the last 20 samples (Lee et al., IEEE/ACM ToN 18(1), 2010, §VI)
 *   place  ← pulled to the origin by gravity, so that the whole mesh does not drift (Ledlie et al., NSDI 2007, §4.3)
 *
 * Nothing here depends on the time: what counts is the order of samples.
 */
import type { Random } from '../time/random.ts'
import { ERROR_MAX, estimateRttMs, isPlausible, originCoordinate, push, rawDistanceMs } from './coordinate.ts'
import { LatencyFilter } from './latency-filter.ts'
import { COORDINATE_DIMENSIONS, type Coordinate } from './types.ts'

/** cₑ of Vivaldi §3.4: the most that one sample changes the confidence. */
export const ERROR_GAIN = 0.25
/** c꜀ of Vivaldi §3.4: the share of a spring's displacement that one sample moves. */
export const FORCE_GAIN = 0.25
/** Samples whose residuals make the adjustment. */
export const ADJUSTMENT_WINDOW = 20
/** ρ of the gravity −(distance/ρ)², in seconds as the force then is: at 100 ms from the origin 0.4 µs a sample. */
export const GRAVITY_RHO_S = 150
/** A longer round trip is no distance but a fault. */
export const RTT_MS_MAX = 10_000
/** Peers whose coordinate and last round trips are remembered; as many as members by default. */
export const PEERS_MAX = 10_000
/** Shorter round trips count as 1 µs: some clocks are coarse enough to say 0. */
const RTT_MS_MIN = 0.001
const ERROR_SUM_MIN = 1e-6

export interface NetworkCoordinatesOptions {
  readonly dimensions?: number
  readonly peersMax?: number
  /** Where to begin, from an earlier run; the origin if it is not plausible. */
  readonly initial?: Coordinate | null
}

export interface CoordinateCounters {
  samples: number
  /** Round trips that are none, or above `RTT_MS_MAX`. */
  rttsRefused: number
  /** Coordinates with a wrong dimension or out of range. */
  coordinatesRefused: number
  /** This node's own coordinate had left the range, and began anew. */
  resets: number
}

export class NetworkCoordinates {
  readonly #random: Random
  readonly #origin: Coordinate
  readonly #peersMax: number
  readonly #filter: LatencyFilter
  /** The peer heard longest ago first. */
  readonly #peers = new Map<string, Coordinate>()
  /** A ring of residuals; what was not measured yet is 0, so that the adjustment grows with its evidence. */
  readonly #residualsMs = new Float64Array(ADJUSTMENT_WINDOW)
  #nextResidual = 0
  #self: Coordinate
  readonly #counters: CoordinateCounters = { samples: 0, rttsRefused: 0, coordinatesRefused: 0, resets: 0 }

  constructor({ random, options = {} }: { readonly random: Random; readonly options?: NetworkCoordinatesOptions }) {
    const { dimensions = COORDINATE_DIMENSIONS, peersMax = PEERS_MAX, initial = null } = options
    this.#random = random
    this.#peersMax = peersMax
    this.#filter = new LatencyFilter({ peersMax })
    this.#origin = originCoordinate(dimensions)
    this.#self = initial !== null && isPlausible(initial, dimensions) ? initial : this.#origin
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  /** Always plausible; a new object after each sample. */
  get self(): Coordinate {
    return this.#self
  }

  /** The last coordinate heard from a peer. */
  of(peerId: string): Coordinate | null {
    return this.#peers.get(peerId) ?? null
  }

  get size(): number {
    return this.#peers.size
  }

  get counters(): Readonly<CoordinateCounters> {
    return { ...this.#counters }
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** A measured round trip with the coordinate that came with its answer. False when it was refused, and counted. */
  handleSample(peerId: string, rttMs: number, coordinate: Coordinate): boolean {
    if (!(rttMs >= 0 && rttMs <= RTT_MS_MAX)) {
      this.#counters.rttsRefused++
      return false
    }
    if (!isPlausible(coordinate, this.#origin.vectorMs.length)) {
      this.#counters.coordinatesRefused++
      return false
    }
    this.#counters.samples++
    this.#remember(peerId, coordinate)
    const filteredMs = Math.max(RTT_MS_MIN, this.#filter.add(peerId, rttMs))
    this.#spring(filteredMs, coordinate)
    this.#adjust(filteredMs, coordinate)
    this.#gravitate()
    if (!isPlausible(this.#self, this.#origin.vectorMs.length)) this.#reset()
    return true
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  forget(peerId: string): void {
    this.#peers.delete(peerId)
    this.#filter.forget(peerId)
  }

  // --- one sample ---------------------------------------------------------------------------------------------------------

  #spring(rttMs: number, other: Coordinate): void {
    const estimateMs = estimateRttMs(this.#self, other)
    const weight = this.#self.error / Math.max(ERROR_SUM_MIN, this.#self.error + other.error)
    const wrongness = Math.abs(estimateMs - rttMs) / rttMs
    const error = Math.min(ERROR_MAX, ERROR_GAIN * weight * wrongness + (1 - ERROR_GAIN * weight) * this.#self.error)
    const forceMs = FORCE_GAIN * weight * (rttMs - estimateMs)
    this.#self = push({ ...this.#self, error }, { from: other, forceMs, random: this.#random })
  }

  #adjust(rttMs: number, other: Coordinate): void {
    this.#residualsMs[this.#nextResidual] = rttMs - rawDistanceMs(this.#self, other)
    this.#nextResidual = (this.#nextResidual + 1) % ADJUSTMENT_WINDOW
    const sumMs = this.#residualsMs.reduce((sum, residualMs) => sum + residualMs, 0)
    // Half, because the other end of each path adds its own.
    this.#self = { ...this.#self, adjustmentMs: sumMs / (2 * ADJUSTMENT_WINDOW) }
  }

  #gravitate(): void {
    const distanceS = estimateRttMs(this.#origin, this.#self) / 1000
    this.#self = push(this.#self, { from: this.#origin, forceMs: -1000 * (distanceS / GRAVITY_RHO_S) ** 2, random: this.#random })
  }

  #reset(): void {
    this.#counters.resets++
    this.#self = this.#origin
    this.#residualsMs.fill(0)
  }

  #remember(peerId: string, coordinate: Coordinate): void {
    this.#peers.delete(peerId)
    this.#peers.set(peerId, coordinate)
    if (this.#peers.size > this.#peersMax) for (const oldest of this.#peers.keys()) {
      this.#peers.delete(oldest)
      break
    }
  }
}

/** A place in the space of round-trip times (Vivaldi, SIGCOMM 2004; the variant that Serf runs). Shapes only. */

export const COORDINATE_DIMENSIONS = 8

export interface Coordinate {
  /** `COORDINATE_DIMENSIONS` numbers, milliseconds. */
  readonly vectorMs: readonly number[]
  /** What the access link adds to every distance; never negative. */
  readonly heightMs: number
  /** Added to estimates, from the residuals of late; may be negative. */
  readonly adjustmentMs: number
  /** Confidence: 0 is certain, the initial 1.5 is a guess. */
  readonly error: number
}

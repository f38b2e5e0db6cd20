/** Round trips as distances from the centre of the map: logarithmic, for a mesh spans a rack and an ocean. */

export interface RttScale {
  readonly fromMs: number
  readonly toMs: number
}

export interface Ring {
  readonly rttMs: number
  /** 0–1 */
  readonly radius: number
}

/** Where the nearest are, so that they clear the node in the middle. */
const RADIUS_MIN = 0.26
const RADIUS_MAX = 0.92
/** Of those that were never measured. */
export const RADIUS_UNKNOWN = 1

/** From and to a round number, 1, 2 or 5 of a decade: rings do not move with every round trip. */
export function scaleFor(rttsMs: readonly number[]): RttScale {
  const positive = rttsMs.filter((rttMs) => rttMs > 0)
  if (positive.length === 0) return { fromMs: 0.1, toMs: 10 }
  const from = roundNumber(Math.min(...positive), 'below')
  return { fromMs: from, toMs: Math.max(roundNumber(Math.max(...positive), 'above'), roundNumber(from * SPAN_MIN, 'above')) }
}

const STEPS = [1, 2, 5, 10]
/** Two neighbours of one rack are at one distance, whatever their microseconds. */
const SPAN_MIN = 9

function roundNumber(value: number, side: 'below' | 'above'): number {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9)
  const fits = side === 'below' ? STEPS.findLast((step) => step * decade <= value * 1.0001) : STEPS.find((step) => step * decade >= value * 0.9999)
  return Number(((fits ?? 1) * decade).toPrecision(1))
}

export function isWithin(inner: RttScale, outer: RttScale): boolean {
  return inner.fromMs >= outer.fromMs && inner.toMs <= outer.toMs
}

export function covering(one: RttScale, other: RttScale): RttScale {
  return { fromMs: Math.min(one.fromMs, other.fromMs), toMs: Math.max(one.toMs, other.toMs) }
}

export function radiusOf(scale: RttScale, rttMs: number | null): number {
  if (rttMs === null) return RADIUS_UNKNOWN
  const part = (Math.log10(Math.max(rttMs, scale.fromMs)) - Math.log10(scale.fromMs)) / (Math.log10(scale.toMs) - Math.log10(scale.fromMs))
  return RADIUS_MIN + Math.min(1, part) * (RADIUS_MAX - RADIUS_MIN)
}

/** At each decade; where there are few, between them too. */
export function ringsOf({ fromMs, toMs }: RttScale): Ring[] {
  const decades = Math.log10(toMs / fromMs)
  const steps = decades <= 1.4 ? [1, 2, 5] : decades <= 2.4 ? [1, 3] : [1]
  const rings: Ring[] = []
  for (let exponent = Math.floor(Math.log10(fromMs) + 1e-9); 10 ** exponent <= toMs * 1.0001; exponent++) {
    for (const step of steps) {
      const rttMs = Number((step * 10 ** exponent).toPrecision(1))
      if (rttMs >= fromMs * 0.9999 && rttMs <= toMs * 1.0001) rings.push({ rttMs, radius: radiusOf({ fromMs, toMs }, rttMs) })
    }
  }
  return rings
}

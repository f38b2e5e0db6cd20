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
/** A whole number of decades, for rings that do not move with every round trip. */
export function scaleFor(rttsMs: readonly number[]): RttScale {
  const positive = rttsMs.filter((rttMs) => rttMs > 0)
  if (positive.length === 0) return { fromMs: 0.1, toMs: 10 }
  const from = Math.floor(Math.log10(Math.min(...positive)) + 1e-9)
  const to = Math.ceil(Math.log10(Math.max(...positive)) - 1e-9)
  return { fromMs: 10 ** from, toMs: 10 ** Math.max(to, from + 1) }
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

/** At each decade; with one or two decades, between them too. */
export function ringsOf(scale: RttScale): Ring[] {
  const decades = Math.round(Math.log10(scale.toMs / scale.fromMs))
  const steps = decades === 1 ? [1, 2, 5] : decades === 2 ? [1, 3] : [1]
  const rings: Ring[] = []
  for (let decade = 0; decade <= decades; decade++) {
    for (const step of steps) {
      const rttMs = scale.fromMs * 10 ** decade * step
      if (rttMs <= scale.toMs * 1.0001) rings.push({ rttMs: Number(rttMs.toPrecision(2)), radius: radiusOf(scale, rttMs) })
    }
  }
  return rings
}

/**
 * What is left after so many half-lives, 2^−x: within a half-life from a table, interpolated, which is right to one part in a million.
 * `Math.exp` for each of a thousand candidates takes as long as all the rest of their figures.
 */
const steps = 256

const afterSteps = Float64Array.from({ length: steps + 1 }, (_, step) => 2 ** (-step / steps))
const afterHalfLives = Float64Array.from({ length: 1_075 }, (_, count) => 2 ** -count)

/** 0–1; `halfLives` is at least 0. */
export function leftAfter(halfLives: number): number {
  if (halfLives >= afterHalfLives.length) return 0
  // `| 0` and not `Math.floor`: an index that is a double is converted, and checked, at each use.
  const whole = halfLives | 0
  const place = (halfLives - whole) * steps
  const step = place | 0
  const before = afterSteps[step] as number
  return (afterHalfLives[whole] as number) * (before + (place - step) * ((afterSteps[step + 1] as number) - before))
}

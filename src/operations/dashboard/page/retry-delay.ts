/** How long to wait before the next attempt to connect. */

const FIRST_MS = 500
const LONGEST_MS = 20_000

/**
 * Doubles with each attempt, up to 20 s.
 * @param attempt 1 after the first failure
 * @param chance 0–1, evenly: takes up to a third off, so that pages that lost a node together do not come back together
 */
export function retryDelayMs(attempt: number, chance: number): number {
  const delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10))
  return Math.round(delayMs * (1 - chance / 3))
}

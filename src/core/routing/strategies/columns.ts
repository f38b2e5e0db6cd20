/**
 * Columns: one figure or index for each candidate, in arrays that are used again. To allocate an array for a thousand figures takes longer
 * than to fill it, and a choice among a thousand candidates needs several within 100 µs.
 *
 * So what a column holds is good until it is taken again. That is safe because a strategy's `rank` and `score` run to their end with nobody
 * else's code in between, and columns never leave them: what is handed out is a copy (`slice`). Each is as long as twice the most candidates
 * there ever were.
 */

/** Takes the column: so many figures, with whatever was left in them. */
export function createFigureColumn(): (length: number) => Float64Array {
  let held = new Float64Array(0)
  return (length) => {
    if (held.length < length) held = new Float64Array(2 * length)
    return held.subarray(0, length)
  }
}

/** As `createFigureColumn`, for indices of candidates. */
export function createIndexColumn(): (length: number) => Uint32Array {
  let held = new Uint32Array(0)
  return (length) => {
    if (held.length < length) held = new Uint32Array(2 * length)
    return held.subarray(0, length)
  }
}

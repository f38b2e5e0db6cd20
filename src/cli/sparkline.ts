const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** A bar a value, from 0 to `max`; null is a gap. */
export function sparkline(values: ReadonlyArray<number | null>, max: number): string {
  return values.map((value) => {
    if (value === null) return ' '
    const share = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0
    return bars[Math.min(bars.length - 1, Math.floor(share * bars.length))] ?? bars[0]
  }).join('')
}

/** So many values of a series in time, each the mean of its part of the span, weighted by samples; null where nothing was measured. */
export function resample(points: ReadonlyArray<{ readonly atMs: number; readonly value: number; readonly weight: number }>, { fromMs, toMs, cells }: { readonly fromMs: number; readonly toMs: number; readonly cells: number }): Array<number | null> {
  const sums = Array.from({ length: cells }, () => ({ sum: 0, weight: 0 }))
  for (const { atMs, value, weight } of points) {
    const cell = sums[Math.min(cells - 1, Math.max(0, Math.floor(((atMs - fromMs) / (toMs - fromMs)) * cells)))]
    if (cell === undefined) continue
    cell.sum += value * weight
    cell.weight += weight
  }
  return sums.map(({ sum, weight }) => (weight === 0 ? null : sum / weight))
}

/** Figures of a run, and medians over runs. */
export type Figures = Record<string, number>

export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5)
}

/** By nearest rank; NaN of nothing. */
export function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)] ?? NaN
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of each figure; a run in which it is missing or infinite counts as the worst. */
export function mediansOf(runs: readonly Figures[]): Figures {
  const names = new Set(runs.flatMap((run) => Object.keys(run)))
  return Object.fromEntries(Array.from(names, (name) => [name, medianOf(runs.map((run) => run[name] ?? Infinity))]))
}

export function maximaOf(runs: readonly Figures[]): Figures {
  const names = new Set(runs.flatMap((run) => Object.keys(run)))
  return Object.fromEntries(Array.from(names, (name) => [name, Math.max(...runs.map((run) => run[name] ?? Infinity))]))
}

export function rounded(value: number, digits = 2): number {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : value
}

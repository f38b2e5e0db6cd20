/**
 * Which figures of the metrics become rows: those that changed since their last row, and all of them once in each day's file, so that each file can be
 * read alone. Most series of a quiet mesh stand still, and a row that repeats the one before it tells nothing.
 */

export interface MetricFigure {
  readonly series: string
  readonly value: number
}

export class MetricChanges {
  readonly #seriesMax: number
  readonly #values = new Map<string, number>()
  #day = Number.NEGATIVE_INFINITY
  #refused = 0

  /** Series beyond `seriesMax` in one day are left out, and counted. */
  constructor({ seriesMax }: { readonly seriesMax: number }) {
    this.#seriesMax = seriesMax
  }

  /** Figures that were left out. */
  get refused(): number {
    return this.#refused
  }

  /** `day`: of the file that they go to, as a number that grows. */
  handleFigures<Figure extends MetricFigure>(day: number, figures: readonly Figure[]): Figure[] {
    if (day > this.#day) {
      this.#values.clear()
      this.#day = day
    }
    return figures.filter(({ series, value }) => {
      const last = this.#values.get(series)
      if (last === undefined && this.#values.size >= this.#seriesMax) {
        this.#refused++
        return false
      }
      // A figure that is not a number stands still, too.
      if (last !== undefined && Object.is(last, value)) return false
      this.#values.set(series, value)
      return true
    })
  }
}

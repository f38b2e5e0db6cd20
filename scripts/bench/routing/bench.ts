/** What a routing bench is: one run under one seed in one configuration, and what is asked of the medians. */
export type Figures = Readonly<Record<string, number>>

export interface Column {
  readonly figure: string
  readonly title: string
  readonly show: (value: number) => string
}

export interface Configuration {
  readonly name: string
  readonly run: (seed: number) => Promise<Figures>
}

export interface Verdict {
  readonly asked: string
  /** Of the configuration judged: `default`, what a node does when nobody configures it; `best`, the strategy recommended for this. */
  readonly configuration: string
  readonly value: string
  readonly isMet: boolean
  /** False: told, but --check does not hinge on it. */
  readonly isAsked: boolean
}

export interface RoutingBench {
  /** A few lines for --help and above the table. */
  readonly summary: string
  readonly columns: readonly Column[]
  readonly configurations: (isShort: boolean) => readonly Configuration[]
  readonly verdicts: (medians: ReadonlyMap<string, Figures>) => readonly Verdict[]
}

export const percent = (digits: number) => (value: number): string => `${(100 * value).toFixed(digits)} %`
export const milliseconds = (value: number): string => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : '–')
export const plain = (digits: number) => (value: number): string => value.toFixed(digits)

/** What an experiment is: a run under one seed that yields figures, and what the report makes of the medians over several seeds. */
import type { Figures } from './statistics.ts'

export interface ExperimentInput {
  readonly nodes: number
  readonly seed: number
  /** `quick`: continuous integration's form. `full`: the whole published grid. */
  readonly extent: 'quick' | 'normal' | 'full'
  readonly gossipsub: boolean
  /** For people, on stderr. */
  readonly progress: (text: string) => void
}

/** One line of the report. */
export interface Finding {
  readonly figure: string
  readonly asked: string
  readonly published: string
  readonly baseline: string
  readonly ours: string
  /** Null: nothing is asked, it is shown for information. */
  readonly isMet: boolean | null
}

export interface Experiment {
  /** One line for `--help`. */
  readonly summary: string
  readonly nodes: number
  /** Fewer for `--quick`; null: not part of it. */
  readonly quickNodes: number | null
  readonly run: (input: ExperimentInput) => Figures
  /** From the medians of the figures over all seeds; without it the experiment is not in the report. */
  readonly findings?: (medians: Readonly<Record<string, number>>, nodes: number) => Finding[]
}

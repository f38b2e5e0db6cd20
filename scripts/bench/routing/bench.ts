/** What a routing bench is: one run under one seed in one configuration, and what is asked of the medians. */
import type { StrategyName } from '../../../src/core/routing/strategies/registry.ts'
import type { PlainStrategy } from './plain-balancer.ts'

/** Who decides, and where the clients are. */
export interface Routing {
  /** `mesh`: every node has a copy, and clients. `gateway`: they all ask one node without a copy. */
  readonly shape: 'mesh' | 'gateway'
  readonly strategy: StrategyName | PlainStrategy
  /** Every query asks to go to a peer. */
  readonly isRemotePreferred?: boolean
  readonly hedgeAfterMs?: number
}

export function isPlain(strategy: StrategyName | PlainStrategy): strategy is PlainStrategy {
  return strategy === 'plain round robin' || strategy === 'plain least connections'
}

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
  readonly configuration: string
  /** NaN where what it is held against was not run. */
  readonly measured: number
  readonly bound: { readonly atLeast: number } | { readonly atMost: number }
  readonly show: (value: number) => string
  /** False: told, but --check does not hinge on it. */
  readonly isAsked: boolean
}

export function isMet({ measured, bound }: Verdict): boolean {
  return 'atLeast' in bound ? measured >= bound.atLeast : measured <= bound.atMost
}

export interface RoutingBench {
  /** A few lines for --help and above the table. */
  readonly summary: string
  readonly columns: readonly Column[]
  readonly configurations: (isShort: boolean) => readonly Configuration[]
  /** Of one seed's figures, or of the medians over all. */
  readonly verdicts: (figures: ReadonlyMap<string, Figures>) => readonly Verdict[]
}

export const percent = (digits: number) => (value: number): string => `${(100 * value).toFixed(digits)} %`
export const milliseconds = (value: number): string => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : '–')
export const plain = (digits: number) => (value: number): string => value.toFixed(digits)

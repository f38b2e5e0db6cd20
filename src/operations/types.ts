/** What the parts of operations offer one another; each is built in a folder of its own and put together in start-operated-node.ts. */
import type { AlertView } from '../wire/operations-views.ts'

/** One figure at one moment. */
export interface MetricSample {
  /** As in the Prometheus text, with its suffix: `reedbase_pings_sent_total`. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricsSource {
  readonly contentType: string
  /** In the Prometheus text format. */
  text(): Promise<string>
  /** Every figure as `text` has it, but the buckets of histograms. */
  samples(): Promise<MetricSample[]>
}

export interface AlertsSource {
  /** Those that are pending, firing, or were resolved within the last hour. */
  list(): AlertView[]
  /** Each that fires or is resolved, from now on. */
  changes(signal: AbortSignal): AsyncIterableIterator<AlertView>
}

/** How the tables on disk are. */
export interface TablesSource {
  /** Why they cannot be written now; null when they can. */
  problem(): { readonly code: 'disk-full' | 'read-only' | 'unwritable'; readonly message: string; readonly sinceWallMs: number } | null
  readonly bytes: number
}

/** A part that was started. */
export interface OperationsPart {
  stop(): Promise<void>
}

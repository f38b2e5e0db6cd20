/** What the rules judge, out of what a node sees: over windows, so that one slow ping or one busy second is no news. */
import type { AlertRuleName } from '../../core/alerts/rules.ts'
import { Ring } from '../../core/time/ring.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import type { NodeObserver } from '../../node/observers.ts'
import type { TablesSource } from '../types.ts'

export interface Signal {
  readonly rule: AlertRuleName
  readonly subject?: string
  /** In the rule's unit, 1 or 0 for a state; null while unknown. */
  readonly value: number | null
  readonly detail?: string
}

/** Over it queries, decisions and measurements are counted. */
const windowMs = 60_000
/** A share of fewer says nothing. */
const countMin = 20
/** What is kept of a window at most; a busier node is judged by its latest ones. */
const keptMax = 4_096

interface Timed {
  readonly atMs: number
}

export class AlertSignals implements NodeObserver {
  readonly #inspection: NodeInspection
  readonly #tables: Pick<TablesSource, 'problem'> | null
  readonly #queries = new Ring<Timed & { readonly isForwarded: boolean; readonly decisionUs: number | null }>(keptMax)
  readonly #measurements = new Ring<Timed & { readonly isLost: boolean }>(keptMax)
  /** Databases with a copy here, as of the last reading. */
  #served: ReadonlySet<string>
  #cpu = { sum: 0, count: 0 }
  #memory = { sum: 0, count: 0 }

  constructor(inspection: NodeInspection, tables: Pick<TablesSource, 'problem'> | null) {
    this.#inspection = inspection
    this.#tables = tables
    this.#served = this.#servedNow()
  }

  handleReading({ cpuPercent, memoryPercent }: Parameters<NonNullable<NodeObserver['handleReading']>>[0]): void {
    this.#cpu = { sum: this.#cpu.sum + cpuPercent, count: this.#cpu.count + 1 }
    this.#memory = { sum: this.#memory.sum + memoryPercent, count: this.#memory.count + 1 }
  }

  handleRtt(): void {
    this.#measurements.push({ atMs: this.#inspection.clock.nowMs(), isLost: false })
  }

  handleLost(): void {
    this.#measurements.push({ atMs: this.#inspection.clock.nowMs(), isLost: true })
  }

  handleQuery({ sentBy, database, decision, decisionUs }: Parameters<NonNullable<NodeObserver['handleQuery']>>[0]): void {
    // What peers send was forwarded by them, and no choice of this node; nor had it one where it has no copy, or asks for its own tables.
    if (sentBy === null && this.#served.has(database)) this.#queries.push({ atMs: this.#inspection.clock.nowMs(), isForwarded: decision === 'forward', decisionUs })
  }

  /** All of them, since the last time where they are means. */
  read(): Signal[] {
    const { clock } = this.#inspection
    const sinceMs = clock.nowMs() - windowMs
    const queries = this.#queries.list().filter(({ atMs }) => atMs >= sinceMs)
    const measurements = this.#measurements.list().filter(({ atMs }) => atMs >= sinceMs)
    const decisionsUs = queries.flatMap(({ decisionUs }) => (decisionUs === null ? [] : [decisionUs]))
    this.#served = this.#servedNow()
    const { quorum, partition } = this.#inspection.status()
    const problem = this.#tables?.problem() ?? null
    const signals: Signal[] = [
      { rule: 'cpu', value: mean(this.#cpu) },
      { rule: 'memory', value: mean(this.#memory) },
      { rule: 'forwardRate', value: sharePercent(queries, ({ isForwarded }) => isForwarded) },
      { rule: 'decisionTime', value: decisionsUs.length === 0 ? 0 : decisionsUs.length < countMin ? null : p99(decisionsUs) / 1_000 },
      { rule: 'measurementErrors', value: sharePercent(measurements, ({ isLost }) => isLost) },
      { rule: 'quorum', value: quorum.hasQuorum ? 0 : 1, detail: `${quorum.reachable} of ${quorum.known} members are reachable, ${quorum.needed} are needed` },
      { rule: 'partition', value: partition === null ? 0 : 1, detail: partition === null ? '' : `${partition.away} members are away, ${partition.reachable} are here` },
      { rule: 'disk', value: problem === null ? 0 : 1, detail: problem?.message ?? '' },
      this.#clockSignal(),
      ...this.#peerSignals(),
    ]
    this.#cpu = { sum: 0, count: 0 }
    this.#memory = { sum: 0, count: 0 }
    return signals
  }

  #servedNow(): Set<string> {
    return new Set(this.#inspection.status().databases.map(({ name }) => name))
  }

  /** Who is failed is another story, and told by events. */
  #peerSignals(): Signal[] {
    return this.#inspection.members().filter(({ local, state, denied }) => !local && !denied && (state === 'alive' || state === 'suspect')).map(({ name, latency }) => (
      { rule: 'peerLatency', subject: name, value: latency === null || latency.samples === 0 ? null : latency.p99Ms }))
  }

  /** Of most others: one whose clock is wrong does not make all the rest wrong. */
  #clockSignal(): Signal {
    const aheadMs = this.#inspection.clockOffsets().map(({ aheadMs: ms }) => ms).sort((one, other) => one - other)
    const median = aheadMs[Math.floor(aheadMs.length / 2)]
    if (median === undefined) return { rule: 'clock', value: 0 }
    return { rule: 'clock', value: Math.abs(median), detail: `the clock here is ${Math.round(Math.abs(median) / 100) / 10} s ${median > 0 ? 'ahead of' : 'behind'} that of most of ${aheadMs.length} peers` }
  }
}

function mean({ sum, count }: { readonly sum: number; readonly count: number }): number | null {
  return count === 0 ? null : sum / count
}

/** Of a few it is not known; none at all are none of them. */
function sharePercent<T>(items: readonly T[], is: (item: T) => boolean): number | null {
  if (items.length === 0) return 0
  return items.length < countMin ? null : 100 * items.filter(is).length / items.length
}

function p99(figures: number[]): number {
  figures.sort((one, other) => one - other)
  return figures[Math.ceil(0.99 * figures.length) - 1] ?? 0
}

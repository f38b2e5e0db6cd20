/**
 * Writes what the node measures into CSV files of its data folder: each sample for a week, what each minute came to for a quarter of a year. All of it
 * is done by one chain of writes, a few seconds apart, that nobody waits for; a disk that is full, read-only or slow costs samples, never a query.
 */
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ignoreMissing, writeFileAtomically } from '../../adapters/files/atomic-write.ts'
import { type TableFileSystem, tableFileSystem } from '../../adapters/files/csv-table.ts'
import { LatencyThinning } from '../../core/tables/latency-thinning.ts'
import { MetricChanges } from '../../core/tables/metric-changes.ts'
import { MinuteAggregates, type MinuteAggregate } from '../../core/tables/minute-aggregates.ts'
import { dayOf, type TableResolution } from '../../core/tables/retention.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import type { Timer } from '../../ports/clock.ts'
import type { MetricSample, MetricsSource, TablesSource } from '../types.ts'
import { NODES_FILE, type TableName } from './columns.ts'
import { DayFile } from './day-file.ts'
import { DiskHealth } from './disk-health.ts'
import { HistoryKeeper } from './history-keeper.ts'
import { nodesTable } from './nodes-table.ts'
import {
  type AggregateRow, latencyAggregateCells, latencyCells, type LatencyRow, loadAggregateCells, loadCells, type LoadRow, metricAggregateCells, metricCells, type MetricRow, seriesOf,
} from './table-rows.ts'
import { type Cell, type TableRow, TableWriter } from './table-writer.ts'

export interface TablesCounters {
  readonly rowsWritten: number
  /** Never written because too many waited, or too many peers or series were told of. */
  readonly rowsDropped: number
  readonly filesHealed: number
}

export interface Tables extends TablesSource {
  readonly counters: TablesCounters
  /** What was sampled before is in the files when it resolves, unless they cannot be written. Never rejects. */
  flush(): Promise<void>
}

export interface TablesParts {
  readonly inspection: Pick<NodeInspection, 'clock' | 'log' | 'dataDir' | 'options' | 'pingIntervalMs' | 'members' | 'observe' | 'onClose'>
  /** Absent: metrics/p2p.csv is not written. */
  readonly metrics?: Pick<MetricsSource, 'samples'> | undefined
  readonly files?: TableFileSystem
}

export const FLUSH_INTERVAL_MS = 5_000
/** The sizes are looked up so often; in between they are reckoned. */
const KEEP_INTERVAL_MS = 600_000
/** A stopping node waits no longer for its disk. */
const CLOSE_TIMEOUT_MS = 2_000
const HUNG_AFTER_MS = 30_000
const PEERS_MAX = 20_000
const SERIES_MAX = 20_000
const nodesLeftover = /^nodes\.csv\.[0-9a-f]{12}\.tmp$/

export function startTables(parts: TablesParts): Tables {
  const tables = new RunningTables(parts)
  tables.start()
  return tables
}

/** Whatever its rows are. */
type AnyWriter = Pick<TableWriter<TableRow>, 'file' | 'written' | 'dropped' | 'write'>

class RunningTables implements Tables {
  readonly #parts: TablesParts
  readonly #health: DiskHealth
  readonly #keeper: HistoryKeeper
  readonly #thinning = new LatencyThinning()
  readonly #changes = new MetricChanges({ seriesMax: SERIES_MAX })
  readonly #aggregates = { latency: new MinuteAggregates({ keysMax: PEERS_MAX }), cpu: new MinuteAggregates({ keysMax: 1 }), memory: new MinuteAggregates({ keysMax: 1 }), p2p: new MinuteAggregates({ keysMax: SERIES_MAX }) }
  readonly #latency: TableWriter<LatencyRow>
  readonly #load: TableWriter<LoadRow>
  readonly #metrics: TableWriter<MetricRow>
  readonly #minutes: Readonly<Record<TableName, TableWriter<AggregateRow>>>
  readonly #writers: readonly AnyWriter[]
  #statuses = new Map<string, string>()
  /** The chain of writes; one at a time. */
  #writing: Promise<void> = Promise.resolve()
  #waiting: Promise<void> | null = null
  #writeStartedMs: number | null = null
  #writeStartedWallMs = 0
  #nextKeepMs = 0
  #keptAfterEnded = 0
  #nodesAtMs = -Infinity
  #nodesBytes = 0
  #isFirst = true
  #isEnded = false
  #samplingFailed = false
  readonly #timers = new Map<'flush' | 'metrics', Timer>()

  constructor(parts: TablesParts) {
    this.#parts = parts
    const { inspection: { dataDir, log, options: { tables: limits } }, files = tableFileSystem } = parts
    this.#health = new DiskHealth(log)
    this.#keeper = new HistoryKeeper({ dataDir, limits, files, log })
    const writer = <Row extends TableRow>(table: TableName, resolution: TableResolution, cells: (row: Row) => Cell[]): TableWriter<Row> =>
      new TableWriter(new DayFile({ table, resolution, dataDir, bytesMax: limits.bytesMax, files, log }), cells)
    this.#latency = writer('latency', 'raw', (row: LatencyRow) => latencyCells(row, (peerId) => this.#statuses.get(peerId) ?? 'unhealthy'))
    this.#load = writer('load', 'raw', loadCells)
    this.#metrics = writer('p2p', 'raw', metricCells)
    this.#minutes = { latency: writer('latency', '1m', latencyAggregateCells), load: writer('load', '1m', loadAggregateCells), p2p: writer('p2p', '1m', metricAggregateCells) }
    this.#writers = [this.#latency, this.#load, this.#metrics, ...Object.values(this.#minutes)]
  }

  get bytes(): number {
    return this.#keeper.closedBytes + this.#openBytes()
  }

  get counters(): TablesCounters {
    const { latency, cpu, memory, p2p } = this.#aggregates
    const sum = (of: (writer: AnyWriter) => number): number => this.#writers.reduce((total, writer) => total + of(writer), 0)
    return {
      rowsWritten: sum(({ written }) => written), filesHealed: sum(({ file }) => file.healed),
      rowsDropped: sum(({ dropped }) => dropped) + this.#changes.refused + [latency, cpu, memory, p2p].reduce((total, { refused }) => total + refused, 0),
    }
  }

  problem(): ReturnType<TablesSource['problem']> {
    const { clock } = this.#parts.inspection
    if (this.#health.problem !== null || this.#writeStartedMs === null || clock.nowMs() - this.#writeStartedMs < HUNG_AFTER_MS) return this.#health.problem
    return { code: 'unwritable', message: `A write to the tables has been under way for more than ${HUNG_AFTER_MS / 1000} s. The node goes on.`, sinceWallMs: this.#writeStartedWallMs }
  }

  start(): void {
    const { inspection: { clock, observe, onClose, options }, metrics } = this.#parts
    const stopObserving = observe({
      handleRtt: (peerId, rttMs, source) => { if (this.#thinning.handleRtt(clock.nowMs(), peerId, source)) this.#handleLatency(peerId, rttMs) },
      handleLost: (peerId, source) => { if (this.#thinning.handleLost(clock.nowMs(), peerId, source)) this.#handleLatency(peerId, null) },
      handleReading: ({ cpuPercent, memoryPercent }) => { this.#handleLoad(cpuPercent, memoryPercent) },
    })
    // At once, to make sound what a crash left.
    void this.flush()
    this.#every('flush', FLUSH_INTERVAL_MS, () => this.flush())
    if (metrics !== undefined) this.#every('metrics', options.tables.metricsIntervalMs, () => this.#sample(metrics))
    onClose('tables', async () => {
      stopObserving()
      this.#isEnded = true
      for (const timer of this.#timers.values()) timer.cancel()
      for (const table of ['latency', 'load', 'p2p'] as const) this.#handleMinute(table, 'all')
      const { promise: timeout, resolve } = Promise.withResolvers<void>()
      const timer = clock.setTimer(CLOSE_TIMEOUT_MS, resolve)
      await Promise.race([this.flush(), timeout])
      timer.cancel()
    })
  }

  /** Whoever asks while a write is under way waits for the next one, which has their rows as well. */
  flush(): Promise<void> {
    this.#waiting ??= this.#writing.then(() => {
      this.#waiting = null
      this.#writing = this.#write()
      return this.#writing
    })
    return this.#waiting
  }

  #every(name: 'flush' | 'metrics', intervalMs: number, work: () => Promise<void>): void {
    if (this.#isEnded) return
    this.#timers.set(name, this.#parts.inspection.clock.setTimer(intervalMs, () => {
      // The next one only after this one: a slow disk is not asked more often.
      void work().finally(() => { this.#every(name, intervalMs, work) })
    }))
  }

  #handleLatency(peerId: string, latencyMs: number | null): void {
    const wallMs = this.#parts.inspection.clock.wallMs()
    this.#latency.push({ wallMs, peerId, latencyMs })
    this.#push('latency', this.#aggregates.latency.handleSample(wallMs, peerId, latencyMs))
  }

  #handleLoad(cpuPercent: number, memoryPercent: number): void {
    const wallMs = this.#parts.inspection.clock.wallMs()
    this.#handleMinute('load', 'ended')
    this.#load.push({ wallMs, cpuPercent, memoryPercent })
    this.#aggregates.cpu.handleSample(wallMs, '', cpuPercent)
    this.#aggregates.memory.handleSample(wallMs, '', memoryPercent)
  }

  async #sample(metrics: Pick<MetricsSource, 'samples'>): Promise<void> {
    const { clock, log } = this.#parts.inspection
    let samples: MetricSample[]
    try {
      samples = await metrics.samples()
      this.#samplingFailed = false
    } catch (error) {
      if (!this.#samplingFailed) log.warn({ err: error }, 'the metrics could not be read for metrics/p2p.csv; the next interval tries again')
      this.#samplingFailed = true
      return
    }
    const wallMs = clock.wallMs()
    const rows = samples.map(({ name, labels, value }): MetricRow & { series: string } => {
      const row = { wallMs, metric: name, labels: JSON.stringify(labels), value }
      return { ...row, series: seriesOf(row) }
    })
    for (const row of this.#changes.handleFigures(dayOf(wallMs), rows)) {
      this.#metrics.push(row)
      this.#push('p2p', this.#aggregates.p2p.handleSample(wallMs, row.series, row.value))
    }
  }

  #handleMinute(table: TableName, which: 'ended' | 'all'): void {
    const wallMs = this.#parts.inspection.clock.wallMs()
    const take = (aggregates: MinuteAggregates): MinuteAggregate[] => (which === 'all' ? aggregates.takeAll() : aggregates.takeEnded(wallMs))
    if (table !== 'load') {
      this.#push(table, take(this.#aggregates[table]))
      return
    }
    const [cpu] = take(this.#aggregates.cpu)
    const [memory] = take(this.#aggregates.memory)
    if (cpu !== undefined && memory !== undefined) this.#minutes.load.push({ wallMs: cpu.minuteWallMs, aggregates: [cpu, memory] })
  }

  #push(table: 'latency' | 'p2p', ended: readonly MinuteAggregate[]): void {
    for (const aggregate of ended) this.#minutes[table].push({ wallMs: aggregate.minuteWallMs, aggregates: [aggregate] })
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { clock } = this.#parts.inspection
    if (!this.#health.canTry(clock.nowMs())) return
    this.#writeStartedMs = clock.nowMs()
    this.#writeStartedWallMs = clock.wallMs()
    const failures: unknown[] = []
    // One file that cannot be written is no reason to lose the others.
    const attempt = async (work: () => Promise<void>): Promise<void> => { await work().catch((error: unknown) => { failures.push(error) }) }
    for (const table of ['latency', 'load', 'p2p'] as const) this.#handleMinute(table, 'ended')
    if (this.#latency.pending > 0 || this.#areNodesDue()) await attempt(() => this.#readMembers())
    for (const writer of this.#writers) await attempt(() => writer.write(clock.wallMs()))
    if (this.#isToKeep()) await attempt(() => this.#keep())
    this.#writeStartedMs = null
    this.#health.handleAttempt(failures, { nowMs: clock.nowMs(), wallMs: clock.wallMs() })
  }

  /** The status of a sample is that of its peer when it is written, some seconds later. */
  async #readMembers(): Promise<void> {
    const { clock, dataDir, members } = this.#parts.inspection
    const views = members()
    this.#statuses = new Map(views.map(({ record: { peerId }, status }) => [peerId, status]))
    if (!this.#areNodesDue()) return
    this.#nodesAtMs = clock.nowMs()
    const content = nodesTable(views, clock.wallMs())
    await writeFileAtomically(join(dataDir, NODES_FILE), content, { mode: 'replace' })
    this.#nodesBytes = Buffer.byteLength(content)
  }

  /** Once in each interval of measurement, as that is now. */
  #areNodesDue(): boolean {
    const { clock, pingIntervalMs } = this.#parts.inspection
    return clock.nowMs() - this.#nodesAtMs >= pingIntervalMs()
  }

  /** Now and then, at once where there is too much, and when a file has become part of the history, whose size then is another. */
  #isToKeep(): boolean {
    const { clock, options } = this.#parts.inspection
    return clock.nowMs() >= this.#nextKeepMs || this.bytes > options.tables.bytesMax || this.#endedFiles() !== this.#keptAfterEnded
  }

  #endedFiles(): number {
    return this.#writers.reduce((sum, { file }) => sum + file.ended, 0)
  }

  async #keep(): Promise<void> {
    const { clock, dataDir } = this.#parts.inspection
    this.#nextKeepMs = clock.nowMs() + KEEP_INTERVAL_MS
    this.#keptAfterEnded = this.#endedFiles()
    const openNames = new Set(this.#writers.flatMap(({ file: { historyName } }) => (historyName === null ? [] : [historyName])))
    await this.#keeper.keep({ nowMs: clock.nowMs(), wallMs: clock.wallMs() }, { openNames, openBytes: this.#openBytes() })
    if (!this.#isFirst) return
    this.#isFirst = false
    // Of a process that ended in the midst of replacing it.
    for (const name of await readdir(dataDir)) if (nodesLeftover.test(name)) await unlink(join(dataDir, name)).catch(ignoreMissing)
  }

  #openBytes(): number {
    return this.#writers.reduce((sum, { file }) => sum + file.bytes, this.#nodesBytes)
  }
}

/** Rows of the tables as they wait, and the cells that they are written as. */
import type { AggregateFigures, MinuteAggregate } from '../../core/tables/minute-aggregates.ts'
import { percent, roundedMs, timestampText } from './nodes-table.ts'
import type { Cell, TableRow } from './table-writer.ts'

export interface LatencyRow extends TableRow {
  readonly peerId: string
  /** Null: lost. */
  readonly latencyMs: number | null
}

export interface LoadRow extends TableRow {
  readonly cpuPercent: number
  readonly memoryPercent: number
}

export interface MetricRow extends TableRow {
  readonly metric: string
  /** JSON. */
  readonly labels: string
  readonly value: number
}

/** Of one key, or of several of one minute that share a row. */
export interface AggregateRow extends TableRow {
  readonly aggregates: readonly MinuteAggregate[]
}

export function latencyCells({ wallMs, peerId, latencyMs }: LatencyRow, statusOf: (peerId: string) => string): Cell[] {
  return [peerId, roundedMs(latencyMs), timestampText(wallMs), latencyMs === null ? 'lost' : statusOf(peerId)]
}

export function loadCells({ wallMs, cpuPercent, memoryPercent }: LoadRow): Cell[] {
  return [percent(cpuPercent), percent(memoryPercent), timestampText(wallMs)]
}

export function metricCells({ wallMs, metric, labels, value }: MetricRow): Cell[] {
  return [metric, labels, value, timestampText(wallMs)]
}

export function latencyAggregateCells({ wallMs, aggregates: [aggregate] }: AggregateRow): Cell[] {
  return [aggregate?.key ?? '', timestampText(wallMs), aggregate?.count ?? 0, aggregate?.lost ?? 0, ...figureCells(aggregate?.figures ?? null, roundedMs)]
}

export function loadAggregateCells({ wallMs, aggregates: [cpu, memory] }: AggregateRow): Cell[] {
  return [timestampText(wallMs), cpu?.count ?? 0, ...figureCells(cpu?.figures ?? null, percent), ...figureCells(memory?.figures ?? null, percent)]
}

export function metricAggregateCells({ wallMs, aggregates: [aggregate] }: AggregateRow): Cell[] {
  const { metric, labels } = readSeries(aggregate?.key ?? '')
  return [metric, labels, timestampText(wallMs), aggregate?.count ?? 0, ...figureCells(aggregate?.figures ?? null, (value) => value)]
}

/** One text for a metric and its labels; a metric's name has no space. */
export function seriesOf({ metric, labels }: Pick<MetricRow, 'metric' | 'labels'>): string {
  return `${metric} ${labels}`
}

function readSeries(series: string): { readonly metric: string; readonly labels: string } {
  const space = series.indexOf(' ')
  return { metric: series.slice(0, space), labels: series.slice(space + 1) }
}

function figureCells(figures: AggregateFigures | null, write: (value: number) => Cell): Cell[] {
  return figures === null ? [null, null, null, null, null] : [write(figures.min), write(figures.mean), write(figures.max), write(figures.p50), write(figures.p99)]
}

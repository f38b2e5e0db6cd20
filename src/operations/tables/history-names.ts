/** The names of files in the history: `latency-2026-11-20.csv` for samples, `latency-1m-2026-11-20.csv` for aggregates, `….2.csv` for a further part of one day. */
import { DAY_MS, type TableResolution } from '../../core/tables/retention.ts'
import { TABLE_FILES, type TableName } from './columns.ts'

export interface HistoryName {
  readonly table: TableName
  readonly resolution: TableResolution
  readonly day: number
  /** 1 and up. */
  readonly part: number
}

const form = new RegExp(`^(${Object.keys(TABLE_FILES).join('|')})-(1m-)?(\\d{4}-\\d{2}-\\d{2})(?:\\.([1-9]\\d{0,5}))?\\.csv$`)

export function historyName({ table, resolution, day, part }: HistoryName): string {
  return `${table}-${resolution === '1m' ? '1m-' : ''}${dayText(day)}${part === 1 ? '' : `.${part}`}.csv`
}

/** Null for what is none of ours, which is left alone. */
export function readHistoryName(name: string): HistoryName | null {
  const [, table, aggregate, date, part = '1'] = form.exec(name) ?? []
  if (table === undefined || date === undefined) return null
  const day = Date.parse(date) / DAY_MS
  const read: HistoryName = { table: table as TableName, resolution: aggregate === undefined ? 'raw' : '1m', day, part: Number(part) }
  return Number.isInteger(day) && historyName(read) === name ? read : null
}

/** As `2026-11-20`. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** What a table of the mesh's own database is: columns with their type, unit and meaning, and rows that are read when a query asks. */
import type { NodeInspection } from '../../node/inspection.ts'
import type { AlertsSource } from '../types.ts'

/** What the tables are read from. */
export interface LiveSources {
  readonly inspection: Pick<NodeInspection, 'members' | 'databases' | 'recentEvents' | 'recentQueries' | 'clock'>
  readonly alerts: Pick<AlertsSource, 'list'> | null
}

/** DuckDB's names. */
export type LiveType = 'VARCHAR' | 'DOUBLE' | 'BIGINT' | 'BOOLEAN' | 'TIMESTAMPTZ' | 'VARCHAR[]'

export interface ColumnDescription {
  /** In snake case, with the unit at its end. */
  readonly name: string
  readonly type: LiveType | 'DATE'
  /** As docs/guides/sql.md has it. */
  readonly meaning: string
}

/** A time is Unix milliseconds. */
export type LiveValue = string | number | boolean | readonly string[] | null

export interface LiveTable {
  readonly name: string
  readonly meaning: string
  readonly columns: ReadonlyArray<ColumnDescription & { readonly type: LiveType }>
  /** Of this moment. */
  rows(sources: LiveSources): LiveValue[][]
}

interface LiveColumn<Row, Type extends LiveType> {
  readonly name: string
  readonly type: Type
  readonly meaning: string
  readonly of: (row: Row) => LiveValue
}

type Reader<Row, Value extends LiveValue> = (row: Row) => Value | null

/** Columns of one kind of row. */
export function columnsOf<Row>(): {
  readonly text: (name: string, meaning: string, of: Reader<Row, string>) => LiveColumn<Row, 'VARCHAR'>
  /** Milliseconds to the microsecond, percentages to a hundredth. */
  readonly number: (name: string, meaning: string, of: Reader<Row, number>) => LiveColumn<Row, 'DOUBLE'>
  readonly count: (name: string, meaning: string, of: Reader<Row, number>) => LiveColumn<Row, 'BIGINT'>
  readonly flag: (name: string, meaning: string, of: Reader<Row, boolean>) => LiveColumn<Row, 'BOOLEAN'>
  readonly time: (name: string, meaning: string, of: Reader<Row, number>) => LiveColumn<Row, 'TIMESTAMPTZ'>
  readonly texts: (name: string, meaning: string, of: Reader<Row, readonly string[]>) => LiveColumn<Row, 'VARCHAR[]'>
} {
  const column = <Type extends LiveType>(type: Type) => (name: string, meaning: string, of: (row: Row) => LiveValue): LiveColumn<Row, Type> => ({ name, type, meaning, of })
  const rounded = (name: string, meaning: string, of: Reader<Row, number>): LiveColumn<Row, 'DOUBLE'> => {
    const steps = name.endsWith('_ms') ? 1_000 : name.endsWith('_percent') ? 100 : null
    return column('DOUBLE')(name, meaning, steps === null ? of : (row) => roundTo(steps, of(row)))
  }
  return { text: column('VARCHAR'), number: rounded, count: column('BIGINT'), flag: column('BOOLEAN'), time: column('TIMESTAMPTZ'), texts: column('VARCHAR[]') }
}

function roundTo(steps: number, value: number | null): number | null {
  return value === null ? null : Math.round(value * steps) / steps
}

export function liveTable<Row>(name: string, meaning: string, rows: (sources: LiveSources) => readonly Row[], columns: ReadonlyArray<LiveColumn<Row, LiveType>>): LiveTable {
  return {
    name, meaning, columns: columns.map(({ of: _, ...described }) => described),
    rows: (sources) => rows(sources).map((row) => columns.map(({ of }) => of(row))),
  }
}

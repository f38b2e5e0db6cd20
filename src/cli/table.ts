import Table from 'cli-table3'
import type { TextOutput } from './context.ts'

export interface TableColumn {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** A table of a few rows for people; results of queries are drawn by query/table-writer.ts, which streams. */
export function drawTable(columns: readonly TableColumn[], rows: ReadonlyArray<readonly string[]>, output: TextOutput): string {
  const table = new Table({
    head: columns.map(({ title }) => output.style('bold', title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    // Colour is decided in one place (context.ts), not by the library.
    style: { head: [], border: [], compact: true },
  })
  table.push(...rows.map((row) => [...row]))
  return `${table.toString()}\n`
}

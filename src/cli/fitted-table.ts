/** Tables that keep to the width of a terminal: what can be done without is left out, and named below. */
import { stripVTControlCharacters } from 'node:util'
import type { TextOutput } from './context.ts'
import { displayWidth } from './query/display-width.ts'
import { drawTable, type TableColumn } from './table.ts'

export interface FittedColumn extends TableColumn {
  /** Whoever has the least goes first where there is too little room; without it the column always stays. */
  readonly need?: number
}

/** Elsewhere than on a terminal nothing is left out. */
export function drawFittedTable(columns: readonly FittedColumn[], rows: ReadonlyArray<readonly string[]>, output: TextOutput): string {
  const widths = widthsOf(columns, rows)
  const shown = new Set(columns.keys())
  const spare = [...columns.keys()].filter((index) => columns[index]?.need !== undefined).sort((left, right) => (columns[left]?.need ?? 0) - (columns[right]?.need ?? 0))
  const room = roomOf(output)
  const tableWidth = (): number => [...shown].reduce((sum, index) => sum + (widths[index] ?? 0) + 3, 1)
  const leftOut: number[] = []
  while (tableWidth() > room) {
    const index = spare.shift()
    if (index === undefined) break
    shown.delete(index)
    leftOut.push(index)
  }
  const kept = [...shown]
  const table = drawTable(kept.flatMap((index) => columns[index] ?? []), rows.map((row) => kept.map((index) => row[index] ?? '')), output)
  const names = leftOut.sort((left, right) => left - right).map((index) => columns[index]?.title ?? '')
  return names.length === 0 ? table : `${table}${output.style('dim', `Too narrow for: ${names.join(', ')}`)}\n`
}

/** Whether the whole table has room. */
export function isFitting(columns: readonly TableColumn[], rows: ReadonlyArray<readonly string[]>, output: TextOutput): boolean {
  return widthsOf(columns, rows).reduce((sum, width) => sum + width + 3, 1) <= roomOf(output)
}

function roomOf(output: TextOutput): number {
  return output.isTerminal ? output.columns() : Infinity
}

function widthsOf(columns: readonly TableColumn[], rows: ReadonlyArray<readonly string[]>): number[] {
  return columns.map(({ title }, index) => Math.max(widthOf(title), ...rows.map((row) => widthOf(row[index] ?? ''))))
}

function widthOf(text: string): number {
  return displayWidth(stripVTControlCharacters(text))
}

/**
 * A result as a table of any length: the first rows settle the widths, the rest streams past. On a terminal the table keeps to the
 * terminal's width and longer values are cut with an ellipsis; elsewhere nothing is ever cut, and a longer value pushes its line out.
 */
import type { ResultColumn } from '../../wire/results/types.ts'
import { cutToWidth, displayWidth, visible } from './display-width.ts'
import { ChunkedText, type ResultWriter } from './result-writer.ts'
import { toText } from '../../wire/results/value-text.ts'

const sampleRowsMax = 1_000
const sampleCharactersMax = 4 << 20
const narrowest = 6
const numeric = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DOUBLE|FLOAT|REAL|DECIMAL(?:\(.*\))?)$/

export const writeTable: ResultWriter = async (result, output) => {
  const { columns } = result
  const text = new ChunkedText(output)
  const titles = columns.map(({ name }) => visible(name))
  let sample: string[][] | null = []
  let sampleCharacters = 0
  let layout: Layout = { widths: [], isRight: [], cut: false }
  let shortened = 0
  const addRow = (cells: readonly string[]): void => {
    const drawn = drawRow(cells, layout)
    shortened += drawn.shortened
    text.add(drawn.line)
  }
  const settle = (rows: readonly string[][]): void => {
    sample = null
    layout = layOut(columns, [titles, ...rows], output.isTerminal ? output.columns() : null)
    text.add(rule(layout, '┌', '┬', '┐'))
    text.add(drawRow(titles, layout).line)
    text.add(rule(layout, '├', '┼', '┤'))
    for (const cells of rows) addRow(cells)
  }
  for await (const batch of result) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = columns.map((_, column) => {
        const value = batch.value(row, column)
        return value === null ? 'NULL' : visible(toText(value))
      })
      if (sample === null) addRow(cells)
      else {
        sample.push(cells)
        for (const cell of cells) sampleCharacters += cell.length
        if (sample.length >= sampleRowsMax || sampleCharacters >= sampleCharactersMax) settle(sample)
      }
      if (text.isFull) await text.flush()
    }
    await text.flush()
  }
  if (sample !== null) settle(sample)
  text.add(rule(layout, '└', '┴', '┘'))
  await text.flush()
  return { shortened }
}

interface Layout {
  readonly widths: readonly number[]
  readonly isRight: readonly boolean[]
  readonly cut: boolean
}

function layOut(columns: readonly ResultColumn[], rows: ReadonlyArray<readonly string[]>, terminalColumns: number | null): Layout {
  const widths = columns.map((_, column) => rows.reduce((widest, row) => Math.max(widest, displayWidth(row[column] ?? '')), 0))
  const isRight = columns.map(({ type }) => numeric.test(type))
  if (terminalColumns === null) return { widths, isRight, cut: false }
  const bordersWidth = 3 * columns.length + 1
  const room = Math.max(terminalColumns - bordersWidth, narrowest * columns.length)
  return { widths: shrink(widths, room), isRight, cut: true }
}

/** Lowers one ceiling over all columns until they fit: narrow ones keep their width, only the widest give way. */
function shrink(widths: readonly number[], room: number): number[] {
  let ceiling = Math.max(0, ...widths)
  const total = (max: number): number => widths.reduce((sum, width) => sum + Math.min(width, max), 0)
  if (total(ceiling) <= room) return [...widths]
  let low = narrowest
  while (low < ceiling) {
    const middle = Math.ceil((low + ceiling) / 2)
    if (total(middle) <= room) low = middle
    else ceiling = middle - 1
  }
  return widths.map((width) => Math.min(width, Math.max(low, narrowest)))
}

function drawRow(cells: readonly string[], { widths, isRight, cut }: Layout): { readonly line: string; readonly shortened: number } {
  let shortened = 0
  const drawn = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    let shown = cell
    if (cut && displayWidth(cell) > width) {
      shown = cutToWidth(cell, width)
      shortened++
    }
    const padding = ' '.repeat(Math.max(0, width - displayWidth(shown)))
    return isRight[column] === true ? padding + shown : shown + padding
  })
  return { line: `│ ${drawn.join(' │ ')} │\n`, shortened }
}

function rule({ widths }: Layout, left: string, middle: string, right: string): string {
  return `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}\n`
}

import { cutStartToWidth, cutToWidth, displayWidth } from './display-width.ts'

/** Columns of the line that are shown, and how many of them may lie before the caret. */
const columnsMax = 100
const columnsBeforeMax = 60
/** UTF-16 units looked at on either side: enough for so many columns, and few beside a statement of megabytes on one line. */
const unitsMax = 4 * columnsMax

/** The part of the SQL around a position (UTF-16, from 0) on its line, with a caret under it. Empty for a position outside. */
export function sqlExcerpt(sql: string, position: number): string {
  if (!Number.isInteger(position) || position < 0 || position > sql.length) return ''
  const start = sql.lastIndexOf('\n', position - 1) + 1
  const nextBreak = sql.indexOf('\n', start)
  const line = sql.slice(start, nextBreak < 0 ? undefined : nextBreak).trimEnd()
  const label = `line ${sql.slice(0, start).split('\n').length}: `
  const at = position - start
  // A tab is one column here and in the line above, so that the caret stays below its place.
  const before = cutIfWide(line.slice(Math.max(0, at - unitsMax), at).replaceAll('\t', ' '), columnsBeforeMax, cutStartToWidth)
  const beforeColumns = displayWidth(before)
  const after = cutIfWide(line.slice(at, at + unitsMax).replaceAll('\t', ' '), columnsMax - beforeColumns, cutToWidth)
  return `${label}${before}${after}\n${' '.repeat(label.length + beforeColumns)}^\n`
}

function cutIfWide(text: string, columns: number, cut: (text: string, columns: number) => string): string {
  return displayWidth(text) > columns ? cut(text, columns) : text
}

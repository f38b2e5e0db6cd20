import { displayWidth } from './display-width.ts'

/** The line of the SQL that a position (UTF-16, from 0) lies in, with a caret under it. Empty for a position outside. */
export function sqlExcerpt(sql: string, position: number): string {
  if (!Number.isInteger(position) || position < 0 || position > sql.length) return ''
  const start = sql.lastIndexOf('\n', position - 1) + 1
  const nextBreak = sql.indexOf('\n', start)
  const line = sql.slice(start, nextBreak < 0 ? undefined : nextBreak).trimEnd()
  const number = sql.slice(0, start).split('\n').length
  const label = `line ${number}: `
  // A tab is one column here and in the line above, so that the caret stays below its place.
  const before = line.slice(0, position - start).replaceAll('\t', ' ')
  return `${label}${line.replaceAll('\t', ' ')}\n${' '.repeat(label.length + displayWidth(before))}^\n`
}

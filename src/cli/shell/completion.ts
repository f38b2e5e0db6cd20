/** What Tab offers: commands after a dot, columns after a table's name, otherwise the columns of the tables that the statement names, tables, keywords. */
import type { CatalogTable } from './catalog.ts'
import { dotCommands } from './dot-commands.ts'

const keywords = `SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT RIGHT FULL INNER OUTER CROSS ON USING AS DISTINCT ALL UNION INTERSECT EXCEPT WITH RECURSIVE
INSERT INTO VALUES UPDATE SET DELETE RETURNING CREATE TABLE VIEW INDEX DROP ALTER ADD COLUMN RENAME TO IF EXISTS NOT NULL DEFAULT PRIMARY KEY REFERENCES UNIQUE CHECK
AND OR IN IS LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END CAST TRUE FALSE ASC DESC NULLS FIRST LAST COUNT SUM AVG MIN MAX OVER PARTITION FILTER COALESCE INTERVAL DATE TIMESTAMP
BEGIN COMMIT ROLLBACK TRANSACTION READ ONLY DESCRIBE EXPLAIN ANALYZE SHOW TABLES`.split(/\s+/)

const name = `(?:"(?:[^"]|"")*"|[\\p{L}_][\\p{L}\\p{N}_$]*)`
const lastWord = new RegExp(`(?:(${name}(?:\\.${name})?)\\.)?("[^"]*|[\\p{L}_][\\p{L}\\p{N}_$]*)?$`, 'u')
const namedTables = new RegExp(`\\b(?:from|join|update|into|table)\\s+(${name}(?:\\.${name})?)(?:\\s+(?:as\\s+)?(${name}))?`, 'giu')
export const OFFERED_MAX = 500
/** Would move the cursor or end the line; the name is from whoever made the table. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u

/** `statement`: the lines before this one; `line`: up to the cursor. As node:readline wants it. */
export function complete(line: string, { statement, tables }: { readonly statement: string; readonly tables: readonly CatalogTable[] }): [string[], string] {
  const before = `${statement}${line}`
  if (statement.trim() === '' && /^\s*\.\S*$/.test(line)) {
    const typed = line.trimStart()
    return [dotCommands.map((command) => `${command.name} `).filter((offer) => offer.startsWith(typed)), typed]
  }
  const [, qualifier, word = ''] = lastWord.exec(before) ?? []
  const named = tablesIn(before, tables)
  if (qualifier !== undefined) {
    const table = named.get(folded(qualifier)) ?? tables.find((known) => folded(known.name) === folded(qualifier))
    if (table !== undefined) return [matching(table.columns.map((column) => column.name), word), word]
    return [matching(tables.filter((known) => known.name.startsWith(`${qualifier}.`)).map((known) => known.name.slice(qualifier.length + 1)), word), word]
  }
  if (word === '' && !/[\s(,=<>]$/.test(before)) return [[], '']
  const expectsTable = /\b(?:from|join|update|into|table|describe)\s+["\p{L}_]?[^\s(,;]*$/iu.test(before)
  // What is selected is typed before where it is selected from.
  const sources = named.size === 0 ? tables : [...new Set(named.values())]
  const columns = expectsTable ? [] : sources.flatMap((table) => table.columns.map((column) => column.name))
  const tableNames = tables.map((table) => table.name)
  const words = expectsTable || word === '' ? [] : keywords.map((keyword) => (/^[a-z]/.test(word) ? keyword.toLowerCase() : keyword))
  return [matching([...columns, ...tableNames, ...words], word), word]
}

/** By their names and by their aliases. */
function tablesIn(sql: string, tables: readonly CatalogTable[]): Map<string, CatalogTable> {
  const found = new Map<string, CatalogTable>()
  for (const [, tableName = '', alias] of sql.matchAll(namedTables)) {
    const table = tables.find((known) => folded(known.name) === folded(tableName))
    if (table === undefined) continue
    found.set(folded(tableName), table)
    if (alias !== undefined) found.set(folded(alias), table)
  }
  return found
}

function matching(offers: readonly string[], word: string): string[] {
  const start = folded(word)
  return [...new Set(offers)].filter((offer) => folded(offer).startsWith(start) && !unprintable.test(offer)).slice(0, OFFERED_MAX)
}

/** A quoted name keeps its letters; `"` alone is its beginning. */
function folded(text: string): string {
  return text.startsWith('"') ? text.slice(1).replace(/"$/, '').replaceAll('""', '"') : text.toLowerCase()
}

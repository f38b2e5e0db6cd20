import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { FILE_TABLES } from '../../../../src/operations/mesh-database/file-tables.ts'
import { LIVE_TABLES } from '../../../../src/operations/mesh-database/live-tables.ts'
import { TABLE_FILES } from '../../../../src/operations/tables/columns.ts'

const tables = [...LIVE_TABLES, ...FILE_TABLES]
const page = new URL('../../../../docs/guides/sql.md', import.meta.url)

describe('columns of the mesh\'s own database', () => {
  it('are on the page about it, with their types and meanings, and none beside them', async () => {
    const text = await readFile(page, 'utf8')
    for (const { name, meaning, columns } of tables) {
      const heading = `### \`${name}\`: ${meaning}\n`
      expect(text).toContain(heading)
      const section = text.slice(text.indexOf(heading) + heading.length).split('\n#', 1)[0] ?? ''
      const rows = section.split('\n').filter((line) => line.startsWith('| `'))
      expect(rows, name).toEqual(columns.map((column) => `| \`${column.name}\` | ${column.type} | ${column.meaning} |`))
    }
    expect(text.match(/^### `\w+`: /gm)).toHaveLength(tables.length)
  })

  it('have names of their own, in snake case', () => {
    for (const { name, columns } of tables) {
      const names = columns.map((column) => column.name)
      expect(new Set(names).size, name).toBe(names.length)
      for (const column of names) expect(column).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
    }
  })

  it.each(FILE_TABLES)('of $name have every column of its files', ({ file, columns, from }) => {
    for (const [resolution, inFile] of [['raw', TABLE_FILES[file].raw], ['1m', TABLE_FILES[file].aggregates]] as const) {
      const sources = new Set([...columns.map(({ name }) => name), ...Object.values(from[resolution])])
      for (const { name } of inFile) expect(sources, resolution).toContain(name)
    }
  })
})

import type { DatabaseView } from '../wire/operations-views.ts'
import type { TextOutput } from './context.ts'
import { drawFittedTable } from './fitted-table.ts'

/** A line a copy; the name stands at the first one of its database. */
export function databasesTable(databases: readonly DatabaseView[], output: TextOutput): string {
  if (databases.length === 0) return 'No node of the mesh serves a database.\n'
  const rows = databases.flatMap(({ name, path, copies }) => copies.map((copy, index) => [
    index === 0 ? name : '', copy.isLocal ? `${copy.node} (local)` : copy.node, copy.role, copy.engine,
    copy.ready ? output.style('green', 'yes') : output.style('yellow', 'no'), copy.isLocal ? path ?? '–' : '–',
  ]))
  const table = drawFittedTable([{ title: 'Database' }, { title: 'Node' }, { title: 'Role' }, { title: 'Engine', need: 2 }, { title: 'Ready' }, { title: 'Path', need: 1 }], rows, output)
  const copies = databases.reduce((sum, database) => sum + database.copies.length, 0)
  const local = databases.filter((database) => database.copies.some(({ isLocal }) => isLocal)).length
  return `${table}Total: ${databases.length} ${databases.length === 1 ? 'database' : 'databases'}, ${copies} ${copies === 1 ? 'copy' : 'copies'}, ${local} served here\n`
}

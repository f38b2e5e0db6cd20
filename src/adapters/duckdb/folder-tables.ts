/** A folder whose CSV, JSON and Parquet files are tables: which files, under which names, and the view over each. */
import { constants } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import { runStatement, sqlIdentifier, sqlString, strings } from './raw-database.ts'
import { readFailure } from './sql-error.ts'

export type FileFormat = 'csv' | 'json' | 'parquet'

export interface FolderTable {
  readonly name: string
  /** Without symbolic links. */
  readonly path: string
  readonly format: FileFormat
}

const FORMATS: Readonly<Record<string, FileFormat>> = { csv: 'csv', tsv: 'csv', json: 'json', jsonl: 'json', ndjson: 'json', parquet: 'parquet' }
const TABLES_MAX = 1000

/**
 * The tables of a folder, sorted by name; files of other kinds, hidden ones and subfolders are passed over.
 * @throws MeshError ERR_DATABASE_PATH: unreadable, empty, two files of one table name, a link that leaves the folder, more than 1,000 files
 */
export async function findFolderTables(database: string, folder: string): Promise<FolderTable[]> {
  const root = await realpath(folder)
  const tables = new Map<string, FolderTable & { readonly file: string }>()
  const entries = await readdir(root, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const match = /^([^.].*)\.(csv|tsv|json|jsonl|ndjson|parquet)(\.gz)?$/i.exec(entry.name)
    if (match === null || entry.isDirectory()) continue
    const [, stem, extension, gzip] = match as unknown as [string, string, string, string | undefined]
    const format = FORMATS[extension.toLowerCase()] as FileFormat
    if (format === 'parquet' && gzip !== undefined) continue
    const path = await containedPath(database, root, entry.name)
    const name = tableName(stem)
    const other = tables.get(name)
    if (other !== undefined) {
      throw pathError(database, `The files ${other.file} and ${entry.name} in ${root} would both be the table ${name}.`, 'Rename one of them.', path)
    }
    tables.set(name, { name, path, format, file: entry.name })
    if (tables.size > TABLES_MAX) throw pathError(database, `${root} holds more than ${TABLES_MAX} tables.`, 'Give a folder with fewer files, or a .duckdb file.', root)
  }
  if (tables.size === 0) throw pathError(database, `${root} holds no CSV, JSON or Parquet file.`, 'Give a folder with at least one, or a .duckdb file.', root)
  return [...tables.values()].map(({ name, path, format }) => ({ name, path, format }))
}

/** A link may point at another file of the folder, not out of it: the folder is what was offered to the mesh. */
async function containedPath(database: string, root: string, file: string): Promise<string> {
  const path = join(root, file)
  try {
    const real = await realpath(path)
    if (!real.startsWith(root + '/')) throw pathError(database, `${path} is a link out of the folder, to ${real}.`, 'Put a copy into the folder, or serve the other folder.', path)
    await checkRegularFile(database, real)
    return real
  } catch (error) {
    if (error instanceof MeshError) throw error
    throw pathError(database, `${path} cannot be read: ${(error as Error).message}`, 'Check that it exists and that the node may read it.', path)
  }
}

/** A pipe, a socket or a device is read for ever, or waits for who writes it: opened without waiting, and looked at before it is read. */
async function checkRegularFile(database: string, path: string): Promise<void> {
  const refuse = (): never => { throw pathError(database, `${path} is not a regular file.`, 'Take it out of the folder: pipes, sockets and devices cannot be served.', path) }
  // First by its name: opening a device may already do something.
  if (!(await stat(path)).isFile()) refuse()
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) refuse()
  } finally {
    await file.close()
  }
}

/** Letters, digits and underscores stay, lower case; the rest becomes underscores; a leading digit gets one before it. */
export function tableName(stem: string): string {
  const name = stem.normalize('NFC').toLowerCase().replace(/[^\p{L}\p{N}_]+/gu, '_').replace(/^(?=\p{N})/u, '_')
  return name.replace(/^_+$/, 'table')
}

/**
 * Creates the view of a table. A view reads the file anew with each query, so that a replaced file is seen at once, and nothing is copied. For CSV the
 * sniffed columns and dialect are written into it: sniffing takes milliseconds of each query otherwise, and a file that grew could change its
 * column types between two queries. JSON's and Parquet's readers find theirs cheaply.
 * @throws MeshError ERR_DATABASE_PATH
 */
export async function createTableView(connection: duckdb.Connection, database: string, table: FolderTable): Promise<void> {
  const path = sqlString(table.path)
  try {
    await runStatement(connection, `CREATE VIEW ${sqlIdentifier(table.name)} AS ${await source(connection, table.format, path)}`)
  } catch (error) {
    throw pathError(database, `${table.path} cannot be read as ${table.format === 'json' ? 'JSON' : table.format === 'csv' ? 'CSV' : 'Parquet'}: ${readFailure(error).message}`, 'Repair the file or take it out of the folder.', table.path)
  }
}

async function source(connection: duckdb.Connection, format: FileFormat, path: string): Promise<string> {
  if (format === 'parquet') return `SELECT * FROM read_parquet(${path})`
  if (format === 'json') return `SELECT * FROM read_json(${path})`
  const sniffed = JSON.parse((await strings(await duckdb.query(connection, `SELECT to_json(s) FROM sniff_csv(${path}) s`)))[0]?.[0] ?? '{}') as SniffedCsv
  return `SELECT * FROM read_csv(${path}, ${csvArguments(sniffed)})`
}

interface SniffedCsv {
  readonly Delimiter: string
  readonly Quote: string
  readonly Escape: string
  readonly NewLineDelimiter: string
  readonly Comment: string
  readonly SkipRows: number
  readonly HasHeader: boolean
  readonly Columns: ReadonlyArray<{ readonly name: string; readonly type: string }>
  readonly DateFormat: string | null
  readonly TimestampFormat: string | null
}

/** Not the sniffer's own `Prompt`, which leaves quotes in the path as they are. */
function csvArguments(sniffed: SniffedCsv): string {
  const present = (text: string): string => (text === '(empty)' ? '' : text)
  const columns = sniffed.Columns.map(({ name, type }) => `${sqlString(name)}: ${sqlString(type)}`).join(', ')
  // A file whose first rows quote nothing may well quote something later.
  const quote = present(sniffed.Quote) === '' ? '"' : sniffed.Quote
  const escape = present(sniffed.Escape) === '' ? quote : sniffed.Escape
  return [
    'auto_detect = false', `delim = ${sqlString(present(sniffed.Delimiter))}`, `quote = ${sqlString(quote)}`, `escape = ${sqlString(escape)}`,
    `new_line = ${sqlString(sniffed.NewLineDelimiter)}`, `skip = ${Number(sniffed.SkipRows)}`, `comment = ${sqlString(present(sniffed.Comment))}`,
    `header = ${sniffed.HasHeader ? 'true' : 'false'}`, `columns = {${columns}}`,
    ...(sniffed.DateFormat === null ? [] : [`dateformat = ${sqlString(sniffed.DateFormat)}`]),
    ...(sniffed.TimestampFormat === null ? [] : [`timestampformat = ${sqlString(sniffed.TimestampFormat)}`]),
  ].join(', ')
}

export function pathError(database: string, message: string, nextStep: string, path: string): MeshError {
  return new MeshError('ERR_DATABASE_PATH', `Database ${database}: ${message}`, { nextStep, details: { database, path } })
}

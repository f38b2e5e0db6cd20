/**
 * The tables that are read from the files in the data folder: samples and aggregates of minutes, one below the other. Each file is a part of the view
 * with its day as a constant, so that a query that says which resolution or which days it wants opens no other files.
 */
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ignoreMissing } from '../../adapters/files/atomic-write.ts'
import { sqlIdentifier, sqlString } from '../../adapters/duckdb/raw-database.ts'
import type { TableResolution } from '../../core/tables/retention.ts'
import { type FileColumn, HISTORY_FOLDER, TABLE_FILES, type TableName } from '../tables/columns.ts'
import { dayText, readHistoryName } from '../tables/history-names.ts'
import type { ColumnDescription } from './live-table.ts'

export interface FileTable {
  readonly name: string
  readonly meaning: string
  readonly file: TableName
  readonly columns: readonly ColumnDescription[]
  /** What a column is in the files of a resolution; those without an entry are there under their own name, or else null. */
  readonly from: Readonly<Record<TableResolution, Readonly<Record<string, string>>>>
}

export interface TableFile {
  readonly table: TableName
  readonly resolution: TableResolution
  /** Null: the file of the day under way, whose rows tell theirs. */
  readonly day: number | null
  readonly path: string
}

const figures = ['min', 'mean', 'max', 'p50', 'p99'] as const
const figureMeanings: Readonly<Record<(typeof figures)[number], string>> = { min: 'smallest', mean: 'mean', max: 'largest', p50: 'median', p99: '99th percentile by nearest rank' }
const timestamp: ColumnDescription = { name: 'timestamp', type: 'TIMESTAMPTZ', meaning: 'of the sample, or the beginning of the minute' }
const common: readonly ColumnDescription[] = [
  { name: 'resolution', type: 'VARCHAR', meaning: 'raw for samples, 1m for aggregates of a minute; name one, since both tell of the same time' },
  { name: 'day', type: 'DATE', meaning: 'UTC; a condition on it keeps other days\' files closed' },
  { name: 'count', type: 'BIGINT', meaning: 'samples in the minute; null for a sample' },
]

function figureColumns(nameOf: (figure: string) => string, what: string): ColumnDescription[] {
  return figures.map((figure) => ({ name: nameOf(figure), type: 'DOUBLE', meaning: `${figureMeanings[figure]} ${what} of the minute` }))
}

export const FILE_TABLES: readonly FileTable[] = [
  {
    name: 'latency', meaning: 'round trips from this node, as latency.csv and the history have them', file: 'latency', columns: [
      { name: 'peer_id', type: 'VARCHAR', meaning: 'where to' },
      { name: 'latency_ms', type: 'DOUBLE', meaning: 'of the sample, null when it was lost; of a minute the mean' },
      timestamp,
      { name: 'status', type: 'VARCHAR', meaning: 'of the peer: healthy, degraded or unhealthy; lost for what was not answered; null for a minute' },
      ...common,
      { name: 'lost', type: 'BIGINT', meaning: 'samples in the minute that were not answered' },
      ...figureColumns((figure) => `${figure}_ms`, 'round trip'),
    ],
    from: { raw: {}, '1m': { latency_ms: 'mean_ms' } },
  },
  {
    name: 'load', meaning: 'CPU and memory of this node, as load.csv and the history have them', file: 'load', columns: [
      { name: 'cpu_percent', type: 'DOUBLE', meaning: 'of the sample; of a minute the mean' },
      { name: 'memory_percent', type: 'DOUBLE', meaning: 'likewise' },
      timestamp, ...common,
      ...figureColumns((figure) => `cpu_${figure}_percent`, 'CPU'), ...figureColumns((figure) => `memory_${figure}_percent`, 'memory'),
    ],
    from: { raw: {}, '1m': { cpu_percent: 'cpu_mean_percent', memory_percent: 'memory_mean_percent' } },
  },
  {
    name: 'metrics', meaning: 'the node\'s metrics, as metrics/p2p.csv and the history have them: a row where a value changed', file: 'p2p', columns: [
      { name: 'metric', type: 'VARCHAR', meaning: 'its name, as /metrics has it' },
      { name: 'labels', type: 'VARCHAR', meaning: 'JSON; labels->>\'$.name\' takes one out' },
      { name: 'value', type: 'DOUBLE', meaning: 'of the sample; of a minute the mean' },
      timestamp, ...common,
      ...figureColumns((figure) => `${figure}_value`, 'value'),
    ],
    from: { raw: {}, '1m': { value: 'mean', ...Object.fromEntries(figures.map((figure) => [`${figure}_value`, figure])) } },
  },
]

/** Folders that queries may read from. */
export function tableFolders(dataDir: string): string[] {
  return [join(dataDir, HISTORY_FOLDER), join(dataDir, dirname(TABLE_FILES.p2p.path))]
}

/** Files beside those folders. */
export function tablePaths(dataDir: string): string[] {
  return Object.values(TABLE_FILES).map(({ path }) => join(dataDir, path))
}

/** Those that are there now, by day. */
export async function findTableFiles(dataDir: string): Promise<TableFile[]> {
  const found: TableFile[] = []
  const list = async (folder: string): Promise<string[]> => await readdir(join(dataDir, folder)).catch((error: unknown) => { ignoreMissing(error); return [] })
  for (const name of await list(HISTORY_FOLDER)) {
    const read = readHistoryName(name)
    if (read !== null) found.push({ table: read.table, resolution: read.resolution, day: read.day, path: join(dataDir, HISTORY_FOLDER, name) })
  }
  const present = new Set([...await list('.'), ...(await list(dirname(TABLE_FILES.p2p.path))).map((name) => join(dirname(TABLE_FILES.p2p.path), name))])
  for (const table of Object.keys(TABLE_FILES) as TableName[]) {
    const { path } = TABLE_FILES[table]
    if (present.has(path)) found.push({ table, resolution: 'raw', day: null, path: join(dataDir, path) })
  }
  return found.sort((a, b) => (a.day ?? Infinity) - (b.day ?? Infinity) || (a.path < b.path ? -1 : 1))
}

/** `CREATE OR REPLACE VIEW …` over the files that there are. */
export function fileTableView({ name, file, columns, from }: FileTable, files: readonly TableFile[]): string {
  const parts = files.filter(({ table }) => table === file).map(({ resolution, day, path }) => {
    const inFile = TABLE_FILES[file][resolution === 'raw' ? 'raw' : 'aggregates']
    const selected = columns.map((column) => `${sourceOf(column, { resolution, day, inFile, from: from[resolution] })} AS ${sqlIdentifier(column.name)}`)
    return `SELECT ${selected.join(', ')} FROM read_csv(${sqlString(path)}, ${csvArguments(inFile)})`
  })
  const none = `SELECT ${columns.map((column) => `NULL::${column.type} AS ${sqlIdentifier(column.name)}`).join(', ')} WHERE false`
  return `CREATE OR REPLACE VIEW ${sqlIdentifier(name)} AS ${parts.length === 0 ? none : parts.join(' UNION ALL ')}`
}

function sourceOf({ name, type }: ColumnDescription, { resolution, day, inFile, from }: { readonly resolution: TableResolution; readonly day: number | null; readonly inFile: readonly FileColumn[]; readonly from: Readonly<Record<string, string>> }): string {
  if (name === 'resolution') return sqlString(resolution)
  if (name === 'day') return day === null ? "CAST(timestamp AT TIME ZONE 'UTC' AS DATE)" : `DATE ${sqlString(dayText(day))}`
  const source = from[name] ?? name
  return inFile.some((column) => column.name === source) ? sqlIdentifier(source) : `NULL::${type}`
}

/** As they are written. A line that is torn, while another one is being written, is passed over. */
function csvArguments(columns: readonly FileColumn[]): string {
  return `auto_detect = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', header = true, ignore_errors = true, columns = {${columns.map(({ name, type }) => `${sqlString(name)}: ${sqlString(type)}`).join(', ')}}`
}

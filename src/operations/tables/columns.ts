/** The tables on disk: which there are, where they lie, and the columns of each. What SQL sees of them is made of the same list. */

export type TableName = 'latency' | 'load' | 'p2p'

/** With DuckDB's name of its type. */
export interface FileColumn {
  readonly name: string
  readonly type: 'VARCHAR' | 'DOUBLE' | 'BIGINT' | 'TIMESTAMPTZ'
}

export interface TableFiles {
  /** Of the day's samples, in the data folder. */
  readonly path: string
  readonly raw: readonly FileColumn[]
  readonly aggregates: readonly FileColumn[]
}

/** In the data folder. */
export const HISTORY_FOLDER = 'history'
export const NODES_FILE = 'nodes.csv'

const text = (name: string): FileColumn => ({ name, type: 'VARCHAR' })
const number = (name: string): FileColumn => ({ name, type: 'DOUBLE' })
const count = (name: string): FileColumn => ({ name, type: 'BIGINT' })
const timestamp: FileColumn = { name: 'timestamp', type: 'TIMESTAMPTZ' }

export const TABLE_FILES: Readonly<Record<TableName, TableFiles>> = {
  latency: {
    path: 'latency.csv',
    raw: [text('peer_id'), number('latency_ms'), timestamp, text('status')],
    aggregates: [text('peer_id'), timestamp, count('count'), count('lost'), ...['min_ms', 'mean_ms', 'max_ms', 'p50_ms', 'p99_ms'].map(number)],
  },
  load: {
    path: 'load.csv',
    raw: [number('cpu_percent'), number('memory_percent'), timestamp],
    aggregates: [timestamp, count('count'), ...['cpu', 'memory'].flatMap((figure) => ['min', 'mean', 'max', 'p50', 'p99'].map((what) => number(`${figure}_${what}_percent`)))],
  },
  p2p: {
    path: 'metrics/p2p.csv',
    raw: [text('metric'), text('labels'), number('value'), timestamp],
    aggregates: [text('metric'), text('labels'), timestamp, count('count'), ...['min', 'mean', 'max', 'p50', 'p99'].map(number)],
  },
}

export const NODES_COLUMNS = ['name', 'peer_id', 'state', 'status', 'latency_ms', 'cpu_percent', 'memory_percent', 'in_flight', 'databases', 'timestamp'] as const

export function columnNames(columns: readonly FileColumn[]): string[] {
  return columns.map(({ name }) => name)
}

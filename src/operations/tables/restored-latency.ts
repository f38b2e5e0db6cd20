/**
 * Gives a node that starts the last day of round trips that earlier runs have kept, so that `rdb db:latency` does not begin anew with each restart.
 * Read are the rows of minutes: they are few, and tell of all samples. It happens beside the node, block by block, the youngest file first, and ends
 * at a bound; what is missing or damaged leaves out just that.
 */
import { join } from 'node:path'
import { isMissing } from '../../adapters/files/atomic-write.ts'
import { type TableFileSystem, tableFileSystem } from '../../adapters/files/csv-table.ts'
import { HISTORY_MS_MAX } from '../../core/latency/history.ts'
import { dayOf } from '../../core/tables/retention.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import type { EarlierMinute } from '../../node/latency-service.ts'
import { columnNames, HISTORY_FOLDER, TABLE_FILES } from './columns.ts'
import { readHistoryName } from './history-names.ts'

/** A day of 250 peers that are measured each minute. Of more the youngest are read. */
export const RESTORED_BYTES_MAX = 32 << 20
const BLOCK_BYTES = 64 << 10
/** A longer line is no row. */
const LINE_BYTES_MAX = 1 << 10
const NEWLINE = 0x0a
const columns = columnNames(TABLE_FILES.latency.aggregates)
const [peerAt = 0, wallAt = 0, countAt = 0, minAt = 0, meanAt = 0, maxAt = 0] = ['peer_id', 'timestamp', 'count', 'min_ms', 'mean_ms', 'max_ms'].map((name) => columns.indexOf(name))

export interface RestoredLatencyParts {
  readonly inspection: Pick<NodeInspection, 'clock' | 'log' | 'dataDir' | 'onClose' | 'restoreLatency'>
  readonly files?: TableFileSystem
  readonly bytesMax?: number
}

interface KeptFile {
  readonly path: string
  /** When the node started: what is added later is of this run. */
  readonly bytes: number
}

/** Resolves when all that can be is restored, or the node stops. Never rejects. */
export async function restoreLatency({ inspection: { clock, log, dataDir, onClose, restoreLatency: restore }, files = tableFileSystem, bytesMax = RESTORED_BYTES_MAX }: RestoredLatencyParts): Promise<void> {
  const stop = new AbortController()
  onClose('latency of earlier runs', () => { stop.abort() })
  let bytesLeft = bytesMax
  try {
    for (const { path, bytes } of await keptFiles(join(dataDir, HISTORY_FOLDER), { firstDay: dayOf(clock.wallMs() - HISTORY_MS_MAX), files })) {
      const start = Math.max(0, bytes - bytesLeft)
      bytesLeft -= bytes - start
      try {
        for await (const text of wholeLines(path, { start, end: bytes, files, signal: stop.signal })) restore(await minutesOf(text))
      } catch (error) {
        if (stop.signal.aborted) return
        log.warn({ err: error, path }, 'a file of the history cannot be read: rdb db:latency tells of its time only what other files have')
      }
    }
  } catch (error) {
    log.warn({ err: error }, 'the history cannot be read: rdb db:latency begins with this start')
  }
}

/** The youngest first. */
async function keptFiles(folder: string, { firstDay, files }: { readonly firstDay: number; readonly files: TableFileSystem }): Promise<KeptFile[]> {
  let names: string[]
  try {
    names = await files.readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
  const read = names.flatMap((name) => {
    const found = readHistoryName(name)
    return found?.table === 'latency' && found.resolution === '1m' && found.day >= firstDay ? [{ ...found, path: join(folder, name) }] : []
  })
  // The first part is the one that is written, and those that are full have risen numbers.
  const age = (part: number): number => (part === 1 ? Infinity : part)
  read.sort((a, b) => b.day - a.day || age(b.part) - age(a.part))
  return await Promise.all(read.map(async ({ path }) => ({ path, bytes: await sizeOf(path, files) })))
}

/** None for what is gone meanwhile. */
async function sizeOf(path: string, files: TableFileSystem): Promise<number> {
  try {
    return (await files.stat(path)).size
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

async function* wholeLines(path: string, { start, end, files, signal }: { readonly start: number; readonly end: number; readonly files: TableFileSystem; readonly signal: AbortSignal }): AsyncGenerator<string> {
  if (start >= end) return
  const file = await files.open(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    // From the midst of a file, and after a line that is none, the next whole one is looked for.
    let isInLine = start > 0
    for await (const block of file.createReadStream({ start, end: end - 1, highWaterMark: BLOCK_BYTES, autoClose: false, signal }) as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([rest, block])
      const from = isInLine ? bytes.indexOf(NEWLINE) + 1 : 0
      const to = bytes.lastIndexOf(NEWLINE) + 1
      if (to > from) yield bytes.toString('utf8', from, to)
      isInLine = (isInLine && to === 0) || bytes.length - to > LINE_BYTES_MAX
      rest = isInLine ? Buffer.alloc(0) : bytes.subarray(to)
    }
  } finally {
    await file.close()
  }
}

/** What is no row, the header among it, is left out. */
async function minutesOf(text: string): Promise<EarlierMinute[]> {
  const { parse } = await import('csv-parse/sync')
  const rows: string[][] = parse(text, { relax_column_count: true, relax_quotes: true, skip_records_with_error: true })
  return rows.flatMap((row) => {
    const figure = (at: number): number => (row[at] === undefined || row[at] === '' ? Number.NaN : Number(row[at]))
    const minute = { peerId: row[peerAt] ?? '', wallMs: Date.parse(row[wallAt] ?? ''), samples: figure(countAt), minMs: figure(minAt), meanMs: figure(meanAt), maxMs: figure(maxAt) }
    return row.length === columns.length && minute.peerId !== '' ? [minute] : []
  })
}

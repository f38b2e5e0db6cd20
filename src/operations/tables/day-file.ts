/**
 * The file that a table's rows of a day go to. Samples are written to the table's own file, which moves into the history when its day ends;
 * aggregates to the history at once. A file that grows too large for the bound on all of them moves on as a part of its day.
 */
import { join } from 'node:path'
import { CsvTable, type HealedTable, type TableFileSystem } from '../../adapters/files/csv-table.ts'
import { isMissing } from '../../adapters/files/atomic-write.ts'
import { dayOf, isPartFull, type TableResolution } from '../../core/tables/retention.ts'
import type { Log } from '../../ports/log.ts'
import { columnNames, HISTORY_FOLDER, TABLE_FILES, type TableName } from './columns.ts'
import { type HistoryName, historyName, readHistoryName } from './history-names.ts'

export interface DayFileParts {
  readonly table: TableName
  readonly resolution: TableResolution
  readonly dataDir: string
  readonly bytesMax: number
  readonly files: TableFileSystem
  readonly log: Log
}

export class DayFile {
  readonly #parts: DayFileParts
  readonly #columns: readonly string[]
  #isOpen = false
  #file: CsvTable | null = null
  /** Of the rows in the file; null while it has none. */
  #day: number | null = null
  #bytes = 0
  #healed = 0
  #ended = 0

  constructor(parts: DayFileParts) {
    this.#parts = parts
    const { raw, aggregates } = TABLE_FILES[parts.table]
    this.#columns = columnNames(parts.resolution === 'raw' ? raw : aggregates)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Files that are part of the history only, since this one took over. */
  get ended(): number {
    return this.#ended
  }

  /** How often something was amiss with a file. */
  get healed(): number {
    return this.#healed
  }

  /** In the history; null where the file is not there. */
  get historyName(): string | null {
    const { table, resolution } = this.#parts
    return resolution === 'raw' || this.#day === null ? null : historyName({ table, resolution, day: this.#day, part: 1 })
  }

  /** Ends the file of an earlier day, and one that is full; makes sound what an earlier run left. @throws the file system's error */
  async turnTo(day: number): Promise<void> {
    if (!this.#isOpen) await this.#open(day)
    this.#isOpen = true
    if (this.#day === null) return
    const isOver = day > this.#day
    if (!isOver && !isPartFull(this.#bytes, this.#parts)) return
    if (this.#parts.resolution === 'raw' || !isOver) await this.#moveOn(this.#day)
    this.#day = null
    this.#bytes = 0
    this.#ended++
  }

  /** All of these lines, or none. Those of a day before the file's, from a clock that was set back, go to the same file. @throws the file system's error */
  async append(day: number, lines: string): Promise<void> {
    await this.turnTo(day)
    this.#file = this.#day === null || this.#file === null ? this.#fileOf(day) : this.#file
    const { bytes, healed } = await this.#file.append(lines)
    this.#day ??= day
    this.#bytes = bytes
    this.#note(healed)
  }

  async #open(today: number): Promise<void> {
    const days = this.#parts.resolution === 'raw' ? [today] : (await this.#history()).filter(({ day, part }) => day <= today && part === 1).map(({ day }) => day)
    if (days.length === 0) return
    const day = Math.max(...days)
    const file = this.#fileOf(day)
    const { row, bytes, healed } = await file.firstRow()
    this.#note(healed)
    if (row === null) return
    const wallMs = Date.parse(row[this.#columns.indexOf('timestamp')] ?? '')
    this.#file = file
    this.#bytes = bytes
    this.#day = this.#parts.resolution === '1m' || Number.isNaN(wallMs) ? day : dayOf(wallMs)
  }

  async #moveOn(day: number): Promise<void> {
    const { table, resolution, dataDir, files } = this.#parts
    const parts = (await this.#history()).filter((name) => name.day === day).map(({ part }) => part)
    // The file of aggregates that is being written bears the first part's name.
    const part = Math.max(resolution === '1m' ? 1 : 0, ...parts) + 1
    await files.mkdir(join(dataDir, HISTORY_FOLDER), { recursive: true, mode: 0o700 })
    await this.#file?.moveTo(join(dataDir, HISTORY_FOLDER, historyName({ table, resolution, day, part })))
  }

  async #history(): Promise<HistoryName[]> {
    const { table, resolution, dataDir, files } = this.#parts
    try {
      const names = await files.readdir(join(dataDir, HISTORY_FOLDER))
      return names.map(readHistoryName).filter((name) => name?.table === table && name.resolution === resolution) as HistoryName[]
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  #fileOf(day: number): CsvTable {
    const { table, resolution, dataDir, files } = this.#parts
    const path = resolution === 'raw' ? TABLE_FILES[table].path : join(HISTORY_FOLDER, historyName({ table, resolution, day, part: 1 }))
    return new CsvTable(join(dataDir, path), this.#columns, files)
  }

  #note(healed: HealedTable | null): void {
    if (healed === null) return
    this.#healed++
    const { table, resolution, log } = this.#parts
    const header = { kept: '', added: ' It had no header, and has one again.', replaced: ' What was there was no such table, and was put aside under the same name with .unknown at its end.' }[healed.header]
    log.warn({ table, resolution, ...healed }, `the table ${table} was not sound: ${healed.bytesCut} bytes of a torn last line were cut off.${header}`)
  }
}

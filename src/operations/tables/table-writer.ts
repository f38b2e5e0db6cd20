/** Rows on their way into one table: kept, within a bound, until they are in the file of their day. */
import { stringify } from 'csv-stringify/sync'
import { dayOf } from '../../core/tables/retention.ts'
import type { DayFile } from './day-file.ts'

export interface TableRow {
  readonly wallMs: number
}

export type Cell = string | number | null

/** Rows that wait, at most: some megabytes, and minutes of a busy mesh. */
export const PENDING_ROWS_MAX = 20_000
/** So many more before those go, since each time moves all that stay. */
const PENDING_ROWS_SLACK = 1_000
/** Of one write, so that the text of all that may wait is never made at once. */
const WRITTEN_ROWS_MAX = 5_000

export class TableWriter<Row extends TableRow> {
  readonly file: DayFile
  readonly #cells: (row: Row) => Cell[]
  #pending: Row[] = []
  #written = 0
  #dropped = 0

  /** `cells`: as the columns have them, asked when they are written. */
  constructor(file: DayFile, cells: (row: Row) => Cell[]) {
    this.file = file
    this.#cells = cells
  }

  get pending(): number {
    return this.#pending.length
  }

  get written(): number {
    return this.#written
  }

  /** Rows that were never written because too many waited. */
  get dropped(): number {
    return this.#dropped
  }

  /** Beyond the bound the oldest go. */
  push(row: Row): void {
    this.#pending.push(row)
    if (this.#pending.length > PENDING_ROWS_MAX + PENDING_ROWS_SLACK) this.#dropOldest()
  }

  /** What cannot be written waits on. @throws the file system's error */
  async write(nowWallMs: number): Promise<void> {
    for (let batch = this.#takeBatch(); batch.rows.length > 0; batch = this.#takeBatch()) {
      try {
        await this.file.append(batch.day, stringify(batch.rows.map((row) => this.#cells(row))))
        this.#written += batch.rows.length
      } catch (error) {
        this.#pending = [...batch.rows, ...this.#pending]
        this.#dropOldest()
        throw error
      }
    }
    // A day that ended without a further row has ended, too.
    await this.file.turnTo(dayOf(nowWallMs))
  }

  #dropOldest(): void {
    const excess = this.#pending.length - PENDING_ROWS_MAX
    if (excess <= 0) return
    this.#pending.splice(0, excess)
    this.#dropped += excess
  }

  /** Of one day, or of earlier ones by a clock that was set back. */
  #takeBatch(): { readonly day: number; readonly rows: Row[] } {
    const [first] = this.#pending
    if (first === undefined) return { day: 0, rows: [] }
    const day = dayOf(first.wallMs)
    const later = this.#pending.findIndex(({ wallMs }) => dayOf(wallMs) > day)
    return { day, rows: this.#pending.splice(0, Math.min(WRITTEN_ROWS_MAX, later === -1 ? this.#pending.length : later)) }
  }
}

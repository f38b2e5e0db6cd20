/** Keeps the history within its times and all tables within their bound. */
import { join } from 'node:path'
import type { TableFileSystem } from '../../adapters/files/csv-table.ts'
import { ignoreMissing } from '../../adapters/files/atomic-write.ts'
import { filesToDrop, type HistoryFile, type RetentionLimits } from '../../core/tables/retention.ts'
import { CLOCK_DOUBT_MS, WallClockTrust } from '../../core/tables/wall-clock-trust.ts'
import type { Log } from '../../ports/log.ts'
import { HISTORY_FOLDER } from './columns.ts'
import { readHistoryName } from './history-names.ts'

export interface HistoryKeeperParts {
  readonly dataDir: string
  readonly limits: RetentionLimits
  readonly files: TableFileSystem
  readonly log: Log
}

export class HistoryKeeper {
  readonly #parts: HistoryKeeperParts
  readonly #trust = new WallClockTrust()
  #isFirst = true
  #closedBytes = 0

  constructor(parts: HistoryKeeperParts) {
    this.#parts = parts
  }

  /** Of the files of the history that are not being written, when they were last looked at. */
  get closedBytes(): number {
    return this.#closedBytes
  }

  /** @throws the file system's error */
  async keep({ nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number }, { openNames, openBytes }: { readonly openNames: ReadonlySet<string>; readonly openBytes: number }): Promise<void> {
    const { dataDir, limits, files, log } = this.#parts
    const closed = await this.#closedFiles(openNames)
    const doubts = [...this.#trust.handleWallTime(nowMs, wallMs), ...(this.#isFirst ? this.#trust.handleFilesFound(nowMs, { wallMs, days: closed.map(({ day }) => day) }) : [])]
    this.#isFirst = false
    for (const { stepMs } of doubts) {
      const hours = Math.round(stepMs / 3_600_000)
      log.warn({ stepMs }, `the clock is ${Math.abs(hours)} h ${hours < 0 ? 'behind' : 'ahead of'} what the tables' history led to expect; for ${CLOCK_DOUBT_MS / 3_600_000} h nothing of it is deleted for its age`)
    }
    const dropped = filesToDrop(wallMs, closed, { ...limits, bytesElsewhere: openBytes, isClockTrusted: this.#trust.isTrusted(nowMs) })
    for (const { name } of dropped) await files.unlink(join(dataDir, HISTORY_FOLDER, name)).catch(ignoreMissing)
    const bytesOf = (list: readonly HistoryFile[]): number => list.reduce((sum, { bytes }) => sum + bytes, 0)
    this.#closedBytes = bytesOf(closed) - bytesOf(dropped)
    if (dropped.length > 0) log.info({ files: dropped.map(({ name }) => name) }, `${dropped.length} files of the tables' history were deleted: past their time, or more than the tables may take`)
  }

  async #closedFiles(openNames: ReadonlySet<string>): Promise<HistoryFile[]> {
    const { dataDir, files } = this.#parts
    const folder = join(dataDir, HISTORY_FOLDER)
    const found: HistoryFile[] = []
    for (const name of await files.readdir(folder).catch((error: unknown) => { ignoreMissing(error); return [] })) {
      const read = readHistoryName(name)
      if (read === null || openNames.has(name)) continue
      const { size } = await files.stat(join(folder, name))
      found.push({ name, resolution: read.resolution, day: read.day, bytes: size, isOpen: false })
    }
    return found
  }
}

/**
 * Which files of the history go. A file goes when the youngest sample that it can hold is past its time, so that a sample is kept at least as long as it
 * was promised, and at most a day longer. What is too much for the bound on size goes oldest day first; within a day the samples go before the
 * aggregates that still tell of them. For its age nothing goes while the clock is in doubt, and never more than two days at once: what a wrong clock
 * deletes does not come back.
 */

export const DAY_MS = 86_400_000
/** A file of the day is closed at this share of the bound and a new one begun: what is being written can never take all the room. */
const PART_SHARE = 1 / 8
const PART_BYTES_MIN = 64 * 1024
/** Each day one of samples and one of aggregates comes of age. */
const EXPIRED_DAYS_MAX = 2

export type TableResolution = 'raw' | '1m'

export interface HistoryFile {
  readonly name: string
  readonly resolution: TableResolution
  /** Days since 1970, UTC. */
  readonly day: number
  readonly bytes: number
  /** It is being written, and stays. */
  readonly isOpen: boolean
}

export interface RetentionLimits {
  readonly rawRetentionMs: number
  readonly aggregateRetentionMs: number
  /** Of all tables together. */
  readonly bytesMax: number
}

export function dayOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS)
}

export function isPartFull(bytes: number, { bytesMax }: Pick<RetentionLimits, 'bytesMax'>): boolean {
  return bytes >= Math.max(PART_BYTES_MIN, bytesMax * PART_SHARE)
}

/** `bytesElsewhere`: of the tables that are not in the history. `isClockTrusted`: see WallClockTrust. */
export function filesToDrop(
  wallMs: number, files: readonly HistoryFile[],
  { rawRetentionMs, aggregateRetentionMs, bytesMax, bytesElsewhere, isClockTrusted }: RetentionLimits & { readonly bytesElsewhere: number; readonly isClockTrusted: boolean },
): HistoryFile[] {
  const isExpired = ({ resolution, day }: HistoryFile): boolean => wallMs - (day + 1) * DAY_MS >= (resolution === 'raw' ? rawRetentionMs : aggregateRetentionMs)
  const closed = files.filter(({ isOpen }) => !isOpen)
  const expired = isClockTrusted ? closed.filter(isExpired) : []
  const days = [...new Set(expired.map(({ day }) => day))].sort((a, b) => a - b).slice(0, EXPIRED_DAYS_MAX)
  const dropped = expired.filter(({ day }) => days.includes(day))
  let bytes = bytesElsewhere + files.reduce((sum, file) => sum + file.bytes, 0) - dropped.reduce((sum, file) => sum + file.bytes, 0)
  const rest = closed.filter((file) => !dropped.includes(file)).sort((a, b) => a.day - b.day || rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1))
  for (const file of rest) {
    if (bytes <= bytesMax) break
    dropped.push(file)
    bytes -= file.bytes
  }
  return dropped
}

function rankOf({ resolution }: HistoryFile): number {
  return resolution === 'raw' ? 0 : 1
}

/** What a node tells others about its load. */

export interface LoadSnapshot {
  readonly peerId: string
  /** Unix milliseconds at the reporter, by its clock. How late it comes follows from it (peer-loads.ts). */
  readonly atWallMs: number
  /** Counts up at the reporter since its start; an older one never replaces a newer one. */
  readonly sequence: number
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly memoryBytes: number
  readonly processCpuPercent: number
  readonly eventLoopDelayMs: number
  readonly inFlight: number
  readonly overloaded: boolean
  /** Pinned by `rdb drill`, not measured. */
  readonly drill: boolean
  /** Databases that are ready to answer here, by name. */
  readonly readyDatabases: readonly string[]
  /** How far its copies are behind their primaries, in milliseconds, by database; those that know. */
  readonly lagsMs: Readonly<Record<string, number>>
  /** How long a query takes that comes now, by database; those where that is known. */
  readonly serviceTimesMs?: Readonly<Record<string, number>>
}

export interface LoadThresholds {
  /** Overload is entered at or above either. */
  readonly cpuPercent: number
  readonly memoryPercent: number
  /** Overload is left when both are this many points below. */
  readonly leaveMarginPercent: number
  /** And have been for this long. */
  readonly dwellMs: number
}

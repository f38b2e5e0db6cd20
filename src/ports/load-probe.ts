/** One reading of the host and of this process. Taking it may cost milliseconds, so it is never taken on the routing path. */
export interface LoadReading {
  /** 0–100 of what the cgroup or the host grants, whichever is less. */
  readonly cpuPercent: number
  /** 0–100 of the cgroup's limit or of the host's memory, whichever is less; reclaimable cache does not count. */
  readonly memoryPercent: number
  readonly memoryBytes: number
  /** Of this process, 100 = one core. */
  readonly processCpuPercent: number
  /** p99 of the event loop's delay since the last reading. */
  readonly eventLoopDelayMs: number
}

export interface LoadProbe {
  read(): Promise<LoadReading>
  close(): void
}

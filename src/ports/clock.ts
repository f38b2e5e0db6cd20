/** Time as the shells see it. Machines get plain numbers. */
export interface Clock {
  /** Monotonic milliseconds with sub-millisecond resolution. Never compare between nodes. */
  nowMs(): number
  /** Unix milliseconds, for records that leave the process. */
  wallMs(): number
  /** Calls once, after `delayMs` or 24 days, whichever is sooner. The timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

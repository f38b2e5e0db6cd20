import type { Clock } from '../../../../src/ports/clock.ts'

export interface VirtualClock extends Clock {
  /** Moves time on and calls what comes due, in order; lets promises settle after each call. */
  advance(byMs: number): Promise<void>
  readonly armed: number
}

export function createVirtualClock(): VirtualClock {
  let nowMs = 0
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()
  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return { cancel: () => { timers.delete(timer) } }
    },
    get armed() {
      return timers.size
    },
    async advance(byMs) {
      const endMs = nowMs + byMs
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.atMs <= endMs).sort((left, right) => left.atMs - right.atMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = next.atMs
        next.callback()
        await settle()
      }
      nowMs = endMs
    },
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

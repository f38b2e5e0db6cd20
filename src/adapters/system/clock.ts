import { performance } from 'node:perf_hooks'
import type { Clock } from '../../ports/clock.ts'

/** Node fires a timer beyond 2^31 − 1 ms at once. Whoever waits longer than this is called early and looks again. */
const delayMsMax = 2 ** 31 - 1

/** The process's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMsMax, Math.max(0, delayMs)))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/**
 * Whether a load is too much by one set of thresholds, with hysteresis for each measure (overload-watch.ts). A node judges by its own set, and for
 * a database that has one by that: a copy that serves dashboards may be allowed to run the host hotter than one that serves sign-ins.
 *
 * A fire drill pins what is reported. It counts at once and leaves nothing behind: the watches go on following what is measured.
 */
import type { LoadThresholds } from './types.ts'
import { OverloadWatch } from './overload-watch.ts'

/** Null leaves a measure as measured. */
export interface PinnedLoad {
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
}

export class LoadJudge {
  readonly thresholds: LoadThresholds
  readonly #cpuWatch: OverloadWatch
  readonly #memoryWatch: OverloadWatch

  constructor(thresholds: LoadThresholds) {
    this.thresholds = thresholds
    const { cpuPercent, memoryPercent, leaveMarginPercent, dwellMs } = thresholds
    this.#cpuWatch = new OverloadWatch({ enterPercent: cpuPercent, leavePercent: cpuPercent - leaveMarginPercent, dwellMs })
    this.#memoryWatch = new OverloadWatch({ enterPercent: memoryPercent, leavePercent: memoryPercent - leaveMarginPercent, dwellMs })
  }

  /** `cpuPercent` is null while there are too few readings to tell a load from a peak. */
  handleMeasured(nowMs: number, { cpuPercent, memoryPercent }: { readonly cpuPercent: number | null; readonly memoryPercent: number }): void {
    if (cpuPercent !== null) this.#cpuWatch.handleValue(nowMs, cpuPercent)
    this.#memoryWatch.handleValue(nowMs, memoryPercent)
  }

  isOverloaded(drill: PinnedLoad | null): boolean {
    return this.#isCpuOverloaded(drill) || this.#isMemoryOverloaded(drill)
  }

  /** For people: "CPU 85% exceeds threshold 80%", of the load as reported; null when not overloaded. */
  reason(reported: Pick<LoadThresholds, 'cpuPercent' | 'memoryPercent'>, drill: PinnedLoad | null): string | null {
    if (!this.isOverloaded(drill)) return null
    const reasons: string[] = []
    if (this.#isCpuOverloaded(drill)) reasons.push(describe('CPU', reported.cpuPercent, this.#cpuWatch))
    if (this.#isMemoryOverloaded(drill)) reasons.push(describe('memory', reported.memoryPercent, this.#memoryWatch))
    return reasons.join(' and ') + (drill === null ? '' : ' (fire drill)')
  }

  #isCpuOverloaded(drill: PinnedLoad | null): boolean {
    const pinned = drill?.cpuPercent ?? null
    return pinned === null ? this.#cpuWatch.overloaded : pinned >= this.thresholds.cpuPercent
  }

  #isMemoryOverloaded(drill: PinnedLoad | null): boolean {
    const pinned = drill?.memoryPercent ?? null
    return pinned === null ? this.#memoryWatch.overloaded : pinned >= this.thresholds.memoryPercent
  }
}

function describe(measure: string, percent: number, watch: OverloadWatch): string {
  const { enterPercent, leavePercent, dwellMs } = watch.limits
  if (percent >= enterPercent) {
    const shown = Math.round(percent)
    return `${measure} ${shown}% ${shown > enterPercent ? 'exceeds' : 'has reached'} threshold ${enterPercent}%`
  }
  return watch.isLeaving
    ? `${measure} ${Math.round(percent)}% exceeded threshold ${enterPercent}% and has been back at ${leavePercent}% for less than ${dwellMs / 1000} s`
    : `${measure} ${Math.round(percent)}% exceeded threshold ${enterPercent}% and is not back at ${leavePercent}% yet`
}

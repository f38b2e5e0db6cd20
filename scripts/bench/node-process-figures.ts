/** What the kernel counts for another process: CPU time, resident memory and its peak. Linux only, as the figures come from /proc. */
import { readFileSync, writeFileSync } from 'node:fs'

export const hasProcessFigures = process.platform === 'linux'

/** USER_HZ, which /proc counts in; the same on every architecture that Node runs on. */
const ticksPerSecond = 100
const sampleIntervalMs = 50

/** CPU seconds, user and system, that the process has taken since it started. */
export function cpuSeconds(pid: number): number {
  // The second field is the command in parentheses, which may hold anything; user and system time are the 14th and 15th field.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

export function rssBytes(pid: number): number {
  const bytes = statusBytes(pid, 'VmRSS')
  if (bytes === null) throw new Error(`there is no process ${pid}`)
  return bytes
}

/** Null for a process that is gone, or ended and not yet waited for. */
function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number | null {
  try {
    const match = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match === null ? null : Number(match[1]) * 1024
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

export interface MemoryWatch {
  readonly beforeBytes: number
  /** The highest RSS since the watch began; of a process that has ended, as far as it was seen. */
  readonly peakBytes: () => number
  readonly stop: () => void
}

/**
 * Watches the peak of a process's RSS from now on: by the kernel's own high-water mark, which misses nothing, where it can be reset (proc(5),
 * clear_refs), and by a sample each 50 ms everywhere.
 */
export function watchMemory(pid: number): MemoryWatch {
  let canReset = true
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Some kernels and sandboxes have no such file; then the samples are the measure.
    canReset = false
  }
  const beforeBytes = rssBytes(pid)
  let peakBytes = beforeBytes
  const look = (): number => {
    peakBytes = Math.max(peakBytes, statusBytes(pid, 'VmRSS') ?? 0, canReset ? (statusBytes(pid, 'VmHWM') ?? 0) : 0)
    return peakBytes
  }
  const timer = setInterval(look, sampleIntervalMs)
  return { beforeBytes, peakBytes: look, stop: () => { clearInterval(timer) } }
}

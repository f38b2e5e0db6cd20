/**
 * Ticks of the CPUs that this process may use. On Linux from /proc directly: systeminformation's `currentLoad` starts a shell with
 * `execSync` for the same file on every call, which stops the event loop for several milliseconds each second.
 */
import { join } from 'node:path'
import { cpus } from 'node:os'
import { readPseudoFile } from './pseudo-file.ts'

/** Counters since boot, in any unit as long as it is one. */
export interface CpuTicks {
  readonly total: number
  readonly idle: number
}

/** @throws Error when /proc/stat is there but has no CPU lines */
export function readHostCpu(procRoot = '/proc'): CpuTicks {
  const stat = readPseudoFile(join(procRoot, 'stat'))
  if (stat === null) return fromOperatingSystem()
  const allowed = parseCpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readPseudoFile(join(procRoot, 'self/status')) ?? '')?.[1])
  let total = 0
  let idle = 0
  let count = 0
  for (const line of stat.split('\n')) {
    if (!line.startsWith('cpu')) break
    const [name = '', ...fields] = line.trim().split(/\s+/)
    // The first line sums all CPUs; those that this process may not run on are no room of its own.
    if (name === 'cpu' || (allowed !== null && !allowed.has(Number(name.slice(3))))) continue
    // user nice system idle iowait irq softirq steal; guest time, which follows, is part of user already. Stolen time is time that
    // was wanted here and not given, so it counts as busy.
    const ticks = fields.slice(0, 8).map(Number)
    total += ticks.reduce((sum, value) => sum + value, 0)
    idle += (ticks[3] ?? 0) + (ticks[4] ?? 0)
    count++
  }
  if (count === 0 || !Number.isFinite(total)) throw new Error(`${join(procRoot, 'stat')} has no usable CPU lines`)
  return { total, idle }
}

function fromOperatingSystem(): CpuTicks {
  let total = 0
  let idle = 0
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq
    idle += times.idle
  }
  return { total, idle }
}

/** "0-3,8" → {0, 1, 2, 3, 8}; null when there is no such list. */
function parseCpuList(text: string | undefined): ReadonlySet<number> | null {
  if (text === undefined) return null
  const cpuNumbers = new Set<number>()
  for (const range of text.split(',')) {
    const [first = NaN, last = first] = range.split('-').map(Number)
    for (let cpu = first; cpu <= last; cpu++) cpuNumbers.add(cpu)
  }
  return cpuNumbers.size === 0 ? null : cpuNumbers
}

/** 0–100 between two readings; null when no tick has passed. */
export function busyPercent(before: CpuTicks, after: CpuTicks): number | null {
  const total = after.total - before.total
  if (total <= 0) return null
  return Math.min(100, Math.max(0, (100 * (total - (after.idle - before.idle))) / total))
}

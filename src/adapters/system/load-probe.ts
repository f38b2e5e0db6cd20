/**
 * Load of this host and process. Both the host's and the control groups' figures are taken and the tighter one is reported: a container
 * at its quota is loaded on an idle host, and a container with room to spare is loaded on a host that has none.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { LoadProbe, LoadReading } from '../../ports/load-probe.ts'
import { readCgroup, type CgroupReading } from './cgroup.ts'
import { busyPercent, readHostCpu, type CpuTicks } from './host-cpu.ts'
import { type HostMemory, readHostMemory } from './host-memory.ts'

/** Each wake-up of an idle process costs about 0.1 ms of CPU: at 100 ms that is 0.1 % of a core, at the default of 10 ms 1 %. */
const eventLoopResolutionMs = 100
/** CPU counters tick every 10 ms; over less than this a percentage is noise, and the last reading is given again. */
const windowMsMin = 100

/** Where the figures come from; all default to this system. */
export interface SystemLoadSources {
  readonly hostCpu?: () => CpuTicks
  readonly hostMemory?: () => Promise<HostMemory>
  readonly cgroup?: () => CgroupReading
  /** Of this process, in core-microseconds. */
  readonly processCpuUs?: () => number
  readonly nowMs?: () => number
}

/** Counters at one moment; a reading is the difference of two. */
interface Counters {
  readonly atMs: number
  readonly hostCpu: CpuTicks
  readonly cgroup: CgroupReading
  readonly processCpuUs: number
}

/**
 * `read()` rejects with the failed file's error when a source cannot be read; the next call tries again. Calls that overlap share one
 * reading. @throws Error when the sources cannot be read even once
 */
export function createSystemLoadProbe(sources: SystemLoadSources = {}): LoadProbe {
  const {
    hostCpu = () => readHostCpu(), cgroup = () => readCgroup(), hostMemory = () => readHostMemory(), processCpuUs = readProcessCpuUs, nowMs = () => performance.now(),
  } = sources
  const delays = monitorEventLoopDelay({ resolution: eventLoopResolutionMs })
  const count = (): Counters => ({ atMs: nowMs(), hostCpu: hostCpu(), cgroup: cgroup(), processCpuUs: processCpuUs() })
  let before = count()
  let last: LoadReading | null = null
  let reading: Promise<LoadReading> | null = null
  delays.enable()

  const takeEventLoopDelayMs = (): number => {
    // The histogram holds whole intervals between wake-ups, the asked one included.
    const delayMs = delays.count === 0 ? 0 : Math.max(0, delays.percentile(99) / 1e6 - eventLoopResolutionMs)
    delays.reset()
    return delayMs
  }

  const read = async (): Promise<LoadReading> => {
    const memory = await hostMemory()
    const after = count()
    const elapsedUs = (after.atMs - before.atMs) * 1000
    if (last !== null && elapsedUs < windowMsMin * 1000) return last
    const cpuPercents = [busyPercent(before.hostCpu, after.hostCpu) ?? last?.cpuPercent ?? 0, ...quotaPercents(before.cgroup, after.cgroup, elapsedUs)]
    const tightest = [
      { limitBytes: memory.totalBytes, usedBytes: memory.totalBytes - memory.availableBytes },
      // A limit beyond the host's memory limits nothing.
      ...after.cgroup.memory.filter(({ limitBytes }) => limitBytes < memory.totalBytes),
    ].reduce((tighter, next) => (next.usedBytes / next.limitBytes > tighter.usedBytes / tighter.limitBytes ? next : tighter))
    last = {
      cpuPercent: Math.min(100, Math.max(...cpuPercents)),
      memoryPercent: Math.min(100, Math.max(0, (100 * tightest.usedBytes) / tightest.limitBytes)),
      memoryBytes: Math.max(0, tightest.usedBytes),
      processCpuPercent: elapsedUs > 0 ? Math.max(0, (100 * (after.processCpuUs - before.processCpuUs)) / elapsedUs) : 0,
      eventLoopDelayMs: takeEventLoopDelayMs(),
    }
    before = after
    return last
  }

  return {
    read: () => reading ??= read().finally(() => { reading = null }),
    close: () => { delays.disable() },
  }
}

/** For each quota that was there before: use over what it granted meanwhile. */
function quotaPercents(before: CgroupReading, after: CgroupReading, elapsedUs: number): number[] {
  if (elapsedUs <= 0) return []
  return after.cpu.flatMap(({ path, cores, usedUs }) => {
    const earlier = before.cpu.find((quota) => quota.path === path)
    return earlier === undefined || !(cores > 0) ? [] : [Math.max(0, (100 * (usedUs - earlier.usedUs)) / (cores * elapsedUs))]
  })
}

function readProcessCpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

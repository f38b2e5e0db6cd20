/**
 * What control groups grant this process: CPU quotas and memory limits, version 2 or 1, with the use that counts against each.
 * Limits nest, so every level from the process's own group up to the root counts, and each is measured with the use of that level: a
 * neighbour in the same pod eats from the same quota. (Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.)
 */
import { join, posix } from 'node:path'
import { fieldOf, readNumberFile, readPseudoFile } from './pseudo-file.ts'

export interface CpuQuota {
  /** Tells the quotas of different levels apart. */
  readonly path: string
  /** Cores' worth of time granted: quota over period. */
  readonly cores: number
  /** Used by the whole group since it began, in core-microseconds. */
  readonly usedUs: number
}

export interface MemoryLimit {
  readonly path: string
  readonly limitBytes: number
  /** Without file cache that the kernel would drop first. */
  readonly usedBytes: number
}

export interface CgroupReading {
  readonly cpu: readonly CpuQuota[]
  readonly memory: readonly MemoryLimit[]
}

export interface CgroupFolders {
  /** Default /sys/fs/cgroup. */
  readonly cgroupRoot?: string
  /** Default /proc. */
  readonly procRoot?: string
}

/** Levels above the process that are looked at; deeper nesting than this is not met in practice. */
const levelsMax = 16
/** Version 1 writes "no limit" as the largest multiple of a page; nothing real comes near 2^60. */
const unlimitedBytes = 2 ** 60

/** Nothing limited, or no control groups at all (other systems): two empty lists. Throws when a file that is there cannot be read. */
export function readCgroup({ cgroupRoot = '/sys/fs/cgroup', procRoot = '/proc' }: CgroupFolders = {}): CgroupReading {
  const membership = readPseudoFile(join(procRoot, 'self/cgroup'))
  if (membership === null) return { cpu: [], memory: [] }
  const groups = parseMembership(membership)
  // On hybrid hosts version 2 is mounted beside version 1 without controllers; the version is the one that has this file at its root.
  if (readPseudoFile(join(cgroupRoot, 'cgroup.controllers')) !== null) {
    const folders = levels(cgroupRoot, groups.get('') ?? '/')
    return { cpu: folders.flatMap(cpuQuota2), memory: folders.flatMap(memoryLimit2) }
  }
  const cpuFolders = levels(join(cgroupRoot, 'cpu'), groups.get('cpu') ?? '/')
  const memoryFolders = levels(join(cgroupRoot, 'memory'), groups.get('memory') ?? '/')
  return {
    cpu: cpuFolders.flatMap((folder) => cpuQuota1(folder, cgroupRoot)),
    memory: memoryFolders.flatMap(memoryLimit1),
  }
}

/** Controller → path, from lines like `4:memory:/a/b`, `1:cpu,cpuacct:/` and, for version 2, `0::/a/b`. */
function parseMembership(text: string): Map<string, string> {
  const groups = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    for (const controller of controllers.split(',')) groups.set(controller, path)
  }
  return groups
}

/**
 * The folders from a group up to the root, the root included. In a container without a namespace of its own the path names what the
 * host sees and is not there; only the root, which then is the container's own group, remains.
 */
function levels(root: string, path: string): string[] {
  const folders: string[] = []
  for (let level = posix.normalize(path), depth = 0; depth < levelsMax; level = posix.dirname(level), depth++) {
    // A path that leads out of the namespace's root (`/../x`) stays below the mount once normalised.
    folders.push(join(root, level))
    if (level === '/') break
  }
  return folders
}

function cpuQuota2(folder: string): CpuQuota[] {
  const [quota, period] = readPseudoFile(join(folder, 'cpu.max'))?.trim().split(' ') ?? []
  if (quota === undefined || period === undefined || quota === 'max') return []
  const usedUs = fieldOf(readPseudoFile(join(folder, 'cpu.stat')) ?? '', 'usage_usec')
  return usedUs === null ? [] : [{ path: folder, cores: Number(quota) / Number(period), usedUs }]
}

function memoryLimit2(folder: string): MemoryLimit[] {
  const limitBytes = readNumberFile(join(folder, 'memory.max'))
  const currentBytes = limitBytes === null ? null : readNumberFile(join(folder, 'memory.current'))
  if (limitBytes === null || currentBytes === null) return []
  const reclaimableBytes = fieldOf(readPseudoFile(join(folder, 'memory.stat')) ?? '', 'inactive_file') ?? 0
  return [{ path: folder, limitBytes, usedBytes: Math.max(0, currentBytes - reclaimableBytes) }]
}

function cpuQuota1(folder: string, cgroupRoot: string): CpuQuota[] {
  const quotaUs = readNumberFile(join(folder, 'cpu.cfs_quota_us'))
  const periodUs = readNumberFile(join(folder, 'cpu.cfs_period_us'))
  if (quotaUs === null || periodUs === null || quotaUs <= 0) return []
  // The accounting controller may be mounted with the cpu controller or beside it.
  const besideFolder = join(cgroupRoot, 'cpuacct', folder.slice(join(cgroupRoot, 'cpu').length))
  const usedNs = readNumberFile(join(folder, 'cpuacct.usage')) ?? readNumberFile(join(besideFolder, 'cpuacct.usage'))
  return usedNs === null ? [] : [{ path: folder, cores: quotaUs / periodUs, usedUs: usedNs / 1000 }]
}

function memoryLimit1(folder: string): MemoryLimit[] {
  const limitBytes = readNumberFile(join(folder, 'memory.limit_in_bytes'))
  if (limitBytes === null || limitBytes >= unlimitedBytes) return []
  const usageBytes = readNumberFile(join(folder, 'memory.usage_in_bytes'))
  if (usageBytes === null) return []
  const reclaimableBytes = fieldOf(readPseudoFile(join(folder, 'memory.stat')) ?? '', 'total_inactive_file') ?? 0
  return [{ path: folder, limitBytes, usedBytes: Math.max(0, usageBytes - reclaimableBytes) }]
}

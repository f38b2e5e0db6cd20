/** The host as a node needs it: software, clock, disk, file descriptors, socket buffers. */
import { readFile, statfs } from 'node:fs/promises'
import { formatBytes, formatCount } from '../format.ts'
import { fail, type Finding, ok, shellWord, warn } from './finding.ts'

/** No clock that is right shows less. */
const builtAfterYear = 2025
const yearMax = 2100
const diskBytesLow = 1_000_000_000
const diskBytesOut = 100_000_000
const filesWanted = 4_096
const filesNeeded = 256
/** What a node asks for: a burst of a few hundred datagrams. */
const udpBufferBytes = 1 << 20

export async function softwareFindings(): Promise<Finding[]> {
  const { versions, platform, arch } = process
  const [major = 0, minor = 0] = versions.node.split('.').map(Number)
  const node = major > 22 || (major === 22 && minor >= 12) ? ok('software', `Node ${versions.node} on ${platform} ${arch}`) : fail('software', `Node ${versions.node} is too old`, 'Install Node 22.12 or newer.')
  const system = platform === 'linux' || platform === 'darwin' ? [] : [warn('software', `${platform} is not a system that this is tested on`, 'Run it on Linux, where load, limits and sockets are what they are taken for.')]
  try {
    const { version } = await import('@duckdb/node-api')
    return [node, ...system, ok('software', `DuckDB ${version()}`)]
  } catch (error) {
    return [node, ...system, fail('software', `DuckDB cannot be loaded: ${firstLine(error)}`, 'Install the package again for this system: npm rebuild @duckdb/node-bindings')]
  }
}

export function yearFinding(wallMs: number): Finding {
  const year = new Date(wallMs).getUTCFullYear()
  return year >= builtAfterYear && year < yearMax ? ok('clock', `${new Date(wallMs).toISOString().slice(0, 19)}Z`) : fail('clock', `the clock of this host says that it is the year ${year}`, 'Set it by a time service: timedatectl set-ntp true')
}

export async function diskFinding(folder: string): Promise<Finding> {
  const { bavail, bsize, blocks } = await statfs(folder)
  const [freeBytes, totalBytes] = [bavail * bsize, blocks * bsize]
  const text = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free where ${folder} is`
  const remedy = `Make room there, or move the data folder with --data-dir: df -h ${shellWord(folder)}`
  return freeBytes < diskBytesOut ? fail('disk', text, remedy) : freeBytes < diskBytesLow ? warn('disk', text, remedy) : ok('disk', text)
}

/** Of this shell, or of the node that runs (`pid`). Null where the system does not tell. */
export async function filesFinding(pid: number | null): Promise<Finding | null> {
  const limits = await readFile(`/proc/${pid ?? 'self'}/limits`, 'utf8').catch(() => null)
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1]
  if (soft === undefined) return null
  const count = soft === 'unlimited' ? Infinity : Number(soft)
  const text = `${pid === null ? 'a process started here' : 'the node'} may open ${soft === 'unlimited' ? 'any number of' : formatCount(count)} files`
  const remedy = `Raise it before the node is started: ulimit -n ${filesWanted}; for a service LimitNOFILE=${filesWanted}`
  return count < filesNeeded ? fail('limits', text, remedy) : count < filesWanted ? warn('limits', text, remedy) : ok('limits', text)
}

/** Null where the system does not tell. `path`: of the kernel's setting, for tests. */
export async function udpBufferFinding(path = '/proc/sys/net/core/rmem_max'): Promise<Finding | null> {
  const bytes = Number(await readFile(path, 'utf8').catch(() => 'NaN'))
  if (!Number.isFinite(bytes)) return null
  const text = `UDP sockets may buffer ${formatBytes(bytes)}`
  return bytes >= udpBufferBytes ? ok('limits', text) : warn('limits', `${text} of the ${formatBytes(udpBufferBytes)} that a node asks for: a burst may lose datagrams`, `sysctl -w net.core.rmem_max=${udpBufferBytes}`)
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}

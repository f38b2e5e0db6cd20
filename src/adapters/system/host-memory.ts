/** Memory of this host. On Linux from /proc directly, as often as the load is read; elsewhere by systeminformation, loaded then only: it is large. */
import { join } from 'node:path'
import { readPseudoFile } from './pseudo-file.ts'

export interface HostMemory {
  readonly totalBytes: number
  /** What can be had without swapping: free, and cache that the kernel would give up. */
  readonly availableBytes: number
}

/** @throws Error when it cannot be told */
export async function readHostMemory({ procRoot = '/proc' }: { readonly procRoot?: string } = {}): Promise<HostMemory> {
  const meminfo = readPseudoFile(join(procRoot, 'meminfo'))
  const { total, available } = meminfo === null ? await fromSystemInformation() : { total: bytesOf(meminfo, 'MemTotal'), available: bytesOf(meminfo, 'MemAvailable') }
  if (!(total > 0) || !(available >= 0)) throw new Error('the memory of this host could not be read')
  return { totalBytes: total, availableBytes: available }
}

/** Its lines are `MemTotal:       16384 kB`. */
function bytesOf(meminfo: string, key: string): number {
  return 1_024 * Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? NaN)
}

async function fromSystemInformation(): Promise<{ readonly total: number; readonly available: number }> {
  const { mem } = await import('systeminformation')
  return await mem()
}

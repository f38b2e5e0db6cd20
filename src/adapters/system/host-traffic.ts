/**
 * What the disks and network interfaces of this host have moved, and how full the disk is that a folder is on. On Linux from /proc directly:
 * systeminformation starts `lsblk`, `cat` and shells for the same files, which costs 20 to 200 ms each time where this costs 0.2.
 */
import { readdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { readPseudoFile } from './pseudo-file.ts'

/** Further ones are left out. */
export const INTERFACES_MAX = 16
/** As /proc/diskstats counts, whatever the disk's own sectors are. */
const sectorBytes = 512
/** They stand on other disks, whose figures have theirs in them, or on memory. */
const stackedDisk = /^(?:dm-|md|loop|ram|zram|nbd|fd|sr)\d/

export interface HostTraffic {
  /** Of whole disks, since the host started; null where it cannot be told. */
  readonly disk: { readonly readBytes: number; readonly writtenBytes: number } | null
  /** Without loopback. */
  readonly interfaces: ReadonlyArray<{ readonly name: string; readonly receivedBytes: number; readonly sentBytes: number; readonly errors: number }>
  /** Of the file system that the folder is on; null where it cannot be told. `availableBytes`: to this process. */
  readonly folder: { readonly sizeBytes: number; readonly availableBytes: number } | null
}

/** What cannot be had is null or empty. @throws Error when a file is there and cannot be read */
export async function readHostTraffic(folder: string, { procRoot = '/proc', sysRoot = '/sys' }: { readonly procRoot?: string; readonly sysRoot?: string } = {}): Promise<HostTraffic> {
  const disks = readPseudoFile(join(procRoot, 'diskstats'))
  const network = readPseudoFile(join(procRoot, 'net/dev'))
  const { blocks, bsize, bavail } = await statfs(folder)
  return {
    ...(disks === null || network === null ? await fromSystemInformation() : { disk: diskTotals(disks, wholeDisks(sysRoot)), interfaces: parseInterfaces(network) }),
    folder: blocks > 0 ? { sizeBytes: blocks * bsize, availableBytes: bavail * bsize } : null,
  }
}

function wholeDisks(sysRoot: string): ReadonlySet<string> {
  return new Set(readdirSync(join(sysRoot, 'block')).filter((name) => !stackedDisk.test(name)))
}

/** Fields: Documentation/admin-guide/iostats.rst of Linux. */
function diskTotals(text: string, disks: ReadonlySet<string>): HostTraffic['disk'] {
  let readBytes = 0
  let writtenBytes = 0
  for (const line of text.split('\n')) {
    const [, , name = '', , , sectorsRead, , , , sectorsWritten] = line.trim().split(/\s+/)
    if (!disks.has(name)) continue
    readBytes += Number(sectorsRead) * sectorBytes
    writtenBytes += Number(sectorsWritten) * sectorBytes
  }
  return { readBytes, writtenBytes }
}

function parseInterfaces(text: string): HostTraffic['interfaces'] {
  return text.split('\n').flatMap((line) => {
    const [, name, figures] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || figures === undefined || name === 'lo') return []
    const [receivedBytes = 0, , receiveErrors = 0, , , , , , sentBytes = 0, , sendErrors = 0] = figures.trim().split(/\s+/).map(Number)
    return [{ name, receivedBytes, sentBytes, errors: receiveErrors + sendErrors }]
  }).slice(0, INTERFACES_MAX)
}

async function fromSystemInformation(): Promise<Omit<HostTraffic, 'folder'>> {
  const { fsStats, networkStats } = await import('systeminformation')
  const [disk, interfaces] = await Promise.all([fsStats(), networkStats('*')])
  return {
    disk: disk === null ? null : { readBytes: disk.rx, writtenBytes: disk.wx },
    interfaces: interfaces.filter(({ iface }) => iface !== 'lo' && iface !== 'lo0').slice(0, INTERFACES_MAX)
      .map(({ iface, rx_bytes, tx_bytes, rx_errors, tx_errors }) => ({ name: iface, receivedBytes: rx_bytes, sentBytes: tx_bytes, errors: rx_errors + tx_errors })),
  }
}

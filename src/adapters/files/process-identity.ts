/**
 * Names a process so that no later one bears the same name: process ids are used again, but not together with the time of start,
 * and times of start are counted from boot, so the boot is named too. On a system without /proc the id alone has to do.
 */
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from boot to start; 0 where it cannot be known. */
  readonly startTicks: number
  /** 8 hexadecimal digits; zeros where it cannot be known. */
  readonly boot: string
}

export function identifyProcess(pid: number): ProcessIdentity {
  return { pid, startTicks: readProcess(pid)?.startTicks ?? 0, boot: readBoot() }
}

/** Whether that very process runs. A zombie does not: it holds nothing any more, it only waits to be noticed. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.boot !== readBoot()) return false
  if (identity.startTicks === 0) return answersSignals(identity.pid)
  const found = readProcess(identity.pid)
  return found !== null && found.startTicks === identity.startTicks && found.state !== 'Z' && found.state !== 'X'
}

function readProcess(pid: number): { readonly state: string; readonly startTicks: number } | null {
  const stat = readKernelFile(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses; state is the third, start the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startTicks: Number(fields[19] ?? 0) }
}

function readBoot(): string {
  return readKernelFile('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? '00000000'
}

/** Null when there is no such process, or no /proc. */
function readKernelFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return null
    throw error
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

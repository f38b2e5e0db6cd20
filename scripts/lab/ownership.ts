/**
 * Whose namespaces and folders are whose: all names carry the pid of the lab that made them, so that two labs do not harm each other, and what a
 * killed one has left is found and removed by the next.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LabError } from './lab-error.ts'

const packages = 'apt-get install -y iproute2 nftables serf'
const spacePattern = /^rdblab(\d+)-/
const folderPattern = /^rdb-lab-(\d+)-/

export function spacePrefix(pid: number): string {
  return `rdblab${pid}-`
}

/** @throws LabError naming what is missing */
export function checkMachine(programs: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new LabError('network namespaces need root; run it as root')
  for (const program of ['ip', 'tc', 'nft', ...programs]) {
    try {
      execFileSync('/bin/sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' })
    } catch (cause) {
      throw new LabError(`${program} is missing; ${packages}`, { cause })
    }
  }
  const probe = `${spacePrefix(process.pid)}probe`
  try {
    runCommand(['ip', 'netns', 'add', probe])
    runCommand(['ip', 'netns', 'exec', probe, 'nft', 'add', 'table', 'bridge', 'lab'])
  } catch (cause) {
    throw new LabError(`this machine does not allow network namespaces with nftables: ${(cause as Error).message.trim()}`, { cause })
  } finally {
    removeSpaces(probe)
  }
}

export function createFolder(): string {
  return mkdtempSync(join(tmpdir(), `rdb-lab-${process.pid}-`))
}

/** What labs that run no more have left behind. Returns what was removed. */
export function removeLeftovers(): string[] {
  const isLeft = (pattern: RegExp) => (name: string): boolean => {
    const pid = pattern.exec(name)?.[1]
    return pid !== undefined && !isLab(Number(pid))
  }
  const spaces = listSpaces().filter(isLeft(spacePattern))
  for (const name of spaces) removeSpaces(name)
  const folders = readdirSync(tmpdir()).filter(isLeft(folderPattern))
  for (const name of folders) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  return [...spaces, ...folders]
}

/** Whether that process is a lab's; a pid may have been given to somebody else by now. */
function isLab(pid: number): boolean {
  if (pid === process.pid) return true
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lab/main.ts')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** Ends what runs in them first: a namespace lives on as long as one of its processes. */
export function removeSpaces(prefix: string): void {
  const spaces = listSpaces().filter((name) => name.startsWith(prefix))
  for (const name of spaces) {
    for (const pid of runCommand(['ip', 'netns', 'pids', name]).split('\n').filter((line) => line !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch (error) {
        // Gone between the listing and the signal.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
  for (const name of spaces) runCommand(['ip', 'netns', 'del', name])
}

function listSpaces(): string[] {
  return runCommand(['ip', 'netns', 'list']).split('\n').map((line) => line.split(' ')[0] ?? '').filter((name) => name !== '')
}

/** @throws LabError with what the command said */
export function runCommand([program = '', ...args]: readonly string[], input = ''): string {
  try {
    return execFileSync(program, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  } catch (error) {
    throw new LabError(`${program} ${args.join(' ')}: ${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error })
  }
}

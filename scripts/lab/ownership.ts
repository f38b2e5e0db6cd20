/**
 * Whose namespaces and folders are whose: all names carry the pid of the process that made them and its start time, since pids are given again.
 * So two labs do not harm each other, and what a killed one has left is found and removed by the next. Folders lie in one that holds nothing else,
 * and what removes refuses every name that is not a lab's: no mistake in what counts as left over may reach anybody else's files.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LabError } from './lab-error.ts'

const packages = 'apt-get install -y iproute2 nftables serf'
const namePattern = /^rdblab(\d+)x(\d+)-[a-z0-9]+$/
const ownTag = `rdblab${process.pid}x${startTicks(process.pid) ?? 0}`
let foldersMade = 0

/** Holds the folders of all labs, and nothing else; where only root writes, so nobody can have put a link in its place. */
export const labFolder = '/run/rdb-lab'

/** Of all namespaces of this process. */
export const ownPrefix = `${ownTag}-`

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
  const probe = `${ownPrefix}probe`
  try {
    runCommand(['ip', 'netns', 'add', probe])
    runCommand(['ip', 'netns', 'exec', probe, 'nft', 'add', 'table', 'bridge', 'lab'])
  } catch (cause) {
    throw new LabError(`this machine does not allow network namespaces with nftables: ${(cause as Error).message.trim()}`, { cause })
  } finally {
    removeSpaces([probe])
  }
}

export function createFolder(): string {
  const folder = join(labFolder, `${ownPrefix}${foldersMade++}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

export function removeFolder(folder: string): void {
  const name = folder.slice(labFolder.length + 1)
  if (dirname(folder) !== labFolder || !namePattern.test(name)) throw new Error(`${folder} is no folder of a lab`)
  rmSync(folder, { recursive: true, force: true })
}

/** What processes that are no more have left behind. Returns the names of what was removed. */
export function removeLeftovers(): string[] {
  const spaces = listSpaces().filter(isLeftOver)
  removeSpaces(spaces)
  mkdirSync(labFolder, { recursive: true, mode: 0o700 })
  const folders = readdirSync(labFolder).filter(isLeftOver)
  for (const name of folders) removeFolder(join(labFolder, name))
  return [...spaces, ...folders]
}

export function removeOwnSpaces(): void {
  removeSpaces(listSpaces().filter((name) => name.startsWith(ownPrefix)))
}

/** A lab's name whose process is gone. */
export function isLeftOver(name: string): boolean {
  const match = namePattern.exec(name)
  return match !== null && startTicks(Number(match[1])) !== Number(match[2])
}

/** When a process started, in clock ticks since the machine did; null when there is no such process. */
function startTicks(pid: number): number | null {
  try {
    // The second field is the command in parentheses, which may hold anything; the start time is the 22nd.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[19])
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** With what runs in them, as a namespace lives on as long as one of its processes. */
function removeSpaces(names: readonly string[]): void {
  const existing = new Set(listSpaces())
  const present = names.filter((name) => existing.has(name))
  for (const name of present) {
    if (!namePattern.test(name)) throw new Error(`${name} is no namespace of a lab`)
    for (const pid of runCommand(['ip', 'netns', 'pids', name]).split('\n').filter((line) => line !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch (error) {
        // Gone between the listing and the signal.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
  for (const name of present) runCommand(['ip', 'netns', 'del', name])
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

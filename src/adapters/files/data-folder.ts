/**
 * The data folder and its lock.
 *
 * Each starter puts down a claim, an empty file whose name says which process it is (id, time of start, boot) and that is like no
 * other, and only then looks around. Of two starters at least one therefore sees the other's claim, and whoever sees a claim of a
 * running process takes its own back: there are never two holders. Claims of processes that are gone are removed by anyone, which
 * is safe because the same claim never comes back. Two that saw each other draw a delay and try again.
 *
 * Rejected: a lock file that is taken over (between "it is stale" and "now it is mine" another may have taken it over), a listening
 * socket (between bind and listen it looks dead; its path may be too long), a process id alone (it is used again).
 * Holds between the processes of one host that see each other's process ids; two containers with process ids of their own and one
 * folder are not told apart.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, open, readdir, realpath, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshError } from '../../errors.ts'
import { ignoreMissing, isMissing } from './atomic-write.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts'

const claimForm = /^lock\.([0-9a-f]{8})\.(\d+)\.(\d+)\.[0-9a-f]{12}$/
const attemptsMax = 6
const delayMsMax = 40

export interface DataFolder {
  /** Absolute, symbolic links resolved. */
  readonly path: string
  /** Gives the lock back. May be called again. */
  release(): Promise<void>
}

/**
 * Creates the folder (mode 0700) where there is none and locks it for this process, until `release()` or the process's end.
 * @throws MeshError ERR_DATA_DIR_LOCKED, ERR_DATA_DIR_UNUSABLE
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = await prepareFolder(path)
  for (let attempt = 1; ; attempt++) {
    const claim = await putClaim(folder)
    const holder = await findOtherHolder(folder, claim)
    if (holder === null) {
      return { path: folder, release: () => unlink(join(folder, claim)).catch(ignoreMissing) }
    }
    await unlink(join(folder, claim)).catch(ignoreMissing)
    if (attempt === attemptsMax) {
      throw new MeshError('ERR_DATA_DIR_LOCKED', `The data folder ${folder} is used by the process ${holder.pid}.`, {
        details: { path: folder, pid: holder.pid },
      })
    }
    await delay(randomInt(1, delayMsMax))
  }
}

/**
 * Whether a running process has locked the folder. Looks only; the answer may be out of date when it arrives.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function isDataFolderLocked(path: string): Promise<boolean> {
  try {
    const names = await readdir(resolve(path))
    return names.some((name) => {
      const claimant = readClaim(name)
      return claimant !== null && isRunning(claimant)
    })
  } catch (error) {
    if (isMissing(error)) return false
    throw unusable(resolve(path), error)
  }
}

function readClaim(name: string): ProcessIdentity | null {
  const parts = claimForm.exec(name)
  return parts === null ? null : { boot: parts[1] as string, pid: Number(parts[2]), startTicks: Number(parts[3]) }
}

async function prepareFolder(path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    await mkdir(absolute, { recursive: true, mode: 0o700 })
    await access(absolute, constants.R_OK | constants.W_OK | constants.X_OK)
    return await realpath(absolute)
  } catch (error) {
    throw unusable(absolute, error)
  }
}

async function putClaim(folder: string): Promise<string> {
  const self = identifyProcess(process.pid)
  const claim = `lock.${self.boot}.${self.pid}.${self.startTicks}.${randomBytes(6).toString('hex')}`
  try {
    await (await open(join(folder, claim), 'wx', 0o600)).close()
  } catch (error) {
    throw unusable(folder, error)
  }
  return claim
}

/** The running process that claims the folder beside us, or null; clears away the claims of those that are gone. */
async function findOtherHolder(folder: string, own: string): Promise<ProcessIdentity | null> {
  let holder: ProcessIdentity | null = null
  for (const name of await readdir(folder)) {
    const claimant = readClaim(name)
    if (claimant === null || name === own) continue
    if (isRunning(claimant)) holder = claimant
    else await unlink(join(folder, name)).catch(ignoreMissing)
  }
  return holder
}

function unusable(path: string, error: unknown): MeshError {
  return new MeshError('ERR_DATA_DIR_UNUSABLE', `The data folder ${path} cannot be used: ${(error as Error).message}.`, { cause: error, details: { path } })
}

/** The data folder: who may enter and read, whether its keys are whole, who uses it, and what a process that died has left. */
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { isDataFolderLocked } from '../../adapters/files/data-folder.ts'
import { listKeys, loadKeyring } from '../../adapters/files/keyring.ts'
import { readRuntimeFile, type RuntimeFile } from '../../adapters/files/runtime-file.ts'
import { readStartFile, type StartFile } from '../../adapters/files/start-file.ts'
import { MeshError } from '../../errors.ts'
import { fail, type Finding, ok, shellWord, warn } from './finding.ts'

/** What nobody else may read: they let into the mesh, or are the node. */
const secretFiles = ['keyring', 'identity.key'] as const
const socketWaitMs = 2_000

export interface FolderState {
  readonly exists: boolean
  /** A process holds it. */
  readonly isLocked: boolean
  /** Of the node that runs or ran there; null where none is noted. */
  readonly runtime: RuntimeFile | null
  /** Its socket is answered. */
  readonly isAnswering: boolean
  /** With what a command started the last one; null where none has. */
  readonly lastStart: StartFile | null
  readonly findings: readonly Finding[]
}

const nothing: Omit<FolderState, 'findings'> = { exists: false, isLocked: false, runtime: null, isAnswering: false, lastStart: null }

export async function examineFolder(dataDir: string): Promise<FolderState> {
  const found = await stat(dataDir).catch((error: unknown) => error as NodeJS.ErrnoException)
  if (found instanceof Error) {
    const finding = found.code === 'ENOENT' ? warn('data folder', `${dataDir} does not exist yet`, `rdb keys:generate --data-dir ${shellWord(dataDir)} makes it, with a key; rdb start makes it too.`) : fail('data folder', `${dataDir} cannot be looked at: ${found.message}`, `ls -ld ${shellWord(dataDir)} shows whose it is.`)
    return { ...nothing, findings: [finding] }
  }
  if (!found.isDirectory()) return { ...nothing, findings: [fail('data folder', `${dataDir} is no folder`, 'Name another with --data-dir.')] }
  const modes = modeFindings(dataDir, found)
  let isLocked: boolean
  try {
    isLocked = await isDataFolderLocked(dataDir)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { ...nothing, exists: true, findings: [...modes, fail('data folder', error.message.replace(/\.$/, ''), error.nextStep)] }
  }
  const findings = [...modes, ...await secretFindings(dataDir), ...await keyringFindings(dataDir)]
  const { runtime, finding } = await runtimeOf(dataDir)
  const isAnswering = runtime !== null && await answers(runtime.socketPath)
  const last = await lastStartOf(dataDir)
  const state = { exists: true, isLocked, runtime, isAnswering, lastStart: last.start }
  return { ...state, findings: [...findings, ...[finding, last.finding].filter((one) => one !== null), nodeFinding(dataDir, state)] }
}

function modeFindings(dataDir: string, { mode, uid }: Stats): Finding[] {
  const own = process.getuid?.()
  const owner = own !== undefined && own !== 0 && own !== uid ? [fail('data folder', `${dataDir} belongs to another user (${uid})`, `Run this as that user, or: chown -R ${own} ${shellWord(dataDir)}`)] : []
  const shown = `mode 0${(mode & 0o777).toString(8)}`
  return [...owner, (mode & 0o077) === 0 ? ok('data folder', `${dataDir}, ${shown}`) : warn('data folder', `${dataDir} is open to others (${shown}): whoever enters it can ask the node`, `chmod 700 ${shellWord(dataDir)}`)]
}

async function secretFindings(dataDir: string): Promise<Finding[]> {
  const findings = await Promise.all(secretFiles.map(async (name): Promise<Finding | null> => {
    const path = join(dataDir, name)
    const found = await stat(path).catch(() => null)
    if (found === null || (found.mode & 0o077) === 0) return null
    return fail('permissions', `${path} is open to others (mode 0${(found.mode & 0o777).toString(8)})`, `Make sure that nobody has taken or changed it, then: chmod 600 ${shellWord(path)}`)
  }))
  const open = findings.filter((finding) => finding !== null)
  return open.length > 0 ? open : [ok('permissions', `what is secret in ${dataDir} is closed to others`)]
}

async function keyringFindings(dataDir: string): Promise<Finding[]> {
  try {
    const keys = listKeys(await loadKeyring(dataDir))
    const inUse = keys.find((key) => key.inUse)
    if (inUse === undefined) return [warn('keys', 'no keyring: a node listens on loopback only, and meets only nodes without a key', `rdb keys:generate --data-dir ${shellWord(dataDir)}`)]
    return [ok('keys', `${keys.length} ${keys.length === 1 ? 'key' : 'keys'}, ${inUse.fingerprint} in use`)]
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return [fail('keys', error.message.replace(/\.$/, ''), error.nextStep)]
  }
}

async function runtimeOf(dataDir: string): Promise<{ readonly runtime: RuntimeFile | null; readonly finding: Finding | null }> {
  try {
    return { runtime: await readRuntimeFile(dataDir), finding: null }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { runtime: null, finding: error.code === 'ERR_NO_NODE' ? null : fail('data folder', error.message.replace(/\.$/, ''), error.nextStep) }
  }
}

async function lastStartOf(dataDir: string): Promise<{ readonly start: StartFile | null; readonly finding: Finding | null }> {
  try {
    return { start: await readStartFile(dataDir), finding: null }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { start: null, finding: fail('data folder', error.message.replace(/\.$/, ''), error.nextStep) }
  }
}

function nodeFinding(dataDir: string, { isLocked, runtime, isAnswering, lastStart }: Omit<FolderState, 'findings'>): Finding {
  // As it was started last, with its name, ports and databases.
  const again = `${lastStart === null ? 'rdb start' : 'rdb db:measure:restart'} --data-dir ${shellWord(dataDir)}`
  if (isAnswering && runtime !== null) return ok('node', `${runtime.name} runs here as process ${runtime.pid}`)
  if (isLocked) return fail('node', `${runtime === null ? 'a process' : `process ${runtime.pid}`} holds ${dataDir} and does not answer on its socket`, runtime === null ? 'It may be starting: look again in a moment.' : `ps -o stat,etime,args -p ${runtime.pid}; if it is stopped (T): kill -CONT ${runtime.pid}`)
  if (runtime !== null) return warn('node', `process ${runtime.pid} ended without a word: its node.json and socket are still there`, `See the end of its log, and start it again: ${again}. It clears them away.`)
  return warn('node', 'no node runs here: what only a running one knows is not told', again)
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path: socketPath, timeout: socketWaitMs })
    const end = (isThere: boolean): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => { end(true) }).once('error', () => { end(false) }).once('timeout', () => { end(false) })
  })
}

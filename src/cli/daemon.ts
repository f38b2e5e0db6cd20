/** Starts `rdb start` in the background, as its own session, and waits until it says that all of it has started, or has ended. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshError } from '../errors.ts'
import { nodeLogName, readyMessage } from './start-line.ts'

const checkMs = 50
const tellMs = 1_000
const shownLines = 12
const tailBytesMax = 16 << 10

export interface DetachedStart {
  /** Of `rdb start`. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly dataDir: string
  readonly waitMsMax: number
  /** About once a second while it has not answered. */
  readonly onWaiting: (waitedMs: number) => Promise<void>
  readonly signal: AbortSignal
}

export interface DetachedNode {
  readonly pid: number
  readonly logFile: string
}

/**
 * The log is appended to `node.log` in the data folder. When the signal aborts, the process is told to end.
 * @throws MeshError ERR_START_FAILED with the end of its log, ERR_DATA_DIR_LOCKED when another node was quicker, ERR_DATA_DIR_UNUSABLE; the reason of the signal
 */
export async function startDetached({ args, env, cwd, dataDir, waitMsMax, onWaiting, signal }: DetachedStart): Promise<DetachedNode> {
  const logFile = join(dataDir, nodeLogName)
  const { child, logStart, isReady } = await launch({ args, env, cwd, dataDir, logFile })
  const startedMs = performance.now()
  let toldMs = startedMs
  try {
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) throw await ended(child, logFile, logStart)
      if (isReady()) break
      const nowMs = performance.now()
      if (nowMs - startedMs >= waitMsMax) {
        throw new MeshError('ERR_START_FAILED', `the node, process ${child.pid ?? 0}, has not answered for ${Math.round(waitMsMax / 1000)} s, and goes on starting`, { nextStep: `See ${logFile}; rdb db:measure:status tells when it answers.`, details: { pid: child.pid ?? null, log: logFile } })
      }
      if (nowMs - toldMs >= tellMs) {
        toldMs = nowMs
        await onWaiting(nowMs - startedMs)
      }
      await delay(checkMs, undefined, { signal })
    }
  } catch (error) {
    if (signal.aborted) child.kill('SIGTERM')
    throw error
  } finally {
    if (child.connected) child.disconnect()
  }
  child.unref()
  return { pid: child.pid ?? 0, logFile }
}

async function launch({ args, env, cwd, dataDir, logFile }: Pick<DetachedStart, 'args' | 'env' | 'cwd' | 'dataDir'> & { readonly logFile: string }): Promise<{ readonly child: ChildProcess; readonly logStart: number; readonly isReady: () => boolean }> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const log = await open(logFile, 'a', 0o600)
    try {
      const { size } = await log.stat()
      const [program = ''] = process.argv.slice(1)
      const child = spawn(process.execPath, [...process.execArgv, program, 'start', ...args], { detached: true, stdio: ['ignore', log.fd, log.fd, 'ipc'], cwd, env })
      let isReady = false
      child.on('message', (message) => { isReady ||= message === readyMessage })
      await new Promise((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      return { child, logStart: size, isReady: () => isReady }
    } finally {
      await log.close()
    }
  } catch (error) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `no node can be started on ${dataDir}: ${(error as Error).message}`, { cause: error, details: { path: dataDir } })
  }
}

async function ended({ exitCode, signalCode }: ChildProcess, logFile: string, logStart: number): Promise<MeshError> {
  const how = exitCode === null ? `was ended by ${signalCode ?? 'a signal'}` : `ended with exit code ${exitCode}`
  const lines = await tail(logFile, logStart)
  if (lines.some((line) => line.startsWith('error: ') && line.endsWith('(ERR_DATA_DIR_LOCKED)'))) {
    return new MeshError('ERR_DATA_DIR_LOCKED', 'another node was started on the data folder at the same moment', { details: { log: logFile } })
  }
  const told = lines.length === 0 ? '' : `; its log ends with:\n${lines.map((line) => `  ${line}`).join('\n')}\n `
  return new MeshError('ERR_START_FAILED', `the node ${how}${told}`, { nextStep: nextStepOf(lines) ?? `See ${logFile}.`, details: { exitCode, log: logFile } })
}

/** What it said itself is to be done. */
function nextStepOf(lines: readonly string[]): string | null {
  return lines.findLast((line) => line.startsWith('next: '))?.slice('next: '.length) ?? null
}

/** Of what this start has written. */
async function tail(path: string, from: number): Promise<string[]> {
  const { size } = await stat(path)
  const start = Math.max(from, size - tailBytesMax)
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - start)), 0, Math.max(0, size - start), start)
    return buffer.subarray(0, bytesRead).toString('utf8').split('\n').filter((line) => line !== '').slice(-shownLines)
  } finally {
    await file.close()
  }
}

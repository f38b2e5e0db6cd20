/** The node beside us: found by its data folder, reached by its socket. */
import { resolve } from 'node:path'
import { readRuntimeFile, type RuntimeFile } from '../adapters/files/runtime-file.ts'
import { connectLocal } from '../adapters/local/connect-local.ts'
import { MeshError } from '../errors.ts'
import type { ByteStream } from '../ports/peer-streams.ts'

export const defaultDataDir = '.reedbase'
/** For the first line of a connection. Shorter than the socket's own wait, which does not know whose silence it is. */
const answerWaitMs = 4_000

interface LocalNode extends RuntimeFile {
  /** Absolute. */
  readonly dataDir: string
}

/**
 * How the node on a data folder is reached; it may have died since it wrote that down.
 * @throws MeshError ERR_NO_NODE, ERR_DATA_DIR_UNUSABLE
 */
export async function findLocalNode(dataDir: string = defaultDataDir): Promise<LocalNode> {
  return { ...await readRuntimeFile(dataDir), dataDir: resolve(dataDir) }
}

/** @throws MeshError ERR_NO_NODE, ERR_PROTOCOL; or the reason of `signal` */
export async function openLocal(node: LocalNode, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
  const silence = AbortSignal.timeout(answerWaitMs)
  try {
    return await connectLocal(node.socketPath, protocol, { signal: signal === undefined ? silence : AbortSignal.any([signal, silence]) })
  } catch (error) {
    if (signal?.aborted !== true && (silence.aborted || isQueueFull(error))) throw new MeshError('ERR_NO_NODE', silenceText(node), silenceInit(node, error))
    throw error
  }
}

/** So many connections wait for a process which takes none that the kernel refuses more. */
function isQueueFull(error: unknown): boolean {
  return error instanceof MeshError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EAGAIN'
}

/** Somebody listens there, or the connection would have been refused. */
export function silenceText({ pid, dataDir }: LocalNode): string {
  return `process ${pid} holds the data folder ${dataDir} and does not respond`
}

export function silenceInit({ pid, dataDir }: LocalNode, cause: unknown): { readonly nextStep: string; readonly details: { readonly pid: number; readonly path: string; readonly started: 'no' }; readonly cause: unknown } {
  return { nextStep: `See what it is doing with ps -o stat,etime,args -p ${pid}: if it is stopped (T), kill -CONT ${pid} wakes it.`, details: { pid, path: dataDir, started: 'no' }, cause }
}

/**
 * `node.json`: how a running node is found by the commands beside it. Written when the node serves, removed when it stops; after a
 * crash it stays behind, and whoever uses it learns from the silent socket that nobody is there.
 */
import { createHash } from 'node:crypto'
import { lstat, mkdir, readFile, realpath, unlink } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { MeshError } from '../../errors.ts'
import { ignoreMissing, isMissing, writeFileAtomically } from './atomic-write.ts'

const fileName = 'node.json'
const bytesMax = 64 << 10
/** The kernel takes 107 bytes, other systems 103. */
const socketPathBytesMax = 100

export interface RuntimeFile {
  readonly pid: number
  readonly peerId: string
  readonly name: string
  readonly startedWallMs: number
  readonly version: string
  readonly tcpMultiaddrs: readonly string[]
  /** `host:port`, IPv6 in brackets. */
  readonly udp: string
  readonly socketPath: string
  /** Of the HTTP server; absent where none runs. */
  readonly http?: string
}

/** @throws MeshError ERR_DATA_DIR_UNUSABLE */
export async function writeRuntimeFile(folderPath: string, runtime: RuntimeFile): Promise<void> {
  await writeFileAtomically(join(folderPath, fileName), `${JSON.stringify(runtime, null, 2)}\n`, { mode: 'replace' })
}

export async function removeRuntimeFile(folderPath: string): Promise<void> {
  await unlink(join(folderPath, fileName)).catch(ignoreMissing)
}

/**
 * What the node on that folder, which need not be running any more, said of itself. The folder is not locked for it.
 * @throws MeshError ERR_NO_NODE when there is no such file; ERR_DATA_DIR_UNUSABLE when it cannot be read or is damaged
 */
export async function readRuntimeFile(folderPath: string): Promise<RuntimeFile> {
  const path = join(resolve(folderPath), fileName)
  let content: Buffer
  try {
    content = await readFile(path)
  } catch (error) {
    if (isMissing(error)) throw new MeshError('ERR_NO_NODE', `No node runs on the data folder ${resolve(folderPath)}.`, { details: { path } })
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} cannot be read: ${(error as Error).message}.`, { cause: error, details: { path } })
  }
  const runtime = content.length > bytesMax ? null : parse(content.toString('utf8'))
  if (runtime !== null) return runtime
  throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} is damaged.`, { nextStep: 'Restart the node; it writes the file anew.', details: { path } })
}

function parse(text: string): RuntimeFile | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { pid, peerId, name, startedWallMs, version, tcpMultiaddrs, udp, socketPath, http } = value as Record<string, unknown>
  const strings = [peerId, name, version, udp, socketPath]
  if (!strings.every((item) => typeof item === 'string' && item !== '')) return null
  if (!Number.isSafeInteger(pid) || typeof startedWallMs !== 'number') return null
  if (!Array.isArray(tcpMultiaddrs) || !tcpMultiaddrs.every((item) => typeof item === 'string')) return null
  if (http !== undefined && typeof http !== 'string') return null
  return value as RuntimeFile
}

/**
 * Where the local socket of a node on this folder is: `node.sock` in it, or, when that path is too long for a socket, under a hash of
 * the path in a folder that only this user can enter. The folder must exist.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE when somebody else owns that folder
 */
export async function socketPathFor(folderPath: string): Promise<string> {
  const path = await realpath(folderPath)
  const inside = join(path, 'node.sock')
  if (Buffer.byteLength(inside) <= socketPathBytesMax) return inside
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 32)
  return join(await openUserFolder(), `${hash}.sock`)
}

/** In a folder that everyone can write to, a name may be taken by someone else; then it must not be used. */
async function openUserFolder(): Promise<string> {
  const { uid } = userInfo()
  const base = [process.env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'].find((candidate) => candidate !== undefined && candidate !== '' && Buffer.byteLength(candidate) <= 30) ?? '/tmp'
  const path = join(base, `reedbase-mesh-${uid}`)
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const stat = await lstat(path)
    if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) throw new Error('it is not a folder that only this user can enter')
  } catch (error) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `The folder ${path} for local sockets cannot be used: ${(error as Error).message}.`, {
      cause: error, details: { path }, nextStep: `Remove ${path}, or give the node a --data-dir with a shorter path.`,
    })
  }
  return path
}

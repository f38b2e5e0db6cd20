/** A file is replaced whole or not at all: written beside, synced, renamed, and the folder synced so that the new name survives a crash. */
import { randomBytes } from 'node:crypto'
import { link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '../../errors.ts'

export interface AtomicWriteOptions {
  /** `create` fails with EEXIST when the file is there, however it got there; `replace` takes its place. */
  readonly mode: 'create' | 'replace'
  /** Of the new file, as those of the one whose place it takes. By default 0600, and whoever runs this process. */
  readonly permissions?: number
  readonly owner?: { readonly uid: number; readonly gid: number }
}

/**
 * Writes with mode 0600, unless told otherwise.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array, { mode, permissions, owner }: AtomicWriteOptions): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      if (owner !== undefined) await file.chown(owner.uid, owner.gid)
      // Not as an argument of open, from which the process's umask takes away.
      if (permissions !== undefined) await file.chmod(permissions)
      await file.sync()
    } finally {
      await file.close()
    }
    if (mode === 'replace') await rename(temporary, path)
    // Unlike rename, link refuses to put itself in the place of what is there already.
    else await link(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} cannot be written: ${(error as Error).message}.`, { cause: error, details: { path } })
  } finally {
    await unlink(temporary).catch(ignoreMissing)
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** For files that may be gone already. */
export function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** A file is replaced whole or not at all: written beside, synced, renamed, and the folder synced so that the new name survives a crash. */
import { randomBytes } from 'node:crypto'
import { link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '../../errors.ts'

export interface AtomicWriteOptions {
  /** `create` fails with EEXIST when the file is there, however it got there; `replace` takes its place. */
  readonly mode: 'create' | 'replace'
}

/**
 * Writes with mode 0600.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array, { mode }: AtomicWriteOptions): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
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

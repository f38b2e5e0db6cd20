/**
 * What the files of a folder hold, as far as the file system tells without reading them: of each which one it is, how long, and when it and
 * its entry were changed. A program that sets a file's times back changes the entry's.
 */
import { stat } from 'node:fs/promises'

/** The file system's clock ticks every 1–10 ms: of what was changed within the last tick, a second change may not show. */
const SETTLED_MS = 100

/** Null while one of them has just been changed, or cannot be looked at. */
export async function folderVersion(paths: readonly string[], wallMs: number): Promise<string | null> {
  let version = ''
  try {
    for (const { dev, ino, size, ctimeMs, mtimeNs, ctimeNs } of await Promise.all(paths.map((path) => stat(path, { bigint: true })))) {
      if (Number(ctimeMs) > wallMs - SETTLED_MS) return null
      version += `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}/`
    }
  } catch {
    // Being replaced, or gone: the query itself will say so.
    return null
  }
  return version
}

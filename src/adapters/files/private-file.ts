/** Files that hold secrets are believed only when nobody else could have read or written them. */
import { open } from 'node:fs/promises'
import { type ErrorCode, MeshError } from '../../errors.ts'
import { isMissing } from './atomic-write.ts'

/** No secret of ours is longer; a wrong file in its place is not read into memory. */
const bytesMax = 64 << 10

/**
 * The content, or null when there is no such file.
 * @throws MeshError with the given code when it is open to others, too long, or cannot be read
 */
export async function readPrivateFile(path: string, fault: { readonly code: ErrorCode; readonly what: string }): Promise<Buffer | null> {
  const refusal = (why: string, nextStep?: string, cause?: unknown): MeshError => new MeshError(fault.code, `${fault.what} ${path} ${why}.`, {
    details: { path }, ...(nextStep === undefined ? {} : { nextStep }), ...(cause === undefined ? {} : { cause }),
  })
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return null
    throw refusal(`cannot be read: ${(error as Error).message}`, 'Check its owner and its permissions.', error)
  }
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw refusal('is not a file')
    if ((stat.mode & 0o077) !== 0) {
      throw refusal(`is open to others (mode 0${(stat.mode & 0o777).toString(8)})`, `Make sure that nobody has taken or changed it, then run chmod 600 ${path}.`)
    }
    if (stat.size > bytesMax) throw refusal('is far too long')
    return await file.readFile()
  } catch (error) {
    if (error instanceof MeshError) throw error
    throw refusal(`cannot be read: ${(error as Error).message}`, undefined, error)
  } finally {
    await file.close()
  }
}

/** What can be said of a database without a node that opens it. */
import { access } from 'node:fs/promises'
import { isUrl } from '../adapters/postgres/connection-target.ts'
import { MeshError } from '../errors.ts'
import { parseNodeOptions } from '../node/options.ts'
import type { DatabaseEntry } from '../wire/control.ts'

/** @throws MeshError ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_DATABASE_PATH */
export async function checkOfflineDatabase(name: string, entry: DatabaseEntry): Promise<void> {
  parseNodeOptions({ databases: { [name]: entry } }, '/')
  if (isUrl(entry.path)) return
  await access(entry.path).catch((error: unknown) => { throw new MeshError('ERR_DATABASE_PATH', `${entry.path} of the database ${name} cannot be read: ${(error as Error).message}`, { cause: error, details: { path: entry.path } }) })
}

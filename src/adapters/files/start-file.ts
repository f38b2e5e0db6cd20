/**
 * `start.json`: with what the node on a data folder was started last, so that it can be started again in the same way. It stays when the node stops. Mode
 * 0600, and nothing in it that only a secret would be: addresses of webhooks and collectors may carry one, and are left out by name.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../../errors.ts'
import { isMissing, writeFileAtomically } from './atomic-write.ts'

const fileName = 'start.json'
const bytesMax = 1 << 20

export interface StartFile {
  /** Of `rdb start`, without those withheld. */
  readonly args: readonly string[]
  readonly cwd: string
  /** `REEDBASE_…` variables, without those withheld. */
  readonly env: Readonly<Record<string, string>>
  /** Flags and variables that were given and are not kept here. */
  readonly withheld: readonly string[]
  /** Absolute; null where the log is not a file of the data folder. */
  readonly logFile: string | null
}

/** @throws MeshError ERR_DATA_DIR_UNUSABLE */
export async function writeStartFile(folderPath: string, start: StartFile): Promise<void> {
  await writeFileAtomically(join(folderPath, fileName), `${JSON.stringify(start, null, 2)}\n`, { mode: 'replace' })
}

/**
 * Null when no node was ever started there by a command.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE when it cannot be read or is damaged
 */
export async function readStartFile(folderPath: string): Promise<StartFile | null> {
  const path = join(folderPath, fileName)
  try {
    const content = await readFile(path)
    const start = content.length > bytesMax ? null : asStartFile(JSON.parse(content.toString('utf8')))
    if (start !== null) return start
  } catch (error) {
    if (isMissing(error)) return null
    if (!(error instanceof SyntaxError)) throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} cannot be read: ${(error as Error).message}.`, { cause: error, details: { path } })
  }
  throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} is damaged.`, { nextStep: 'Remove it, and start the node with rdb start or rdb db:measure:start.', details: { path } })
}

function asStartFile(value: unknown): StartFile | null {
  if (typeof value !== 'object' || value === null) return null
  const { args, cwd, env, withheld, logFile } = value as Record<string, unknown>
  if (!areTexts(args) || !areTexts(withheld) || typeof cwd !== 'string' || (logFile !== null && typeof logFile !== 'string')) return null
  if (typeof env !== 'object' || env === null || !areTexts(Object.values(env))) return null
  return { args, cwd, env: env as Record<string, string>, withheld, logFile }
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Values that the commands around the configuration have in common. */
import type { ConfigFile } from '../adapters/files/config-file.ts'
import { isDataFolderLocked } from '../adapters/files/data-folder.ts'
import { MeshError } from '../errors.ts'
import { readDuration, readNumber, readPercent } from '../node/options-values.ts'
import type { NodeConfiguration } from '../node/options.ts'
import type { CliContext } from './context.ts'

const intervalMsMin = 100
const intervalMsMax = 3_600_000

/** A bare number is seconds. @throws MeshError ERR_OPTION_INVALID */
export function intervalMsOf(text: string | undefined): number | null {
  if (text === undefined) return null
  const seconds = readNumber(text)
  const intervalMs = seconds === null ? readDuration(text) : seconds * 1000
  if (intervalMs !== null && intervalMs >= intervalMsMin && intervalMs <= intervalMsMax) return intervalMs
  throw new MeshError('ERR_OPTION_INVALID', `--interval is ${JSON.stringify(text)}; it takes seconds, or a duration with its unit (ms, s, m, h), from 100ms to 1h`)
}

/** Null: `default`, which is the node's own. @throws MeshError ERR_OPTION_INVALID */
export function thresholdOf(flag: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'default') return null
  const percent = readPercent(text)
  if (percent !== null && percent >= 1 && percent <= 100) return percent
  throw new MeshError('ERR_OPTION_INVALID', `${flag} is ${JSON.stringify(text)}; it takes a percentage from 1 to 100, or default for that of the node`)
}

/**
 * Runs `offline` where no process has the data folder; one that has it and does not answer keeps its error.
 * @throws what either throws
 */
export async function unlessNoNode<T>(dataDir: string, online: () => Promise<T>, offline: () => Promise<T>): Promise<T> {
  try {
    return await online()
  } catch (error) {
    if (!(error instanceof MeshError && error.code === 'ERR_NO_NODE')) throw error
    if (await isDataFolderLocked(dataDir)) throw error.details['pid'] === undefined ? busy(dataDir, error) : error
  }
  return await offline()
}

/** Whoever has the folder has not written yet where it is found, or has taken that away already. */
function busy(dataDir: string, cause: MeshError): MeshError {
  return new MeshError('ERR_NO_NODE', `a node that starts or stops at this moment uses ${dataDir}`, { nextStep: 'Run the command again in a moment.', cause })
}

/** The file of a node that does not run: the one that is named, that of its last start, or the one in its data folder. */
export async function offlineConfiguration({ dataDir, config }: { readonly dataDir: string; readonly config?: string | undefined }, { env, cwd }: Pick<CliContext, 'env' | 'cwd'>): Promise<OfflineConfiguration> {
  const [{ loadNodeConfiguration }, { ConfigFile: File }, { readStartFile }, { resolve }] = await Promise.all([import('../node/options.ts'), import('../adapters/files/config-file.ts'), import('../adapters/files/start-file.ts'), import('node:path')])
  const last = config === undefined ? await readStartFile(dataDir) : null
  const lastConfig = last?.args.find((arg) => arg.startsWith('--config='))?.slice('--config='.length) ?? last?.env['REEDBASE_CONFIG']
  const file = config ?? (last === null || lastConfig === undefined ? undefined : resolve(last.cwd, lastConfig))
  const configuration = loadNodeConfiguration({ flags: { dataDir, ...(file === undefined ? {} : { config: file }) }, env, cwd })
  return { configuration, file: new File({ path: configuration.file, check: (text) => { configuration.withText(text) } }) }
}

export interface OfflineConfiguration {
  readonly configuration: NodeConfiguration
  readonly file: ConfigFile
}

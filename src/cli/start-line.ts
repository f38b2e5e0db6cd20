/** With what a node is started, as it is kept for its next start. */
import { fstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StartFile } from '../adapters/files/start-file.ts'
import { CONFIG_ENV, OPTION_TABLE } from '../node/options-table.ts'

export const nodeLogName = 'node.log'
/** From `rdb start` to the process that started it, over Node's channel where there is one. */
export const readyMessage = 'ready'
/** Addresses whose paths and queries may be tokens. */
const withheldKeys: ReadonlySet<string> = new Set(['alerts.webhook', 'traces.endpoint'])

/** By option key, as the command line's parser leaves the values. */
export function startOf(flags: Readonly<Record<string, unknown>>, { dataDir, env, cwd }: { readonly dataDir: string; readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string }): StartFile {
  const args: string[] = typeof flags['config'] === 'string' ? [`--config=${flags['config']}`] : []
  const kept: Record<string, string> = {}
  const withheld: string[] = []
  for (const { key, flag, env: variable } of OPTION_TABLE) {
    const given = flags[key]
    if (given !== undefined) {
      if (withheldKeys.has(key)) withheld.push(flag)
      else for (const value of Array.isArray(given) ? given as unknown[] : [given]) args.push(value === true ? flag : `${flag}=${String(value)}`)
    }
    const value = env[variable]
    if (value === undefined) continue
    if (withheldKeys.has(key)) withheld.push(variable)
    else kept[variable] = value
  }
  const config = env[CONFIG_ENV]
  if (config !== undefined) kept[CONFIG_ENV] = config
  return { args, cwd, env: kept, withheld, logFile: logFileOf(dataDir) }
}

/** Where stdout is the log of the data folder, as `rdb db:measure:start` arranges it. */
function logFileOf(dataDir: string): string | null {
  const path = join(dataDir, nodeLogName)
  try {
    const [own, file] = [fstatSync(1), statSync(path)]
    return own.ino === file.ino && own.dev === file.dev ? path : null
  } catch {
    // There is none. What is wrong with the folder itself, the start says.
    return null
  }
}

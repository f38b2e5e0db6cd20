/** Databases as `--db` has them, as the configuration file is to have them. */
import { resolve } from 'node:path'
import { isUrl } from '../adapters/postgres/connection-target.ts'
import { fromFlags } from '../node/options-sources.ts'
import type { DatabaseEntry } from '../wire/control.ts'

/**
 * Relative paths are made absolute: the folder of the file need not be that of the command.
 * @throws MeshError ERR_OPTION_UNKNOWN
 */
export function databasesOfTexts(texts: readonly string[], cwd: string): Array<{ readonly name: string; readonly entry: string | DatabaseEntry }> {
  if (texts.length === 0) return []
  const parsed = fromFlags({ databases: texts }, cwd).get('databases')?.value as ReadonlyArray<Readonly<Record<string, string>>>
  return parsed.map(({ name = '', path = '', ...settings }) => {
    const absolute = path === '' || isUrl(path) ? path : resolve(cwd, path)
    // As people write it: 85, not "85".
    const entry = { path: absolute, ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, /^\d+(\.\d+)?$/.test(value) ? Number(value) : value])) }
    return { name, entry: Object.keys(settings).length === 0 ? absolute : entry }
  })
}

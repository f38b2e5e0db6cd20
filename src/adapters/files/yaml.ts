/** YAML, loaded when a file is first read or changed: 72 modules that a node without a configuration file does without. */
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'

let loaded: typeof Yaml | null = null

/** Not by `import()`: options are read in one go, without waiting. */
export function yaml(): typeof Yaml {
  return loaded ??= createRequire(import.meta.url)('yaml') as typeof Yaml
}

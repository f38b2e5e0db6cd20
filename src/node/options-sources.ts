/** Where option values come from: flags, environment, configuration file, defaults. Each is brought to one flat shape that remembers its source. */
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { Document, LineCounter } from 'yaml'
import { yaml } from '../adapters/files/yaml.ts'
import { MeshError } from '../errors.ts'
import { alertRulesOfTree } from './options-alerts.ts'
import { ROUTING_OPTION_TABLE } from './options-routing.ts'
import { databaseFields } from './options-schema.ts'
import { didYouMean } from './options-suggestion.ts'
import { CONFIG_ENV, DEBUG_ENV, OPTION_TABLE, type Option } from './options-table.ts'
import { maskPasswords } from './options-values.ts'

export interface SourcedValue {
  readonly value: unknown
  /** For messages: a flag, a variable, or file and line with the key. */
  readonly source: string
  /** What relative paths in it are relative to. */
  readonly folder: string
}

export type SourcedOptions = ReadonlyMap<string, SourcedValue>

/** As the command line's parser leaves them, by option key: texts, lists of texts, or true. */
export type FlagValues = Readonly<Record<string, unknown>>

const configBytesMax = 1 << 20
const keys = OPTION_TABLE.map(({ key }) => key)
/** Of the file and of programs: those without a flag too. */
const allKeys = [...keys, ...ROUTING_OPTION_TABLE.map(({ key }) => key)]

export function fromFlags(flags: FlagValues, cwd: string): SourcedOptions {
  const found = new Map<string, SourcedValue>()
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined || key === 'config') continue
    const option = OPTION_TABLE.find((candidate) => candidate.key === key)
    if (option === undefined) throw new MeshError('ERR_OPTION_UNKNOWN', `${key} is not an option${didYouMean(key, keys)}`)
    found.set(key, { value: option.isList ? listOf(option, value) : value, source: option.flag, folder: cwd })
  }
  return found
}

/** @throws MeshError ERR_OPTION_UNKNOWN for a REEDBASE_ variable that is no option */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>, cwd: string): SourcedOptions {
  const found = new Map<string, SourcedValue>()
  const names = [...OPTION_TABLE.map((option) => option.env), CONFIG_ENV, DEBUG_ENV]
  const unknown: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('REEDBASE_') || value === undefined || name === CONFIG_ENV || name === DEBUG_ENV) continue
    const option = OPTION_TABLE.find((candidate) => candidate.env === name)
    if (option === undefined) unknown.push(`the environment variable ${name} is not an option${didYouMean(name, names)}`)
    else found.set(option.key, { value: option.isList ? listOf(option, value.split(';').map((item) => item.trim()).filter((item) => item !== '')) : value, source: name, folder: cwd })
  }
  refuseUnknown(unknown)
  return found
}

/**
 * @param text what is to be taken for the content of the file
 * @throws MeshError ERR_CONFIG_FILE, ERR_OPTION_UNKNOWN
 */
export function fromConfigFile(path: string, cwd: string, text?: string): SourcedOptions {
  const absolutePath = resolve(cwd, path)
  const shown = relative(cwd, absolutePath).startsWith('..') ? absolutePath : relative(cwd, absolutePath)
  const { isMap, LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(text ?? readConfig(absolutePath, shown), { lineCounter: lines, prettyErrors: false })
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0])
    throw new MeshError('ERR_CONFIG_FILE', `${shown}:${line}:${col}: ${problem.message}`, { details: { path: absolutePath, line, column: col } })
  }
  if (document.contents === null) return new Map()
  if (!isMap(document.contents)) throw new MeshError('ERR_CONFIG_FILE', `${shown}: the file must be a mapping of option names to values`, { details: { path: absolutePath } })
  // What a command would write has lines that nobody can look at.
  const at = (keyPath: readonly string[]): string => (text === undefined ? `${shown}:${lineOf(document, keyPath, lines)} ${keyPath.join('.')}` : `${keyPath.join('.')} that ${shown} would have`)
  return fromTree(document.toJS({ maxAliasCount: 16 }) as unknown, { at, folder: dirname(absolutePath) })
}

/** A nested object of the configuration file's shape; also what a library user passes. */
export function fromTree(tree: unknown, { at, folder }: { readonly at: (keyPath: readonly string[]) => string; readonly folder: string }): SourcedOptions {
  const found = new Map<string, SourcedValue>()
  const unknown: string[] = []
  for (const [keyPath, value] of leaves(tree, at)) {
    const key = keyPath.join('.')
    const option = OPTION_TABLE.find((candidate) => candidate.key === key) ?? ROUTING_OPTION_TABLE.find((candidate) => candidate.key === key)
    if (option === undefined) {
      unknown.push(`${at(keyPath)} is not an option${didYouMean(key, allKeys)}`)
      continue
    }
    if (value === null || value === undefined) throw new MeshError('ERR_OPTION_INVALID', `${at(keyPath)} has no value`, { nextStep: 'Give it one, or take the key out.' })
    found.set(key, { value: option.form.kind === 'databases' ? databasesOf(value, { at, unknown }) : option.form.kind === 'alerts' ? alertRulesOfTree(value) : value, source: at(keyPath), folder })
  }
  refuseUnknown(unknown)
  return found
}

/** All of them at once, so that nobody corrects one name a start. */
function refuseUnknown(sentences: readonly string[]): void {
  if (sentences.length > 0) throw new MeshError('ERR_OPTION_UNKNOWN', sentences.join('; '))
}

/** How deep the mappings of these keys go, and one of their form. */
const nested: Readonly<Record<string, { readonly levels: number; readonly example: string }>> = {
  membership: { levels: 1, example: 'membership: { preset: wan }' },
  http: { levels: 1, example: 'http: { listen: 127.0.0.1:7480 }' },
  tables: { levels: 1, example: 'tables: { rawRetention: 48h }' },
  alerts: { levels: 1, example: 'alerts: { webhook: https://example.net/hook }' },
  traces: { levels: 1, example: 'traces: { endpoint: http://127.0.0.1:4318/v1/traces }' },
  routing: { levels: 2, example: 'routing: { adaptive: { latencyWeight: 0.5 } }' },
}

function* leaves(tree: unknown, at: (keyPath: readonly string[]) => string): Generator<readonly [readonly string[], unknown]> {
  for (const [key, value] of Object.entries(tree as object)) {
    const levels = Object.hasOwn(nested, key) ? nested[key]?.levels ?? 0 : 0
    yield* leavesBelow([key], value, { levels, at })
  }
}

function* leavesBelow(keyPath: readonly string[], value: unknown, { levels, at }: { readonly levels: number; readonly at: (keyPath: readonly string[]) => string }): Generator<readonly [readonly string[], unknown]> {
  if (levels === 0) {
    yield [keyPath, value]
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MeshError('ERR_OPTION_INVALID', `${at(keyPath)} must be a mapping, such as ${nested[keyPath[0] as string]?.example ?? ''}`)
  for (const [key, inner] of Object.entries(value as object)) yield* leavesBelow([...keyPath, key], inner, { levels: levels - 1, at })
}

function readConfig(absolutePath: string, shown: string): string {
  try {
    const text = readFileSync(absolutePath, 'utf8')
    if (text.length > configBytesMax) throw new MeshError('ERR_CONFIG_FILE', `${shown} is larger than 1 MiB, which no configuration is`)
    return text
  } catch (error) {
    if (error instanceof MeshError) throw error
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : code === 'EACCES' ? 'must not be read by this user' : `cannot be read (${code ?? String(error)})`
    throw new MeshError('ERR_CONFIG_FILE', `the configuration file ${shown} ${why}`, { details: { path: absolutePath }, cause: error })
  }
}

function lineOf(document: Document, keyPath: readonly string[], lines: LineCounter): number {
  const { isMap, isScalar } = yaml()
  let node: unknown = document.contents
  let line = 1
  for (const key of keyPath) {
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    if (pair === undefined) break
    if (isScalar(pair.key) && Array.isArray(pair.key.range)) line = lines.linePos(pair.key.range[0]).line
    node = pair.value
  }
  return line
}

function listOf(option: Option, value: unknown): unknown {
  const items = Array.isArray(value) ? (value as unknown[]) : [value]
  return option.form.kind === 'databases' ? items.map(databaseOfText) : items
}

/** `name=path[,setting=…]…`. What is not of this form is left to the schema, which says so. */
function databaseOfText(text: unknown): unknown {
  if (typeof text !== 'string') return text
  const [first = '', ...settings] = text.split(',')
  const separator = first.indexOf('=')
  const database: Record<string, string> = separator < 0 ? { path: '', name: first } : { name: first.slice(0, separator), path: first.slice(separator + 1) }
  for (const setting of settings) {
    const [field = '', value = ''] = setting.split(/=(.*)/s)
    if (!(databaseFields as readonly string[]).includes(field) || field === 'path') {
      // A part may be one of a password with a comma.
      const shown = maskPasswords(text)
      throw new MeshError('ERR_OPTION_UNKNOWN', `${shown === text ? JSON.stringify(setting) : 'a part'} in the database ${JSON.stringify(shown)} is no setting${didYouMean(field, databaseFields.filter((known) => known !== 'path'))}`, {
        nextStep: 'Write name=path[,role=primary|replica][,threads=2][,memory=1GB][,strategy=nearest][,cpuThreshold=70][,memoryThreshold=85][,overloadLeaveMargin=5][,overloadDwell=10s]; a path with a comma goes into a configuration file.',
      })
    }
    database[field] = value
  }
  return database
}

/** The file's mapping: a path alone, or a mapping with path and settings. Adds a sentence to `unknown` for each that is no setting. */
function databasesOf(value: unknown, { at, unknown }: { readonly at: (keyPath: readonly string[]) => string; readonly unknown: string[] }): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MeshError('ERR_OPTION_INVALID', `${at(['databases'])} must be a mapping of database names to paths or settings`, { nextStep: 'Write databases:, then a line such as "  users: ./data/users" for each.' })
  }
  return Object.entries(value as object).map(([name, settings]: [string, unknown]) => {
    if (typeof settings === 'string') return { name, path: settings }
    if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) throw new MeshError('ERR_OPTION_INVALID', `${at(['databases', name])} must be a path, or a mapping with a path`)
    for (const field of Object.keys(settings)) {
      if (!(databaseFields as readonly string[]).includes(field)) unknown.push(`${at(['databases', name, field])} is not a setting of a database${didYouMean(field, databaseFields)}`)
    }
    return { name, ...settings }
  })
}

/**
 * The configuration file as commands change it while a node runs: comments and order stay, and it is replaced whole or not at all. A change is
 * written before it is applied, since a node that runs by what its next start will not know surprises later; where applying fails, the file is
 * put back.
 */
import { constants } from 'node:fs'
import { access, mkdir, readFile, realpath, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Document, YAMLMap } from 'yaml'
import { MeshError } from '../../errors.ts'
import { ignoreMissing, isMissing, writeFileAtomically } from './atomic-write.ts'
import { yaml } from './yaml.ts'

export type ConfigValue = string | number

export interface ConfigFileInit {
  /** Absolute. Need not exist. */
  readonly path: string
  /** Throws a MeshError when a node could not start with that content. */
  readonly check: (text: string) => void
}

/** What a change finds and leaves. */
export class ConfigTree {
  readonly #document: Document
  readonly #path: string

  constructor(document: Document, path: string) {
    this.#document = document
    this.#path = path
  }

  has(keyPath: readonly string[]): boolean {
    return this.#document.hasIn(keyPath)
  }

  /**
   * What stands there is replaced; null takes the key out. A mapping on the way is made where there is none; a database that is only a path becomes
   * a mapping with that path.
   * @throws MeshError ERR_CONFIG_FILE where something else is on the way
   */
  set(keyPath: readonly string[], value: ConfigValue | Readonly<Record<string, ConfigValue>> | null): void {
    const [key, parents] = [keyPath.at(-1) ?? '', keyPath.slice(0, -1)]
    if (value === null && !this.has(keyPath)) return
    const mapping = this.#mappingAt(parents)
    if (value === null) mapping.delete(key)
    else {
      const before: unknown = mapping.get(key, true)
      // In place, so that a comment behind it stays.
      if (yaml().isScalar(before) && typeof value !== 'object') before.value = value
      else mapping.set(this.#keyOf(mapping, key), this.#document.createNode(value))
    }
  }

  #keyOf(mapping: YAMLMap, key: string): unknown {
    return mapping.items.find((pair) => yaml().isScalar(pair.key) && pair.key.value === key)?.key ?? this.#document.createNode(key)
  }

  #mappingAt(keyPath: readonly string[]): YAMLMap {
    const { isAlias, isMap, isScalar, Pair, YAMLMap } = yaml()
    if (keyPath.length === 0) {
      if (this.#document.contents === null) this.#document.contents = new YAMLMap(this.#document.schema) as never
      if (isMap(this.#document.contents)) return this.#document.contents
      throw this.#refusal([])
    }
    const parent = this.#mappingAt(keyPath.slice(0, -1))
    const key = keyPath.at(-1) ?? ''
    const found: unknown = parent.get(key, true)
    if (isMap(found)) return found
    if (isAlias(found) || (found !== undefined && !isScalar(found))) throw this.#refusal(keyPath)
    const made = new YAMLMap(this.#document.schema)
    // `databases:` with nothing behind it is empty; a text there is the path of a database.
    if (isScalar(found) && found.value !== null) {
      if (keyPath[0] !== 'databases' || keyPath.length !== 2) throw this.#refusal(keyPath)
      made.items.push(new Pair(this.#document.createNode('path'), found))
    }
    parent.set(this.#keyOf(parent, key), made)
    return made
  }

  #refusal(keyPath: readonly string[]): MeshError {
    return new MeshError('ERR_CONFIG_FILE', `${this.#path}: ${keyPath.length === 0 ? 'the file' : keyPath.join('.')} is no mapping that a command could change, but an alias or a value`, {
      nextStep: 'Change the file by hand, and restart the node.', details: { path: this.#path },
    })
  }
}

interface Content {
  /** Of the file itself, behind symbolic links. */
  readonly path: string
  /** Null: there is no file. */
  readonly text: string | null
  readonly permissions: number
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** Of a file that a command makes: it may name servers and users. */
const newPermissions = 0o600

export class ConfigFile {
  readonly #init: ConfigFileInit
  /** One change at a time: each is checked against what the one before it left. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: ConfigFileInit) {
    this.#init = init
  }

  get path(): string {
    return this.#init.path
  }

  /**
   * Edits, checks, writes, and then applies. `edit` may change nothing.
   * @throws MeshError ERR_CONFIG_FILE, what `edit`, the check and `apply` throw; the file is then as it was
   */
  async change<T>(edit: (tree: ConfigTree) => void, apply: () => Promise<T> | T): Promise<T> {
    const turn = this.#last.then(() => this.#change(edit, apply))
    this.#last = turn.catch(() => undefined)
    return await turn
  }

  async #change<T>(edit: (tree: ConfigTree) => void, apply: () => Promise<T> | T): Promise<T> {
    const before = await this.#read()
    const text = this.#edited(before.text ?? '', edit)
    if (text === before.text || (before.text === null && text === '')) return await apply()
    this.#init.check(text)
    await this.#checkWritable(before)
    await this.#write(before, text)
    try {
      return await apply()
    } catch (error) {
      if (before.text === null) await unlink(before.path).catch(ignoreMissing)
      else await this.#write(before, before.text)
      throw error
    }
  }

  #edited(text: string, edit: (tree: ConfigTree) => void): string {
    const { LineCounter, parseDocument } = yaml()
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const problem = document.errors[0]
    if (problem !== undefined) {
      const { line, col } = lines.linePos(problem.pos[0])
      throw new MeshError('ERR_CONFIG_FILE', `${this.path}:${line}:${col}: ${problem.message}`, { details: { path: this.path, line, column: col } })
    }
    const unchanged = document.toString({ lineWidth: 0 })
    edit(new ConfigTree(document, this.path))
    const edited = document.toString({ lineWidth: 0 })
    // What was not changed is not laid out anew either.
    return edited === unchanged ? text : edited
  }

  async #read(): Promise<Content> {
    try {
      const path = await realpath(this.path)
      const { mode, uid, gid } = await stat(path)
      const isOthers = uid !== process.getuid?.()
      return { path, text: await readFile(path, 'utf8'), permissions: mode & 0o777, owner: isOthers ? { uid, gid } : null }
    } catch (error) {
      if (isMissing(error)) return { path: this.path, text: null, permissions: newPermissions, owner: null }
      throw this.#unusable('read', error)
    }
  }

  /** Renaming asks the folder for its permission, and not the file. */
  async #checkWritable({ path, text, permissions }: Content): Promise<void> {
    if (text === null) return
    if ((permissions & 0o222) === 0) throw this.#unusable('changed', new Error(`it is read-only (mode 0${permissions.toString(8)})`))
    await access(path, constants.W_OK).catch((error: unknown) => { throw this.#unusable('changed', error) })
  }

  async #write({ path, permissions, owner }: Content, text: string): Promise<void> {
    try {
      // Before the first start the data folder itself is not there.
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await writeFileAtomically(path, text, { mode: 'replace', permissions, ...(owner === null ? {} : { owner }) })
    } catch (error) {
      throw this.#unusable('changed', error)
    }
  }

  #unusable(what: 'read' | 'changed', error: unknown): MeshError {
    return new MeshError('ERR_CONFIG_FILE', `the configuration file ${this.path} cannot be ${what}: ${messageOf(error)}`, {
      nextStep: `Check the file, its folder and their permissions; nothing was changed${what === 'changed' ? ', on a running node neither (--no-save changes that alone)' : ''}.`, details: { path: this.path }, cause: error,
    })
  }
}

/** The system's own words, which the path need not be repeated with. */
function messageOf(error: unknown): string {
  const { cause, message } = error as Error
  return error instanceof MeshError && cause instanceof Error ? cause.message : message
}

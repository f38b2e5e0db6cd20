/**
 * One CSV file that grows by rows and that a crash cannot spoil: what a write left behind half-way, whether the process, the host or the disk ended
 * it, is cut off at the last whole line. Each append opens the file anew, so that one that was taken away meanwhile comes back with its header
 * instead of filling a file that nobody sees.
 */
import * as node from 'node:fs/promises'
import { dirname } from 'node:path'
import { isMissing } from './atomic-write.ts'

/** What it asks of the file system; tests put one in between that fails. */
export type TableFileSystem = Pick<typeof node, 'open' | 'mkdir' | 'rename' | 'readdir' | 'stat' | 'unlink'>

export const tableFileSystem: TableFileSystem = node

export interface HealedTable {
  /** Of a torn last line. */
  readonly bytesCut: number
  /** `added`: rows were there without it. `replaced`: the file was no such table, and was put aside under a name that ends in `.unknown`. */
  readonly header: 'kept' | 'added' | 'replaced'
}

const NEWLINE = 0x0a
const BLOCK_BYTES = 64 * 1024
/** A longer first line is no row of these tables. */
const FIRST_ROWS_BYTES = 16 * 1024

export class CsvTable {
  readonly path: string
  readonly #header: string
  readonly #files: TableFileSystem
  /** As it is not known to be sound. */
  #isSuspect = true

  /** `columns`: names without anything that CSV would quote. */
  constructor(path: string, columns: readonly string[], files: TableFileSystem = tableFileSystem) {
    this.path = path
    this.#header = `${columns.join(',')}\n`
    this.#files = files
  }

  /**
   * Appends whole lines, or nothing. Answers the file's size, and what was amiss with it.
   * @throws the file system's error; the lines are then not in the file
   */
  async append(lines: string): Promise<{ readonly bytes: number; readonly healed: HealedTable | null }> {
    const healed = this.#isSuspect ? await this.#heal() : null
    const file = await this.#open('a+')
    try {
      const before = (await file.stat()).size
      const content = Buffer.from(before === 0 ? this.#header + lines : lines)
      try {
        this.#isSuspect = true
        for (let written = 0; written < content.length;) written += (await file.write(content, written)).bytesWritten
      } catch (error) {
        // What a full disk took of it goes again; if not even that works, the next attempt heals it.
        await file.truncate(before).then(() => { this.#isSuspect = false }, () => undefined)
        throw error
      }
      this.#isSuspect = false
      return { bytes: before + content.length, healed }
    } finally {
      await file.close()
    }
  }

  /** Its first row, healed before; null where it has none, or is not there. @throws the file system's error */
  async firstRow(): Promise<{ readonly row: readonly string[] | null; readonly bytes: number; readonly healed: HealedTable | null }> {
    const healed = await this.#heal()
    const start = await this.#start()
    if (start === null) return { row: null, bytes: 0, healed }
    return { row: (await firstLines(start.text))?.[1] ?? null, bytes: start.bytes, healed }
  }

  /** Under another name, as it is; false where it is not there. @throws the file system's error */
  async moveTo(path: string): Promise<boolean> {
    try {
      await this.#files.rename(this.path, path)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  /** The folder is made where there is none. */
  async #open(flags: 'a+' | 'r+' | 'wx'): Promise<node.FileHandle> {
    try {
      return await this.#files.open(this.path, flags, 0o600)
    } catch (error) {
      if (flags !== 'a+' || !isMissing(error)) throw error
      await this.#files.mkdir(dirname(this.path), { recursive: true, mode: 0o700 })
      return await this.#files.open(this.path, flags, 0o600)
    }
  }

  /** Null where all was well. */
  async #heal(): Promise<HealedTable | null> {
    const bytesCut = await this.#cutTornLine()
    const header = await this.#mendHeader()
    this.#isSuspect = false
    return bytesCut === 0 && header === 'kept' ? null : { bytesCut, header }
  }

  async #cutTornLine(): Promise<number> {
    let file: node.FileHandle
    try {
      file = await this.#open('r+')
    } catch (error) {
      if (isMissing(error)) return 0
      throw error
    }
    try {
      const { size } = await file.stat()
      const whole = await lastLineEnd(file, size)
      if (whole < size) await file.truncate(whole)
      return size - whole
    } finally {
      await file.close()
    }
  }

  async #mendHeader(): Promise<HealedTable['header']> {
    const start = await this.#start()
    if (start === null || start.bytes === 0 || start.text.startsWith(this.#header)) return 'kept'
    const aside = `${this.path}.unknown`
    await this.#files.rename(this.path, aside)
    const rows = await firstLines(start.text)
    if (rows?.[0]?.length !== this.#header.split(',').length) return 'replaced'
    const [from, to] = [await this.#files.open(aside, 'r'), await this.#open('wx')]
    try {
      await to.writeFile(this.#header)
      await to.writeFile(from.createReadStream({ autoClose: false }))
    } finally {
      await Promise.all([from.close(), to.close()])
    }
    await this.#files.unlink(aside)
    return 'added'
  }

  /** The beginning of the file, up to its last whole line within; null where it is not there. */
  async #start(): Promise<{ readonly text: string; readonly bytes: number } | null> {
    let file: node.FileHandle
    try {
      file = await this.#files.open(this.path, 'r')
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(FIRST_ROWS_BYTES), 0, FIRST_ROWS_BYTES, 0)
      return { text: buffer.toString('utf8', 0, buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1), bytes: (await file.stat()).size }
    } finally {
      await file.close()
    }
  }
}

/** Null where it is no CSV. */
async function firstLines(text: string): Promise<string[][] | null> {
  // Of files that were there before only.
  const { parse } = await import('csv-parse/sync')
  try {
    return parse(text, { to: 2, relax_column_count: true })
  } catch {
    return null // Whatever it is, it is none of ours.
  }
}

/** How far the whole lines go. */
async function lastLineEnd(file: node.FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, size))
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length)
    const { bytesRead } = await file.read(block, 0, end - start, start)
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (newline !== -1) return start + newline + 1
    end = start
  }
  return 0
}

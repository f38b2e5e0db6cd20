/**
 * Results of reads, kept as the engine encoded them, so that a hit costs no work but sending. Off unless `bytesMax` is above 0.
 *
 * A result is true as of some moment between its start and its end. So whoever wants to keep one says so when it starts, and gets a recording
 * with the generation of the database; a write or a change of version raises the generation, drops what is held, and makes every
 * recording of before worthless. A write is told when it has ended, before its caller learns of it: then nobody who knows of it is
 * answered from before.
 *
 * Who may see what is the owner's to say: the key carries a scope (result-key.ts).
 *
 * Bounds: bytes and number of what is held, least recently used first; age; bytes of all recordings together.
 */
import { Deadlines } from '../time/deadlines.ts'
import { parseCacheOptions, type CacheOptions } from './options.ts'

export interface CachedBatch {
  readonly bytes: Uint8Array
  readonly rows: number
}

export interface CachedResult {
  readonly format: string
  readonly header: Uint8Array
  readonly batches: readonly CachedBatch[]
}

export interface CacheCounters {
  hits: number
  misses: number
  stored: number
  /** Not stored, for its size. */
  tooLarge: number
  /** Not stored, because a write or a new version came between its start and its end. */
  outdated: number
  /** Dropped to make room. */
  evicted: number
  /** Dropped for its age. */
  expired: number
  /** Dropped by a write or a new version. */
  invalidated: number
}

interface Entry {
  readonly database: string
  readonly result: CachedResult
  readonly bytes: number
}

interface Database {
  generation: number
  version: string | null
  readonly keys: Set<string>
}

/** What an entry takes beside its bytes, roughly: objects, map slots, deadline. */
const entryOverheadBytes = 512
const batchOverheadBytes = 128

/** A result on its way. Its owner adds what passes, and stores or abandons it. */
export class Recording {
  readonly key: string
  readonly database: string
  readonly generation: number
  readonly format: string
  readonly header: Uint8Array
  readonly batches: CachedBatch[] = []
  bytes: number
  /** What of it stands in the sum of all: nothing before its first batch, since who gives up before then need not say so. */
  countedBytes = 0
  isOpen = true

  constructor(init: { readonly key: string; readonly database: string; readonly generation: number; readonly format: string; readonly header: Uint8Array }) {
    this.key = init.key
    this.database = init.database
    this.generation = init.generation
    this.format = init.format
    this.header = init.header
    this.bytes = 2 * init.key.length + init.header.byteLength + entryOverheadBytes
  }
}

export class ResultCache {
  readonly options: CacheOptions
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  /** Of the databases of this node, as many as its owner names. */
  readonly #databases = new Map<string, Database>()
  readonly #deadlines = new Deadlines<string>()
  readonly #counters: CacheCounters = { hits: 0, misses: 0, stored: 0, tooLarge: 0, outdated: 0, evicted: 0, expired: 0, invalidated: 0 }
  #bytes = 0
  #recordingBytes = 0

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<CacheOptions>> = {}) {
    this.options = parseCacheOptions(options)
  }

  get isOn(): boolean {
    return this.options.bytesMax > 0
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of results under way. */
  get recordingBytes(): number {
    return this.#recordingBytes
  }

  get counters(): Readonly<CacheCounters> {
    return { ...this.#counters }
  }

  /** Changes with each write and each new version; to be taken before the engine starts, for `record`. */
  generation(database: string): number {
    return this.#databases.get(database)?.generation ?? 0
  }

  /** Whether `lookup` would find it. Counts as no use. */
  isHeld(nowMs: number, key: string): boolean {
    return (this.#deadlines.atMs(key) ?? -Infinity) > nowMs
  }

  lookup(nowMs: number, key: string): CachedResult | null {
    this.handleTimeout(nowMs)
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      if (this.isOn) this.#counters.misses++
      return null
    }
    this.#counters.hits++
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.result
  }

  /** A recording of a result whose engine started at `generation`; null when it could not be stored anyway. */
  record(init: { readonly key: string; readonly database: string; readonly generation: number; readonly format: string; readonly header: Uint8Array }): Recording | null {
    if (!this.isOn || this.#countIfOutdated(init)) return null
    const recording = new Recording(init)
    return this.#isTooLarge(recording) ? null : recording
  }

  /** False when the result has become too large, or worthless; the recording is then abandoned, and its memory free. */
  add(recording: Recording, batch: CachedBatch): boolean {
    if (!recording.isOpen) return false
    if (this.#countIfOutdated(recording)) {
      this.abandon(recording)
      return false
    }
    recording.bytes += batch.bytes.byteLength + batchOverheadBytes
    this.#recordingBytes += recording.bytes - recording.countedBytes
    recording.countedBytes = recording.bytes
    recording.batches.push(batch)
    return !this.#isTooLarge(recording)
  }

  /** The result is whole and correct. False when it is not kept. */
  store(nowMs: number, recording: Recording): boolean {
    if (!recording.isOpen) return false
    const isOutdated = this.#countIfOutdated(recording)
    const { key, database, format, header, batches, bytes } = recording
    const kept = [...batches]
    this.abandon(recording)
    if (isOutdated) return false
    this.handleTimeout(nowMs)
    this.#drop(key)
    while (this.#entries.size > 0 && (this.#bytes + bytes > this.options.bytesMax || this.#entries.size >= this.options.entriesMax)) {
      const [oldest] = this.#entries.keys()
      this.#drop(oldest as string)
      this.#counters.evicted++
    }
    this.#entries.set(key, { database, result: { format, header, batches: kept }, bytes })
    this.#bytes += bytes
    this.#database(database).keys.add(key)
    this.#deadlines.set(key, nowMs + this.options.ageMsMax)
    this.#counters.stored++
    return true
  }

  /** The result failed, was cancelled, or is not wanted any more. */
  abandon(recording: Recording): void {
    if (!recording.isOpen) return
    recording.isOpen = false
    recording.batches.length = 0
    this.#recordingBytes -= recording.countedBytes
  }

  /** A write has ended, well or not. */
  handleWrite(_nowMs: number, database: string): void {
    this.#invalidate(database)
  }

  /** What the copy holds, as its owner names it; the same text as before changes nothing. True: it is another one. */
  handleVersion(_nowMs: number, database: string, version: string): boolean {
    const known = this.#database(database)
    if (known.version === version) return false
    known.version = version
    this.#invalidate(database)
    return true
  }

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): void {
    for (let key = this.#deadlines.takeDue(nowMs); key !== null; key = this.#deadlines.takeDue(nowMs)) {
      this.#drop(key)
      this.#counters.expired++
    }
  }

  #countIfOutdated({ database, generation }: Pick<Recording, 'database' | 'generation'>): boolean {
    if (generation === this.generation(database)) return false
    this.#counters.outdated++
    return true
  }

  #isTooLarge(recording: Recording): boolean {
    const { bytesMax, entryBytesMax } = this.options
    if (recording.bytes <= Math.min(bytesMax, entryBytesMax) && this.#recordingBytes <= bytesMax) return false
    this.#counters.tooLarge++
    this.abandon(recording)
    return true
  }

  #invalidate(name: string): void {
    const database = this.#database(name)
    database.generation++
    this.#counters.invalidated += database.keys.size
    for (const key of [...database.keys]) this.#drop(key)
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
    this.#databases.get(entry.database)?.keys.delete(key)
    this.#deadlines.delete(key)
  }

  #database(name: string): Database {
    const known = this.#databases.get(name)
    if (known !== undefined) return known
    const created: Database = { generation: 0, version: null, keys: new Set() }
    this.#databases.set(name, created)
    return created
  }
}

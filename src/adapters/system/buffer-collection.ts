/**
 * When V8 collects the buffers of large results. They lie outside its heap, and left to itself V8 marks the whole heap for every 30 MB or so that come and go: 25
 * times a second at both ends of a stream, for a third of their time. Nearly all of them die young, and a minor collection, which looks at nothing else, frees
 * them within a millisecond. V8 starts one by itself only when the heap's own young objects ask for it, so that here whoever makes many buffers says so.
 *
 * Of the process, as its heap is. Nothing happens until the process has asked for it: a library does not set its host's flags.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * More is collected less often and takes that much more memory at both ends of a stream; beyond some 24 MB V8 comes first with its collection of the whole
 * heap, and once it has, it stays ahead.
 */
const FRESH_BYTES_MAX = 8 << 20

/** A collection of the whole heap takes some tens of milliseconds, so that there is much to gain from each. */
const LEFT_BYTES_MAX = 128 << 20

let collect: ((type: 'minor' | 'major') => void) | null = null
let freshBytes = 0
let leftBytes = 0

/** From now on `buffersMade` collects. At the start of a process, before it works. */
export function collectBuffersEarly(collector: (type: 'minor' | 'major') => void = collection()): void {
  collect = collector
  freshBytes = leftBytes = 0
}

/** So many bytes were put into buffers of their own that are soon done with. */
export function buffersMade(bytes: number): void {
  if (collect === null) return
  freshBytes += bytes
  if (freshBytes < FRESH_BYTES_MAX) return
  freshBytes = 0
  collect('minor')
}

/** So many bytes of a library's own are freed with an object that V8 takes for small, and that may be old. */
export function nativeMemoryLeft(bytes: number): void {
  if (collect === null) return
  leftBytes += bytes
  if (leftBytes < LEFT_BYTES_MAX) return
  leftBytes = 0
  collect('major')
}

/** Weighs buffers together with the heap where V8 leaves the choice (V8 issue 361124432; later versions always do), and gives collections a name. That of the whole heap comes in a turn of its own. */
export function collection(): (type: 'minor' | 'major') => void {
  // V8 complains on stderr about flags that it does not know.
  if (process.versions.v8.startsWith('13.6.')) setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { readonly type: 'minor' | 'major'; readonly execution: 'sync' | 'async' }) => void
  setFlagsFromString('--no-expose-gc')
  return (type) => { gc({ type, execution: type === 'minor' ? 'sync' : 'async' }) }
}

/** An answer's bytes in pieces, so that neither a large answer nor a large row keeps the node from everything else. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** A piece is taken by the reader or not, as a whole: what shows that it makes progress. */
export const PIECE_BYTES = 64 << 10
/** Of work, until the node's other work has its turn: of ready rows all would be written in one go. */
export const SLICE_MS = 10

export async function* inSlices(source: AsyncIterable<string | Uint8Array>, nowMs: () => number): AsyncGenerator<Uint8Array, void, void> {
  let sinceMs = nowMs()
  for await (const part of source) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      if (nowMs() - sinceMs >= SLICE_MS) {
        await nextTurn()
        sinceMs = nowMs()
      }
      yield bytes.subarray(at, at + PIECE_BYTES)
    }
  }
}

/** The ranges and defaults of the result cache. */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface CacheOptions {
  readonly bytesMax: number
  readonly entryBytesMax: number
  readonly entriesMax: number
  readonly ageMsMax: number
}

export const CACHE_OPTIONS: Readonly<Record<keyof CacheOptions, OptionRange>> = {
  bytesMax: {
    unit: 'count', min: 0, max: 2 ** 40, default: 0,
    description: 'Bytes that all results held may take; 0 turns the cache off. Results under way take as much again at most. Larger: more hits; more memory.',
  },
  entryBytesMax: {
    unit: 'count', min: 1, max: 2 ** 32, default: 1 << 20,
    description: 'A result larger than this, or than bytesMax, is not held. Larger: larger results are; one takes the room of more small ones.',
  },
  entriesMax: {
    unit: 'count', min: 1, max: 1_000_000, default: 10_000,
    description: 'Results held, whatever their size. Larger: more hits where results are tiny; more memory beside theirs.',
  },
  ageMsMax: {
    unit: 'ms', min: 1, max: 24 * 3_600_000, default: 10_000,
    description: 'A result is dropped at this age. Larger: more hits; changes that the node is not told of stay unseen longer.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseCacheOptions(input: Readonly<Partial<CacheOptions>> = {}): CacheOptions {
  return completeOptions('cache', CACHE_OPTIONS, input)
}

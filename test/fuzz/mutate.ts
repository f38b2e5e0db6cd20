/** Bytes for fuzzers, and their loop. `FUZZ_RUNS` makes a run longer, `FUZZ_SEED` replays a seed that a failure has printed. */
import { createRandom, type Random, randomInteger } from '../../src/core/time/random.ts'

export const fuzzRuns = Number(process.env.FUZZ_RUNS ?? 3000)
export const firstSeed = Number(process.env.FUZZ_SEED ?? 1)

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => randomInteger(random, 256))
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomInteger(random, items.length)] as T
}

/** Noise, or something genuine that was flipped, cut, stretched, overwritten or joined with another. */
export function mutate(random: Random, genuine: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pick(random, genuine))
  const at = randomInteger(random, bytes.length + 1)
  switch (randomInteger(random, 6)) {
    case 0:
      return randomBytes(random, randomInteger(random, 1500))
    case 1: {
      for (let flips = 1 + randomInteger(random, 8); flips > 0 && bytes.length > 0; flips--) {
        const index = randomInteger(random, bytes.length)
        bytes[index] = (bytes[index] as number) ^ (1 << randomInteger(random, 8))
      }
      return bytes
    }
    case 2:
      return bytes.slice(0, at)
    case 3:
      return new Uint8Array([...bytes, ...randomBytes(random, 1 + randomInteger(random, 40))])
    case 4: {
      bytes.set(randomBytes(random, Math.min(bytes.length - at, randomInteger(random, 12))), at)
      return bytes
    }
    default: {
      const other = pick(random, genuine)
      return new Uint8Array([...bytes.slice(0, at), ...other.slice(randomInteger(random, other.length + 1))])
    }
  }
}

/** Runs the check once a seed, and says which seed failed with which input. */
export function fuzz<T>(make: (random: Random) => T, check: (input: T) => void, show: (input: T) => string = (input) => (input instanceof Uint8Array ? Buffer.from(input).toString('hex') : JSON.stringify(input))): void {
  for (let seed = firstSeed; seed < firstSeed + fuzzRuns; seed++) {
    const input = make(createRandom(seed))
    try {
      check(input)
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_RUNS=1 fails with ${show(input).slice(0, 4_000)}`, { cause: error })
    }
  }
}

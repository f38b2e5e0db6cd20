/**
 * Recognises a counter that was seen before, with a bounded memory (RFC 6479, "IPsec Anti-Replay Algorithm without Bit Shifting"):
 * a ring of 32-bit blocks around the highest counter. One block more than the window is kept, so that moving on only ever
 * clears whole blocks and never shifts.
 */
const blocks = 64
const blockBits = 32

export class ReplayWindow {
  /** How far behind the highest counter a late one is still accepted: 2,016. */
  static readonly bits = (blocks - 1) * blockBits

  readonly #ring = new Uint32Array(blocks)
  #highest = 0

  /** False when the counter was accepted before or is too old to tell. Changes nothing: what is not authenticated must not move the window. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true
    if (counter < 1 || counter + ReplayWindow.bits <= this.#highest) return false
    return ((this.#ring[blockOf(counter) % blocks] as number) & bitOf(counter)) === 0
  }

  /** Marks a fresh counter as seen. Counters start at 1 and are at most 2^53 - 1. */
  accept(counter: number): void {
    if (counter > this.#highest) {
      const from = blockOf(this.#highest)
      const passed = Math.min(blockOf(counter) - from, blocks)
      for (let step = 1; step <= passed; step++) this.#ring[(from + step) % blocks] = 0
      this.#highest = counter
    }
    const block = blockOf(counter) % blocks
    this.#ring[block] = (this.#ring[block] as number) | bitOf(counter)
  }
}

function blockOf(counter: number): number {
  return Math.floor(counter / blockBits)
}

function bitOf(counter: number): number {
  return 1 << (counter % blockBits)
}

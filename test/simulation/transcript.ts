/** A running 64-bit hash over everything that happened, to prove that two runs were the same. Not for secrets. */
export class Transcript {
  #high = 0x811c9dc5 | 0
  #low = 0x2545f491 | 0
  #lines = 0

  add(line: string): void {
    this.#lines++
    let high = this.#high
    let low = this.#low
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i)
      high = Math.imul(high ^ code, 0x01000193)
      low = Math.imul(low ^ code, 0x5bd1e995) ^ (high >>> 15)
    }
    this.#high = Math.imul(high ^ 10, 0x01000193)
    this.#low = Math.imul(low ^ (low >>> 13) ^ 10, 0x5bd1e995)
  }

  get lines(): number {
    return this.#lines
  }

  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }
}

/**
 * Whom to probe next: a shuffled round robin (SWIM §4.3). Each member is probed once in every pass, so the worst time to first
 * detection is bounded by two passes, and shuffling between passes keeps nodes from falling into step.
 *
 * Members that went are skipped when their turn comes, and a newcomer is dealt in by one swap, so nothing here shifts an array.
 */
import { randomInteger, shuffle, type Random } from '../time/random.ts'
import { isActive, type MemberEntry } from './member-table.ts'

export class ProbeRing {
  #order: MemberEntry[] = []
  #cursor = 0
  #round = 0
  readonly #isUsed: boolean

  /** `isUsed` false: nobody asks for the next one, so nobody is kept. */
  constructor(isUsed = true) {
    this.#isUsed = isUsed
  }

  /** Puts a newcomer at a random position, be it in the part already probed in this pass (SWIM §4.3). */
  insert(random: Random, entry: MemberEntry): void {
    if (!this.#isUsed || entry.ringRound === this.#round) return
    entry.ringRound = this.#round
    const order = this.#order
    const position = randomInteger(random, order.length + 1)
    if (position < this.#cursor) return // Its turn has passed: it is dealt in with the next pass.
    order.push(entry)
    const last = order.length - 1
    order[last] = order[position] as MemberEntry
    order[position] = entry
  }

  /** The next active member for which `skip` is false; null when one whole pass finds none. */
  next(random: Random, active: readonly MemberEntry[], skip: (entry: MemberEntry) => boolean): MemberEntry | null {
    for (let deals = 0; deals <= 1; deals++) {
      while (this.#cursor < this.#order.length) {
        const entry = this.#order[this.#cursor++] as MemberEntry
        if (isActive(entry) && !skip(entry)) return entry
      }
      if (deals === 0) this.#deal(random, active)
    }
    return null
  }

  #deal(random: Random, active: readonly MemberEntry[]): void {
    this.#round++
    this.#cursor = 0
    this.#order = shuffle(random, [...active])
    for (const entry of this.#order) entry.ringRound = this.#round
  }
}

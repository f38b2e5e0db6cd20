/**
 * Whether this node hears anybody at all. One that is cut off notices by the silence of everybody, long before its suspicions of all the others
 * have run out, which its own bad health stretches; while it lasts, it blames nobody else.
 */
/** Silence of everybody for so many periods, and so many pings, means that this node is cut off. */
export const ISOLATION_PERIODS = 5
export const ISOLATION_PINGS = 3

export class Hearing {
  readonly #isolationMs: number
  #heardMs = 0
  #pingsWhenHeard = 0

  constructor(init: { readonly probeIntervalMs: number }) {
    this.#isolationMs = ISOLATION_PERIODS * init.probeIntervalMs
  }

  /** When any member was heard last, by whatever way. */
  get heardMs(): number {
    return this.#heardMs
  }

  /** `pingsSent`: by this node, ever. */
  note(nowMs: number, pingsSent: number): void {
    this.#heardMs = nowMs
    this.#pingsWhenHeard = pingsSent
  }

  isSilent(nowMs: number, pingsSent: number): boolean {
    return nowMs - this.#heardMs >= this.#isolationMs && pingsSent - this.#pingsWhenHeard >= ISOLATION_PINGS
  }
}

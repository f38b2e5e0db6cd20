/** How many queries and event streams run over HTTP at once. */
import { MeshError } from '../../errors.ts'

export class Places {
  readonly #max: number
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  /**
   * Answers how to give it back, which counts once.
   * @throws MeshError ERR_OVERLOADED
   */
  take(): () => void {
    if (this.#taken >= this.#max) throw new MeshError('ERR_OVERLOADED', `${this.#max} queries and event streams run over HTTP already`, { nextStep: 'Try again shortly, or raise http.requestsMax.', details: { started: 'no' } })
    this.#taken++
    let isHeld = true
    return () => {
      if (isHeld) this.#taken--
      isHeld = false
    }
  }
}

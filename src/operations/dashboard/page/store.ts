/** Holds the state, and draws at most once a frame, however much came. Nothing is drawn while nobody looks. */
import { type Change, type DashboardState, INITIAL_STATE } from './dashboard-state.ts'

export type View = (state: DashboardState, before: DashboardState | null) => void

export class Store {
  #state = INITIAL_STATE
  #drawn: DashboardState | null = null
  #isDue = false
  readonly #views: View[]

  constructor(views: View[]) {
    this.#views = views
    document.addEventListener('visibilitychange', () => this.#schedule())
    this.#schedule()
  }

  /** One that comes late is shown what the others see. */
  addView(view: View): void {
    this.#views.push(view)
    if (this.#drawn !== null) view(this.#drawn, null)
  }

  get state(): DashboardState {
    return this.#state
  }

  change(change: Change): void {
    this.#state = change(this.#state)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isDue || document.hidden || this.#state === this.#drawn) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      const before = this.#drawn
      this.#drawn = this.#state
      for (const view of this.#views) view(this.#drawn, before)
    })
  }
}

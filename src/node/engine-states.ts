/**
 * What the engines here can do at the moment, told to the mesh as it changes: a server that fails over becomes another's primary or replica, one
 * that is down is not ready, and a copy that follows another one is behind it by so much. Engines that never change cost nothing.
 */
import type { LoadMonitor } from '../core/load/load-monitor.ts'
import type { DatabaseOffer } from '../core/membership/types.ts'
import type { QueryEngine } from '../ports/query-engine.ts'

export interface EngineStatesParts {
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly monitor: Pick<LoadMonitor, 'setReadyDatabases'>
  /** A role has changed: the record is to say so. */
  readonly onOffers: (offers: readonly DatabaseOffer[]) => void
  /** What is ready has changed: everybody is to know at once. */
  readonly onReadiness: () => void
}

export class EngineStates {
  readonly #parts: EngineStatesParts
  readonly #stops = new Map<QueryEngine, () => void>()
  #isRefusing = false
  #told = ''
  #roles = ''

  constructor(parts: EngineStatesParts) {
    this.#parts = parts
    this.#roles = rolesOf(offersOf(parts.engines))
    this.refresh()
    for (const engine of parts.engines.values()) this.#follow(engine)
  }

  /** It is among `engines` from now on: the mesh is told. */
  handleAdded(engine: QueryEngine): void {
    this.#follow(engine)
    this.#handleChange()
  }

  /** It is not among `engines` any more. */
  handleRemoved(engine: QueryEngine): void {
    this.#stops.get(engine)?.()
    this.#stops.delete(engine)
    this.#handleChange()
  }

  /** In a minority that must not serve, nothing is ready. */
  setRefusing(isRefusing: boolean): void {
    this.#isRefusing = isRefusing
    this.#handleChange()
  }

  /** For the next snapshot: lags move without a word. True: what is ready has changed. */
  refresh(): boolean {
    const ready = this.#isRefusing ? [] : [...this.#parts.engines.values()].filter((engine) => engine.isPrivate !== true && engine.isReady())
    const lags = ready.flatMap((engine) => {
      const lagMs = engine.lagMs?.() ?? null
      return lagMs === null ? [] : [[engine.database, lagMs] as const]
    })
    this.#parts.monitor.setReadyDatabases(ready.map(({ database }) => database), Object.fromEntries(lags))
    const told = ready.map(({ database }) => database).join('\n')
    const isNew = told !== this.#told
    this.#told = told
    return isNew
  }

  stop(): void {
    for (const stop of this.#stops.values()) stop()
  }

  #follow(engine: QueryEngine): void {
    const stop = engine.onChange?.(() => { this.#handleChange() })
    if (stop !== undefined) this.#stops.set(engine, stop)
  }

  #handleChange(): void {
    const offers = offersOf(this.#parts.engines)
    const roles = rolesOf(offers)
    if (roles !== this.#roles) {
      this.#roles = roles
      this.#parts.onOffers(offers)
    }
    if (this.refresh()) this.#parts.onReadiness()
  }
}

export function offersOf(engines: ReadonlyMap<string, QueryEngine>): DatabaseOffer[] {
  return [...engines.values()].filter(({ isPrivate }) => isPrivate !== true).map((engine) => ({ name: engine.database, role: engine.role, engine: engine.kind }))
}

function rolesOf(offers: readonly DatabaseOffer[]): string {
  return offers.map(({ name, role }) => `${name}=${role}`).join('\n')
}

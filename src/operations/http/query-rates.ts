/** How many queries of this node's clients ended lately: counts by the second, over ten whole seconds and the one under way. */
import { type LiveRatesView, MESH_DATABASE, type QueryRecord } from '../../wire/operations-views.ts'

const windowSeconds = 10

interface Slot {
  second: number
  queries: number
  forwarded: number
  failed: number
}

export class QueryRates {
  readonly #slots: Slot[] = Array.from({ length: windowSeconds }, () => ({ second: -1, queries: 0, forwarded: 0, failed: 0 }))

  handleQuery(nowMs: number, { sentBy, database, decision, outcome }: Pick<QueryRecord, 'sentBy' | 'database' | 'decision' | 'outcome'>): void {
    // Asking how the mesh is is no load of it.
    if (sentBy !== null || database === MESH_DATABASE) return
    const second = Math.floor(nowMs / 1_000)
    const slot = this.#slots[second % windowSeconds] as Slot
    if (slot.second !== second) Object.assign(slot, { second, queries: 0, forwarded: 0, failed: 0 })
    slot.queries++
    if (decision === 'forward') slot.forwarded++
    if (outcome === 'error') slot.failed++
  }

  view(nowMs: number): LiveRatesView {
    const oldest = Math.floor(nowMs / 1_000) - windowSeconds
    const total = { queries: 0, forwarded: 0, failed: 0 }
    for (const slot of this.#slots) {
      if (slot.second <= oldest) continue
      total.queries += slot.queries
      total.forwarded += slot.forwarded
      total.failed += slot.failed
    }
    return { queriesPerSecond: total.queries / windowSeconds, forwardedPerSecond: total.forwarded / windowSeconds, failedPerSecond: total.failed / windowSeconds }
  }
}

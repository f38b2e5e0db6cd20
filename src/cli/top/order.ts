import type { TopNode } from './snapshot.ts'

export const sortKeys = ['name', 'state', 'status', 'cpu', 'memory', 'in flight', 'latency'] as const
export type SortKey = (typeof sortKeys)[number]

const states = { failed: 0, suspect: 1, joining: 2, alive: 3, left: 4 } as const
const statuses = { unhealthy: 0, degraded: 1, healthy: 2 } as const

const figures: Readonly<Record<Exclude<SortKey, 'name'>, (node: TopNode) => number | null>> = {
  'state': ({ state }) => -states[state],
  'status': ({ status }) => -statuses[status],
  'cpu': ({ cpuPercent }) => cpuPercent,
  'memory': ({ memoryPercent }) => memoryPercent,
  'in flight': ({ inFlight }) => inFlight,
  'latency': ({ latencyMs }) => latencyMs,
}

/** The greatest, or worst, first, and names from A; `isReversed` the other way. Who has no figure comes last, equals stand by their names. */
export function ordered(nodes: readonly TopNode[], { key, isReversed }: { readonly key: SortKey; readonly isReversed: boolean }): TopNode[] {
  const sign = isReversed ? -1 : 1
  const byName = (left: TopNode, right: TopNode): number => (left.name < right.name ? -1 : left.name > right.name ? 1 : left.peerId < right.peerId ? -1 : 1)
  if (key === 'name') return nodes.toSorted((left, right) => sign * byName(left, right))
  const of = figures[key]
  return nodes.toSorted((left, right) => {
    const [one, other] = [of(left), of(right)]
    if (one === null || other === null) return one === other ? byName(left, right) : one === null ? 1 : -1
    return one === other ? byName(left, right) : sign * (other - one)
  })
}

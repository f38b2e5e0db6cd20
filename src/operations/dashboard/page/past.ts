/** What the node remembers of the time before the page was opened, for the charts: round trips by the minute, and of itself load and rates. */
import type { LatencyView } from '../../../wire/control.ts'
import type { DatabaseView, LiveHistoryView, LivePointView } from '../../../wire/operations-views.ts'

export interface PastRoundTrip {
  /** Unix, in the middle of what it is the mean of. */
  readonly atSeconds: number
  readonly ms: number
}

export interface Past {
  /** Of this node, the oldest first. */
  readonly own: readonly LivePointView[]
  /** By PeerId, the oldest first. */
  readonly roundTrips: ReadonlyMap<string, readonly PastRoundTrip[]>
}

/** A node tells round trips by database; of a mesh with many, the page asks for no more of them. */
export const DATABASES_ASKED_MAX = 4

/** Those whose copies are on the most peers that no other one has told of. */
export function databasesToAsk(databases: readonly DatabaseView[]): string[] {
  const asked: string[] = []
  const told = new Set<string>()
  while (asked.length < DATABASES_ASKED_MAX) {
    const [most] = databases.map(({ name, copies }) => ({ name, peers: copies.flatMap(({ peerId, isLocal }) => (isLocal || told.has(peerId) ? [] : [peerId])) })).sort((one, other) => other.peers.length - one.peers.length)
    if (most === undefined || most.peers.length === 0) break
    asked.push(most.name)
    for (const peerId of most.peers) told.add(peerId)
  }
  return asked
}

/** @param latencies of which a peer may be in several, the same each time */
export function pastOf(history: LiveHistoryView | null, latencies: readonly LatencyView[]): Past {
  const roundTrips = new Map<string, readonly PastRoundTrip[]>()
  for (const { pointMs, nodes } of latencies) {
    // To the second, so that points of one minute that two answers tell are one.
    for (const { peerId, points } of nodes) roundTrips.set(peerId, points.map(({ atWallMs, meanMs }) => ({ atSeconds: Math.round((atWallMs + pointMs / 2) / 1000), ms: meanMs })))
  }
  return { own: history?.points ?? [], roundTrips }
}

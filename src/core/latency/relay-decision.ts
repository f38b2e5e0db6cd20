/**
 * What a node does with a query that may be on a two-hop route. Three nodes have one at most: the entry node, which is the first of `visited`; the
 * relay, which passes it on exactly once and directly, whatever two-hop routes it has itself; and the final node, which runs or refuses it. The request
 * names the final node, so nobody has to guess its part, and `visited` is checked against it, so that no query can circle.
 */

/** Nodes that may have had a query before the one that runs it. */
export const HOPS_MAX = 2

export interface RelayedRequest {
  /** Empty where the query is on no two-hop route. */
  readonly finalPeerId: string
  /** Entry node first; empty from a client. */
  readonly visited: readonly string[]
}

export type RelayDecision =
  /** Run or refuse it here, or, from a client, route it. */
  | { readonly kind: 'here' }
  /** Pass it on, directly to `to`, with this `visited`. */
  | { readonly kind: 'relay'; readonly to: string; readonly visited: readonly string[] }
  /** Nothing was executed. */
  | { readonly kind: 'refuse'; readonly code: 'ERR_HOP_LIMIT' | 'ERR_PEER_UNREACHABLE'; readonly reason: string }

/** `isReachable`: whether this node has a direct path to that member, and deals with it. */
export function relayDecision({ finalPeerId, visited }: RelayedRequest, selfPeerId: string, isReachable: (peerId: string) => boolean): RelayDecision {
  const refuse = (reason: string): RelayDecision => ({ kind: 'refuse', code: 'ERR_HOP_LIMIT', reason })
  if (visited.includes(selfPeerId)) return refuse('the query has been through this node before')
  if (new Set(visited).size < visited.length) return refuse('the query has been through one node twice')
  if (finalPeerId === '') return visited.length <= 1 ? { kind: 'here' } : refuse(`the query has been through ${visited.length} nodes; it may be forwarded once`)
  if (visited.includes(finalPeerId)) return refuse('the query has been through the node that is to run it')
  if (finalPeerId === selfPeerId) {
    if (visited.length === 0) return refuse('a client names the node that is to run its query by asking it')
    return visited.length <= HOPS_MAX ? { kind: 'here' } : refuse(`the query has been through ${visited.length} nodes; a two-hop route has ${HOPS_MAX}`)
  }
  if (visited.length !== HOPS_MAX - 1) return refuse(`a relay takes a query from the node where it entered, and this one has been through ${visited.length}`)
  if (!isReachable(finalPeerId)) return { kind: 'refuse', code: 'ERR_PEER_UNREACHABLE', reason: 'the relay has no direct path to the node that is to run the query' }
  return { kind: 'relay', to: finalPeerId, visited: [...visited, selfPeerId] }
}

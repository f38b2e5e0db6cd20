/**
 * Where a query runs: a pure function of what was asked and what is known, so that every decision can be replayed and explained.
 *
 * Local first: the node next door saves a hop, and as long as it is below its thresholds nobody else is even looked at. A read leaves an
 * overloaded node only for a **healthy** peer that is not overloaded itself; a far, suspect or loaded peer is no improvement, so then it
 * runs here with a warning (`local-overloaded`). Where it cannot run here at all, degraded peers are better than none.
 *
 * A write goes to the database's primary and nowhere else, however loaded it is: moving on would help nobody.
 *
 * A forwarded query runs here or is refused, never forwarded again. A read is refused above the thresholds although it could run: the
 * sender chose by figures that may be old, and moves on to its next peer, or home. Only a sender that has found no better place
 * and has no copy of its own asks again, as a last resort, and then it runs.
 */
import type { Random } from '../time/random.ts'
import { exclusion, tierOf, tiers, type Tiers } from './candidates.ts'
import { parseRoutingOptions, type RoutingOptions } from './options.ts'
import { nearest } from './strategies/nearest.ts'
import type { RoutingStrategy } from './strategies/strategy.ts'
import type { CandidateExplanation, Decision, Explanation, LocalView, PeerView, RouteRequest } from './types.ts'

export type { RoutingOptions } from './options.ts'

export interface DecideInput {
  readonly nowMs: number
  readonly request: RouteRequest
  readonly local: LocalView
  /** In any order; not looked at when the query runs here. */
  readonly peers: readonly PeerView[]
  readonly random: Random
  /** What is missing comes from the defaults. A frozen, complete object (`parseRoutingOptions`) saves the completion. */
  readonly options: Readonly<Partial<RoutingOptions>>
  /** Default `nearest`. */
  readonly strategy?: RoutingStrategy
  /** Fill `explanation.candidates`; without it the list is empty and costs nothing. Default false. */
  readonly explain?: boolean
}

type RefusalCode = Extract<Decision, { kind: 'refuse' }>['code']

interface Obstacle {
  /** Only load keeps the query from running here: it may, if nobody better is there. */
  readonly isSoft: boolean
  /** The answer when no peer can help either; null leaves it to what is known of the peers. */
  readonly code: RefusalCode | null
  readonly reason: string
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function decide(input: DecideInput): Decision {
  const { request, local } = input
  const obstacle = findObstacle(request, local)
  if (obstacle === null) {
    // The hot path: nothing that grows with the number of peers, unless it was asked for.
    const explanation = explain(input, 'Local node is below its thresholds', null)
    return { kind: 'local', explanation }
  }
  if (request.forwarded) return decideForwarded(input, obstacle)
  return decideAmongPeers(input, obstacle)
}

/** What speaks against running it here; null when nothing does. The first that applies is named. */
function findObstacle(request: RouteRequest, local: LocalView): Obstacle | null {
  const { database, access } = request
  if (local.role === null) return { isSoft: false, code: null, reason: `Local node does not serve ${database}` }
  if (local.draining) return { isSoft: false, code: 'ERR_DRAINING', reason: 'Local node is shutting down' }
  if (access === 'write' && local.role !== 'primary') return { isSoft: false, code: null, reason: `Writes to ${database} go to its primary` }
  if (!local.ready) return { isSoft: false, code: null, reason: `Local copy of ${database} is not ready` }
  if (local.inFlight >= local.inFlightMax) return { isSoft: false, code: 'ERR_OVERLOADED', reason: `Local node runs ${local.inFlight} queries and its limit is ${local.inFlightMax}` }
  if (local.overloaded) return { isSoft: true, code: 'ERR_OVERLOADED', reason: `Local ${local.overloadReason ?? 'node is above its thresholds'}` }
  return null
}

function decideForwarded(input: DecideInput, obstacle: Obstacle): Decision {
  const { request, local } = input
  if (obstacle.isSoft && (request.access === 'write' || request.lastResort)) return { kind: 'local-overloaded', explanation: explain(input, obstacle.reason, null) }
  const isReplica = request.access === 'write' && local.role === 'replica'
  const code = obstacle.code ?? (isReplica ? 'ERR_NOT_PRIMARY' : 'ERR_NOT_SERVING')
  return { kind: 'refuse', code, explanation: explain(input, obstacle.reason, null) }
}

function decideAmongPeers(input: DecideInput, obstacle: Obstacle): Decision {
  const { request, peers } = input
  const isWrite = request.access === 'write'
  if (isWrite && obstacle.isSoft) {
    return { kind: 'local-overloaded', explanation: explain(input, `${obstacle.reason}, but writes to ${request.database} run on its primary`, null) }
  }
  const options = complete(input.options)
  const usable = tiers(peers, isWrite, options)
  const chain = buildChain(input, usable, { options, isHealthyOnly: obstacle.isSoft })
  const [chosen] = chain
  if (chosen !== undefined) {
    return { kind: 'forward', chain: chain.map(({ peerId }) => peerId), latencyMs: measured(chosen), explanation: explain(input, obstacle.reason, chain) }
  }
  if (obstacle.isSoft) return { kind: 'local-overloaded', explanation: explain(input, `${obstacle.reason}, but no healthy peer can take the query`, chain) }
  const { code, reason } = refusal(input, obstacle)
  return { kind: 'refuse', code, explanation: explain(input, reason, chain) }
}

/** The chosen peer and its successors: tier after tier, until there are enough. */
function buildChain(
  { nowMs, local: { site }, random, strategy = nearest }: DecideInput, usable: Tiers,
  { options, isHealthyOnly }: { readonly options: RoutingOptions; readonly isHealthyOnly: boolean },
): PeerView[] {
  const chain: PeerView[] = []
  const places = 1 + options.failoverMax
  for (const tier of isHealthyOnly ? [usable.fresh, usable.stale] : [usable.fresh, usable.stale, usable.degraded, usable.overloaded]) {
    if (tier.length === 0 || chain.length >= places) continue
    for (const index of strategy.rank(tier, { options, random, nowMs, site, places: places - chain.length }).order) chain.push(tier[index] as PeerView)
  }
  return chain
}

function refusal({ request: { database, access }, local, peers }: DecideInput, obstacle: Obstacle): { readonly code: RefusalCode; readonly reason: string } {
  const servedElsewhere = peers.some(({ role }) => role !== null)
  if (obstacle.code !== null) return { code: obstacle.code, reason: `${obstacle.reason}, and no other node can take the query` }
  if (local.role === null && !servedElsewhere) return { code: 'ERR_DATABASE_UNKNOWN', reason: `No node of the mesh serves ${database}` }
  if (access === 'write') return { code: 'ERR_NO_PRIMARY', reason: `No reachable node serves ${database} as its primary` }
  if (!servedElsewhere) return { code: 'ERR_NOT_SERVING', reason: `${obstacle.reason}, and no other node serves it` }
  return { code: 'ERR_NO_HEALTHY_PEER', reason: `${obstacle.reason}, and every node that does is down, unhealthy or not ready` }
}

/** `chain`: null when no peer was looked at. */
function explain(input: DecideInput, reason: string, chain: readonly PeerView[] | null): Explanation {
  const { name: strategy } = input.strategy ?? nearest
  return { strategy, reason, candidates: input.explain === true ? explainCandidates(input, chain ?? []) : [] }
}

/** Every peer with its figure and why it was passed over. With an empty chain the usable ones are those that local beat. */
function explainCandidates({ nowMs, request, local: { site }, peers, options: given, strategy = nearest }: DecideInput, chain: readonly PeerView[]): CandidateExplanation[] {
  const options = complete(given)
  const isWrite = request.access === 'write'
  const usable = tiers(peers, isWrite, options)
  const scores = new Map<PeerView, number>()
  for (const tier of [usable.fresh, usable.stale, usable.degraded, usable.overloaded]) {
    if (tier.length === 0) continue
    const figures = strategy.score(tier, { options, nowMs, site })
    tier.forEach((peer, index) => scores.set(peer, figures[index] as number))
  }
  return peers.map((peer): CandidateExplanation => ({
    peerId: peer.peerId, name: peer.name, latencyMs: measured(peer), cpuPercent: peer.cpuPercent, memoryPercent: peer.memoryPercent,
    inFlight: peer.inFlightThere + peer.inFlightFromHere, score: scores.get(peer) ?? null, verdict: verdict(peer, { isWrite, options, chain }),
  }))
}

function verdict(
  peer: PeerView, { isWrite, options, chain }: { readonly isWrite: boolean; readonly options: RoutingOptions; readonly chain: readonly PeerView[] },
): CandidateExplanation['verdict'] {
  const excluded = exclusion(peer, isWrite, options)
  if (excluded !== null) return excluded
  const place = chain.indexOf(peer)
  if (place >= 0) return place === 0 ? 'chosen' : 'fallback'
  switch (tierOf(peer, options)) {
    case 'fresh':
      return 'slower'
    case 'stale':
      return 'stale-load'
    case 'degraded':
      return 'degraded'
    case 'overloaded':
      return 'overloaded'
  }
}

/** A window without an answer yet reports an infinite time; for whoever reads the decision that is no measurement. */
function measured({ latencyMs }: PeerView): number | null {
  return latencyMs !== null && Number.isFinite(latencyMs) ? latencyMs : null
}

const completed = new WeakMap<object, RoutingOptions>()

/** Parsed once for each options object. */
function complete(options: Readonly<Partial<RoutingOptions>>): RoutingOptions {
  const known = completed.get(options)
  if (known !== undefined) return known
  const parsed = parseRoutingOptions(options)
  completed.set(options, parsed)
  return parsed
}

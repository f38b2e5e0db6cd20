/**
 * What would become of a query: the same decision on the same figures, with nothing counted, no turn taken and nothing drawn. Where chance
 * would choose, the likeliest outcome is shown: of a share that goes, one that goes; of near-ties, the best.
 */
import { decide, type RoutingOptions } from '../core/routing/decide.ts'
import type { RouteHints } from '../core/routing/hints.ts'
import { lowest } from '../core/routing/strategies/choices.ts'
import type { StrategySet } from '../core/routing/strategies/registry.ts'
import type { RankContext, Ranking, RoutingStrategy } from '../core/routing/strategies/strategy.ts'
import type { CandidateExplanation, Decision, LocalView, PeerView } from '../core/routing/types.ts'
import type { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { QueryValue } from '../ports/query-engine.ts'
import type { QueryHints } from '../query/hint-text.ts'
import type { ExplainCandidateView, ExplainView } from '../wire/control.ts'
import { formatDuration } from './duration-text.ts'
import type { HotspotDriver } from './hotspot-driver.ts'
import type { QueryGateDriver } from './query-gate-driver.ts'
import { type Sessions, withPlace } from './sessions.ts'
import type { SharedReads } from './shared-reads.ts'

export interface RouteExplainerParts {
  readonly self: { readonly peerId: string; readonly name: string }
  readonly clock: Pick<Clock, 'nowMs'>
  readonly peerViews: (database: string) => PeerView[]
  readonly peerName: (peerId: string) => string
  /** Where a query to it would go through a third node; null: directly. */
  readonly routeTo: (peerId: string) => { readonly via: string } | null
  readonly refusalOf: (access: ExplainView['access']) => MeshError | null
  readonly strategies: (database: string) => { readonly standard: RoutingStrategy; readonly byName: StrategySet }
  readonly sessions: Pick<Sessions, 'placeOf'> & Partial<Pick<Sessions, 'warmed'>>
  readonly hotspots: Pick<HotspotDriver, 'shareToMove' | 'hotOf'>
  readonly sharedReads?: Pick<SharedReads, 'look'>
  readonly gate: Pick<QueryGateDriver, 'placeOf'>
  readonly routing: RoutingOptions
}

export interface ExplainInput {
  readonly database: string
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  readonly access: ExplainView['access']
  readonly tables: readonly string[]
  readonly priority: ExplainView['priority']
  readonly hints: QueryHints
  readonly local: LocalView
  /** Whether nothing but load, or a wish, speaks against running it here, so that it does when no peer answers. */
  readonly canRunHere: (hints: RouteHints) => boolean
}

/** What the answer names; a mesh may have more nodes than one line of it can hold. */
const candidatesMax = 1_000

/** @throws MeshError ERR_OPTION_INVALID for a strategy that does not exist */
export function explainRoute(parts: RouteExplainerParts, input: ExplainInput): ExplainView {
  const { database, sql, parameters, access, tables, priority, hints: { route, session }, local } = input
  const hotspotRatio = parts.hotspots.shareToMove(database, tables)
  const spread = hotspotRatio > 0 && !route.localOnly ? { ...route, preferRemote: true } : route
  const place = parts.sessions.placeOf(database, session, tables)
  const hints = withPlace(spread, place)
  const views = parts.peerViews(database)
  const peers = parts.sessions.warmed?.(views, database, tables) ?? views
  const { standard, byName } = parts.strategies(database)
  const decision = decide({
    nowMs: parts.clock.nowMs(),
    request: { database, access, priority, forwarded: false, lastResort: false, hints },
    local, peers: () => peers,
    // Below any share: one that goes.
    random: () => 0,
    options: parts.routing, strategy: withoutTurns(standard), strategies: { get: (name) => withoutTurns(byName.get(name)) },
    explain: true,
  })
  const refusal = parts.refusalOf(access)
  const candidates = explainCandidates(parts, input, { decision, peers, hints, refusal })
  const runsHere = refusal === null && (decision.kind === 'local' || decision.kind === 'local-overloaded')
  // Whoever bounds the age of the copy gets an answer from it, and none that was kept.
  const shared = runsHere && access === 'read' && hints.maxStalenessMs === null ? parts.sharedReads?.look({ database, sql, parameters, priority }) ?? null : null
  return {
    database, access, tables, priority, session, node: parts.self,
    decision: refusal === null ? decision.kind : 'refuse',
    code: refusal?.code ?? (decision.kind === 'refuse' ? decision.code : null),
    reason: refusal?.message ?? decision.explanation.reason,
    strategy: decision.explanation.strategy,
    target: refusal === null ? targetOf(parts, decision) : null,
    forwardedRatio: decision.explanation.share?.forwardedRatio ?? null,
    hotspotRatio, hotspots: parts.hotspots.hotOf(database, tables),
    keptTo: place === null ? null : { ...place, name: parts.peerName(place.peerId) },
    shared, queue: runsHere && shared === null ? parts.gate.placeOf(priority) : null,
    candidates: candidates.slice(0, candidatesMax), omitted: Math.max(0, candidates.length - candidatesMax),
  }
}

/** The same choice without its effects: by `rank` where that has none, otherwise by score alone. */
function withoutTurns(strategy: RoutingStrategy): RoutingStrategy {
  const rank = (candidates: readonly PeerView[], context: RankContext): Ranking => {
    // All are looked at, so that the best is found and not the better of two.
    if (strategy.isStateless === true) return strategy.rank(candidates, { ...context, random: () => 0, options: { ...context.options, scanMax: candidates.length } })
    return { order: lowest(strategy.score(candidates, context), context.places, null) }
  }
  return { name: strategy.name, score: (candidates, context) => strategy.score(candidates, context), rank }
}

function targetOf({ self, peerName, routeTo }: RouteExplainerParts, decision: Decision): ExplainView['target'] {
  switch (decision.kind) {
    case 'refuse': return null
    case 'local':
    case 'local-overloaded': return { ...self, latencyMs: null, via: null }
    case 'forward': {
      const peerId = decision.chain[0] as string
      const route = routeTo(peerId)
      return { peerId, name: peerName(peerId), latencyMs: decision.latencyMs, via: route === null ? null : peerName(route.via) }
    }
  }
}

interface Judged {
  readonly decision: Decision
  readonly peers: readonly PeerView[]
  readonly hints: RouteHints
  readonly refusal: MeshError | null
}

function explainCandidates(parts: RouteExplainerParts, input: ExplainInput, judged: Judged): ExplainCandidateView[] {
  const { decision, peers } = judged
  const places = new Map(decision.kind === 'forward' ? decision.chain.map((peerId, index) => [peerId, index]) : [])
  const views = new Map(peers.map((peer) => [peer.peerId, peer]))
  return [localCandidate(parts, input, judged), ...decision.explanation.candidates.map((candidate): ExplainCandidateView => {
    const peer = views.get(candidate.peerId) as PeerView
    const route = parts.routeTo(candidate.peerId)
    return {
      ...candidate, isLocal: false, place: placeOf(peer.site), role: peer.role ?? '', via: route === null ? null : parts.peerName(route.via),
      reason: reasonOf(candidate, peer, { ...judged, database: input.database, parts, position: places.get(candidate.peerId) ?? null }),
    }
  })]
}

function localCandidate({ self }: RouteExplainerParts, { local, canRunHere }: ExplainInput, { decision, hints, refusal }: Judged): ExplainCandidateView {
  const isChosen = refusal === null && (decision.kind === 'local' || decision.kind === 'local-overloaded')
  const isFallback = refusal === null && decision.kind === 'forward' && canRunHere(hints)
  const reason = refusal?.message ?? decision.explanation.reason
  return {
    ...self, isLocal: true, place: placeOf(local.site), role: local.role ?? '', via: null, latencyMs: null, score: null,
    cpuPercent: local.cpuPercent, memoryPercent: local.memoryPercent, inFlight: local.inFlight,
    verdict: isChosen ? 'chosen' : isFallback ? 'fallback' : 'passed-over',
    reason: isFallback ? `${reason}; it runs here if no peer answers` : reason,
  }
}

function reasonOf(
  { verdict, score, cpuPercent, memoryPercent }: CandidateExplanation, peer: PeerView,
  { parts, database, decision, hints, position, refusal }: Judged & Pick<ExplainInput, 'database'> & { readonly parts: RouteExplainerParts; readonly position: number | null },
): string {
  switch (verdict) {
    case 'chosen': return refusal === null ? `First by ${decision.explanation.strategy}` : 'It would be the first, if this node passed it on'
    case 'fallback': return `Number ${(position ?? 0) + 1}, if those before it fail or refuse`
    case 'does-not-serve': return `It does not serve ${database}`
    case 'not-ready': return `Its copy of ${database} is not ready`
    case 'not-primary': return 'It is a replica, and writes go to the primary'
    case 'not-alive': return `It ${peer.state === 'failed' || peer.state === 'left' ? 'has' : 'is'} ${peer.state}`
    case 'unhealthy': return 'It is unhealthy; rdb db:nodes says why'
    case 'overloaded': return `It is overloaded: CPU ${percentText(cpuPercent)}, memory ${percentText(memoryPercent)}`
    case 'stale-load': return peer.loadAgeMs === null ? 'It has not told its load yet' : `Its load figures are ${formatDuration(peer.loadAgeMs)} old`
    case 'too-many-in-flight': return `${peer.inFlightFromHere} queries from here are under way there`
    case 'spare': return decision.kind === 'forward' ? `Behind others by its score${score === null ? '' : `, ${Number(score.toPrecision(3))}`}` : 'It could take it, but it stays here'
    case 'slow': return `A query takes ${Math.round(peer.serviceMs ?? 0)} ms there, much longer than elsewhere`
    case 'degraded': return peer.state === 'suspect' ? 'It is suspected to have failed' : `It is degraded${peer.latencyMs === null ? '' : `: latency ${formatDuration(peer.latencyMs)}`}`
    case 'ejected': return `It is kept out for its errors, for another ${formatDuration(peer.feedback?.ejectedForMs ?? 0)}`
    case 'too-stale': return `${peer.lagMs === null ? 'It does not know how far it is behind' : `It is ${formatDuration(peer.lagMs)} behind`}; the query allows ${formatDuration(hints.maxStalenessMs ?? 0)}`
    case 'other-zone': return `It is not in zone ${hints.zone ?? ''}`
    case 'pinned-elsewhere': return `Its session wrote at ${hints.pinnedTo === null ? 'another node' : parts.peerName(hints.pinnedTo)}`
  }
}

function percentText(percent: number | null): string {
  return percent === null ? 'unknown' : `${Math.round(percent)}%`
}

function placeOf({ datacenter, rack }: { readonly datacenter: string; readonly rack: string }): string {
  return rack === '' ? datacenter : `${datacenter}/${rack}`
}

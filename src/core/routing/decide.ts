/**
 * Where a query runs: a pure function of what was asked and what is known, so that every decision can be replayed and explained.
 *
 * Local first: the node next door saves a hop, and as long as it is below its thresholds nobody else is even looked at. A read leaves an
 * overloaded node only for a **healthy** peer that is not overloaded itself; a far, suspect or loaded peer is no improvement, so then it
 * runs here with a warning (`local-overloaded`). Nor do all reads leave: a share that grows with the excess does (load-sharing.ts). Where it
 * cannot run here at all, degraded peers are better than none, ejected ones better than overloaded ones.
 *
 * A write goes to the database's primary and nowhere else, however loaded it is: moving on would help nobody.
 *
 * A forwarded query runs here or is refused, never forwarded again. Above the thresholds a share of such reads is refused although they could run: the
 * sender chose by figures that may be old, and moves on to its next peer, or home. A sender that knows no better place
 * says so, and then it runs.
 */
import type { Random } from '../time/random.ts'
import { createEligibility, inOrder, isSlow, lastResortOf, standingOf, tiers, type Eligibility, type Tiers } from './candidates.ts'
import { isInZone, isTooStale } from './hints.ts'
import { forwardedRatio } from './load-sharing.ts'
import { parseRoutingOptions, type RoutingOptions } from './options.ts'
import { lowest } from './strategies/choices.ts'
import { nearest } from './strategies/nearest.ts'
import { createStrategy } from './strategies/registry.ts'
import type { RoutingStrategy } from './strategies/strategy.ts'
import type { CandidateExplanation, Decision, Explanation, LoadShare, LocalView, PeerView, RefusalCode, RouteRequest } from './types.ts'

export type { RoutingOptions } from './options.ts'

export interface DecideInput {
  readonly nowMs: number
  readonly request: RouteRequest
  readonly local: LocalView
  /** In any order. Called at most once, and not at all when the query runs here unexplained. */
  readonly peers: () => readonly PeerView[]
  readonly random: Random
  /** What is missing comes from the defaults. A frozen, complete object (`parseRoutingOptions`) saves the completion. */
  readonly options: Readonly<Partial<RoutingOptions>>
  /** The database's own; default `nearest`. */
  readonly strategy?: RoutingStrategy
  /** Finds the strategy of a hint, with the cursor that it has (`StrategySet`). Default: a new one each time. */
  readonly strategies?: { get(name: string): RoutingStrategy }
  /** Fill `explanation.candidates`; without it the list is empty and costs nothing. Default false. */
  readonly explain?: boolean
}

interface Obstacle {
  /**
   * `hard`: it cannot run here. `overload`: it may, if nobody better is there. `slow`: it may, and would take much longer. `preference`: it may,
   * but asked to go elsewhere.
   */
  readonly kind: 'hard' | 'overload' | 'slow' | 'preference'
  /** The answer when no peer can help either; null leaves it to what is known of the peers. */
  readonly code: RefusalCode | null
  readonly reason: string
  /** PeerId of the node that the reason speaks of; its name, which only the peers tell, follows where they are looked at. */
  readonly at?: string
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function decide(given: DecideInput): Decision {
  const strategy = strategyOf(given)
  const input: Input = { ...given, strategy }
  const { request, local } = input
  const obstacle = findObstacle(request, local)
  if (obstacle === null) {
    // The hot path: nothing that grows with the number of peers, unless it was asked for.
    return { kind: 'local', lastResort: null, explanation: explain(input, 'Local node is below its thresholds') }
  }
  const { localOnly, pinnedTo } = request.hints
  if (request.forwarded) return decideForwarded(input, obstacle)
  if (localOnly) return decideHere(input, obstacle, true, ', and the query asks to stay here')
  if (pinnedTo === local.peerId) return decideHere(input, obstacle, true, ', and its session wrote here')
  if (request.access === 'write' && obstacle.kind === 'overload') return decideHere(input, obstacle, true, `, but writes to ${request.database} run on its primary`)
  return decideAmongPeers(input, obstacle)
}

type Input = DecideInput & { readonly strategy: RoutingStrategy }

/** Whoever was forwarded a query has no peer to choose, and need not know a strategy that is the entry node's own. */
function strategyOf({ request: { forwarded, hints }, strategy, strategies }: DecideInput): RoutingStrategy {
  if (hints.strategy === null || forwarded) return strategy ?? nearest
  return strategies === undefined ? createStrategy(hints.strategy) : strategies.get(hints.strategy)
}

/** What speaks against running it here; null when nothing does. The first that applies is named. */
function findObstacle({ database, access, forwarded, hints }: RouteRequest, local: LocalView): Obstacle | null {
  const isWrite = access === 'write'
  if (local.role === null) return { kind: 'hard', code: null, reason: `Local node does not serve ${database}` }
  if (local.draining) return { kind: 'hard', code: 'ERR_DRAINING', reason: 'Local node is shutting down' }
  if (hints.pinnedTo !== null && hints.pinnedTo !== local.peerId) return { kind: 'hard', code: null, reason: 'Its session wrote at another node', at: hints.pinnedTo }
  if (isWrite && local.role !== 'primary') return { kind: 'hard', code: null, reason: `Writes to ${database} go to its primary` }
  if (!local.ready) return { kind: 'hard', code: null, reason: `Local copy of ${database} is not ready` }
  if (!isWrite && hints.zone !== null && !isInZone(local.site, hints.zone)) return { kind: 'hard', code: null, reason: `Local node is not in zone ${hints.zone}` }
  if (!isWrite && hints.maxStalenessMs !== null && isTooStale(local, hints.maxStalenessMs)) {
    return { kind: 'hard', code: 'ERR_TOO_STALE', reason: `Local copy of ${database} ${describeLag(local.lagMs)} and the query allows ${Math.round(hints.maxStalenessMs)} ms` }
  }
  if (local.inFlight >= local.inFlightMax) return { kind: 'hard', code: 'ERR_OVERLOADED', reason: `Local node runs ${local.inFlight} queries and its limit is ${local.inFlightMax}` }
  if (local.overloaded) return { kind: 'overload', code: 'ERR_OVERLOADED', reason: `Local ${local.overloadReason ?? 'node is above its thresholds'}` }
  if (!isWrite && !forwarded && (local.comparison?.forwardedRatio ?? 0) > 0) return { kind: 'slow', code: null, reason: describeSlowness(local) }
  if (hints.stickTo !== null && hints.stickTo !== local.peerId && !isWrite && !forwarded) return { kind: 'preference', code: null, reason: 'The session is with another node' }
  if (hints.preferRemote && !isWrite && !forwarded) return { kind: 'preference', code: null, reason: 'The query prefers another node' }
  return null
}

function describeLag(lagMs: number | null): string {
  return lagMs === null ? 'does not know how far it is behind' : `is ${Math.round(lagMs)} ms behind`
}

function wroteAt(pinnedTo: string, peers: readonly PeerView[]): string {
  return `Its session wrote at ${peers.find(({ peerId }) => peerId === pinnedTo)?.name ?? 'a node that is gone'}`
}

function describeSlowness({ comparison }: LocalView): string {
  const { hereMs, elsewhereMs, elsewhereName } = comparison ?? {}
  if (hereMs === undefined || hereMs === null || elsewhereMs === undefined || elsewhereMs === null) return 'Queries have been slow here'
  const ratio = hereMs / elsewhereMs
  return `A query takes ${Math.round(hereMs)} ms here, ${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)} × as long as at ${elsewhereName ?? 'the other copies'}`
}

/**
 * Of what other nodes send, an overloaded node refuses a share that grows with its excess, as it sends away a share of its own. Were all refused from the
 * threshold on, and until overload is left again, the senders would swing between flooding this node and leaving it idle.
 */
function decideForwarded(input: Input, obstacle: Obstacle): Decision {
  const { request: { access, lastResort, hints }, local, random } = input
  const isBorne = access === 'write' || lastResort || hints.pinnedTo === local.peerId
  return decideHere(input, obstacle, isBorne || (obstacle.kind === 'overload' && random() >= local.excessRatio), '')
}

/** Here or nowhere. `isOverloadBorne`: overload is no reason to refuse it. `because` follows the reason. */
function decideHere(input: Input, obstacle: Obstacle, isOverloadBorne: boolean, because: string): Decision {
  const { request, local } = input
  const explanation = explain(input, `${obstacle.reason}${because}`)
  if (obstacle.kind === 'preference' || obstacle.kind === 'slow') return { kind: 'local', lastResort: null, explanation }
  if (obstacle.kind === 'overload' && isOverloadBorne) return { kind: 'local-overloaded', lastResort: null, explanation }
  const isReplica = request.access === 'write' && local.role === 'replica'
  return { kind: 'refuse', code: obstacle.code ?? (isReplica ? 'ERR_NOT_PRIMARY' : 'ERR_NOT_SERVING'), lastResort: null, explanation }
}

function decideAmongPeers(input: Input, found: Obstacle): Decision {
  const { request, local } = input
  const peers = input.peers()
  const obstacle = found.at === undefined ? found : { ...found, reason: wroteAt(found.at, peers) }
  const options = complete(input.options)
  const eligibility = eligibilityOf(input)
  const usable = tiers(peers, eligibility)
  const isHealthyOnly = obstacle.kind !== 'hard'
  if (obstacle.kind === 'overload') addRelief(usable, local, options)
  const lastResort = obstacle.kind === 'preference' || obstacle.kind === 'slow' ? null : lastResortOf(usable)

  const { preferRemote, stickTo, warmAt } = request.hints
  const wellKnown = (peerId: string | null): PeerView | undefined => (request.access === 'write' || peerId === null ? undefined : usable.fresh.find((peer) => peer.peerId === peerId) ?? usable.stale.find((peer) => peer.peerId === peerId))
  const sticky = wellKnown(stickTo)
  if (obstacle.kind === 'preference' && !preferRemote && sticky === undefined) {
    return { kind: 'local', lastResort, explanation: explain(input, `${obstacle.reason}, which cannot take the query`, { peers, chain: [], share: null }) }
  }

  const isAnyHealthy = usable.fresh.length + usable.stale.length > 0
  const ratio = isAnyHealthy && !preferRemote && sticky === undefined ? shareOf(local, obstacle.kind, options) : null
  if (ratio !== null && ratio < 1 && input.random() >= ratio) {
    const reason = `${obstacle.reason}; ${obstacle.kind === 'slow' ? 'so' : 'at this load'} ${Math.round(100 * ratio)}% of the reads go to peers, and this one is of the share that stays`
    return { kind: stayingHere(obstacle), lastResort, explanation: explain(input, reason, { peers, chain: [], share: { forwardedRatio: ratio, isKept: true } }) }
  }

  const ranked = buildChain(input, usable, { options, isHealthyOnly })
  const first = sticky ?? wellKnown(warmAt)
  const chain = first === undefined ? ranked : [first, ...ranked.filter((peer) => peer !== first)].slice(0, 1 + options.failoverMax)
  const share = ratio === null ? null : { forwardedRatio: ratio, isKept: false }
  const [chosen] = chain
  if (chosen !== undefined) {
    const isRelief = isHealthyOnly && standingOf(chosen, eligibility) === 'overloaded'
    const reason = isRelief ? `${obstacle.reason}; ${chosen.name} is overloaded too, but would answer in ${Math.round(chosen.serviceMs ?? 0)} ms what takes ${Math.round(local.comparison?.hereMs ?? 0)} ms here` : obstacle.reason
    return { kind: 'forward', chain: chain.map(({ peerId }) => peerId), latencyMs: measured(chosen), isRelief, ifNobody: stayingHere(obstacle), lastResort, explanation: explain(input, reason, { peers, chain, share }) }
  }
  const nobody = { peers, chain, share: null }
  if (isHealthyOnly) {
    return { kind: stayingHere(obstacle), lastResort, explanation: explain(input, `${obstacle.reason}, but no healthy peer can take the query`, nobody) }
  }
  const { code, reason } = refusal(input, obstacle, { peers, eligibility })
  return { kind: 'refuse', code, lastResort, explanation: explain(input, reason, nobody) }
}

/** The part of the reads that leaves for load or slowness; null where that is not the reason. */
function shareOf(local: LocalView, kind: Obstacle['kind'], options: RoutingOptions): number | null {
  const slowRatio = local.comparison?.forwardedRatio ?? 0
  if (kind === 'overload') return Math.max(forwardedRatio(local.excessRatio, options), slowRatio)
  return kind === 'slow' ? slowRatio : null
}

/**
 * Overloaded peers that would be done much sooner than this node, which is overloaded itself, count as healthy. Otherwise a node that all clients ask
 * would work off its queue alone while the others keep out of it.
 */
function addRelief(usable: Tiers, local: LocalView, options: RoutingOptions): void {
  if ((local.comparison?.hereMs ?? null) === null) return
  for (const peer of usable.overloaded) if (isMuchSooner(peer, local, options)) usable.fresh.push(peer)
}

/**
 * By what both tell of how long a query takes, or, where that is much the same, by how many each has: times are those of a while ago, when an engine that is
 * idle now was busy.
 */
function isMuchSooner({ serviceMs, latencyMs, inFlightThere, inFlightFromHere }: PeerView, { comparison, inFlight }: LocalView, { reliefRatio }: RoutingOptions): boolean {
  const hereMs = comparison?.hereMs ?? null
  if (hereMs === null || serviceMs === undefined || serviceMs === null) return false
  const thereMs = serviceMs + (latencyMs ?? 0)
  const there = Math.max(inFlightThere, inFlightFromHere) + 1
  // Queries count from their dispatch: who tells a short time is not sent more than there are here before it can tell a longer one.
  return thereMs <= hereMs && there <= inFlight && (reliefRatio * thereMs <= hereMs || reliefRatio * there <= inFlight)
}

function stayingHere({ kind }: Obstacle): 'local' | 'local-overloaded' {
  return kind === 'overload' ? 'local-overloaded' : 'local'
}

/**
 * The chosen peer and its successors: tier after tier, until there are enough. The strategy chooses in the best tier there is; further
 * tiers follow by score, since nobody there has a turn that a cursor should count.
 */
function buildChain(
  { nowMs, local: { site }, random, strategy }: Input, usable: Tiers,
  { options, isHealthyOnly }: { readonly options: RoutingOptions; readonly isHealthyOnly: boolean },
): PeerView[] {
  const chain: PeerView[] = []
  const total = 1 + options.failoverMax
  for (const tier of inOrder(usable, isHealthyOnly)) {
    const places = total - chain.length
    if (tier.length === 0 || places <= 0) continue
    const order = chain.length === 0
      ? strategy.rank(tier, { options, random, nowMs, site, places }).order
      : lowest(strategy.score(tier, { options, nowMs, site }), places, null)
    for (const index of order) chain.push(tier[index] as PeerView)
  }
  return chain
}

function refusal(
  input: Input, obstacle: Obstacle, { peers, eligibility }: { readonly peers: readonly PeerView[]; readonly eligibility: Eligibility },
): { readonly code: RefusalCode; readonly reason: string } {
  const { request, local } = input
  const { database, access, hints } = request
  const servedElsewhere = peers.some(({ role }) => role !== null)
  if (obstacle.code !== null) return { code: obstacle.code, reason: `${obstacle.reason}, and no other node can take the query` }
  if (local.role === null && !servedElsewhere) return { code: 'ERR_DATABASE_UNKNOWN', reason: `No node of the mesh serves ${database}` }
  if (hints.pinnedTo !== null) return { code: 'ERR_NO_HEALTHY_PEER', reason: `${wroteAt(hints.pinnedTo, peers)}, which cannot take the query` }
  if (access === 'write') return { code: 'ERR_NO_PRIMARY', reason: `No reachable node serves ${database} as its primary` }
  if (hints.maxStalenessMs !== null && peers.some((peer) => standingOf(peer, eligibility) === 'too-stale')) {
    return { code: 'ERR_TOO_STALE', reason: `${obstacle.reason}, and no other copy is known to be at most ${Math.round(hints.maxStalenessMs)} ms behind` }
  }
  if (hints.zone !== null) return { code: 'ERR_NO_HEALTHY_PEER', reason: `No node in zone ${hints.zone} can take the query` }
  if (peers.some((peer) => standingOf(peer, eligibility) === 'too-many-in-flight')) {
    return { code: 'ERR_OVERLOADED', reason: `${obstacle.reason}, and the nodes that could take it have as many queries from here as they may` }
  }
  if (!servedElsewhere) return { code: 'ERR_NOT_SERVING', reason: `${obstacle.reason}, and no other node serves it` }
  return { code: 'ERR_NO_HEALTHY_PEER', reason: `${obstacle.reason}, and every node that does is down, unhealthy or not ready` }
}

function eligibilityOf({ request: { access, hints }, local: { comparison }, options: given }: Input): Eligibility {
  const options = complete(given)
  return createEligibility({ isWrite: access === 'write', hints, slowFromMs: slowFromMs(comparison?.elsewhereMs ?? null, options), options })
}

function slowFromMs(elsewhereMs: number | null, { slowRatio, slowMarginMs }: RoutingOptions): number {
  return elsewhereMs === null ? Infinity : Math.max(slowRatio * elsewhereMs, elsewhereMs + slowMarginMs)
}

interface LookedAt {
  readonly peers: readonly PeerView[]
  readonly chain: readonly PeerView[]
  readonly share: LoadShare | null
}

/** Without `lookedAt` no peer was looked at. */
function explain(input: Input, reason: string, lookedAt?: LookedAt): Explanation {
  const candidates = input.explain === true ? explainCandidates(input, lookedAt?.peers ?? input.peers(), lookedAt?.chain ?? []) : []
  return { strategy: input.strategy.name, reason, candidates, share: lookedAt?.share ?? null }
}

/** Every peer with its figure and why it was passed over, in the order in which it would be asked. With an empty chain the usable ones are spare. */
function explainCandidates(input: Input, peers: readonly PeerView[], chain: readonly PeerView[]): CandidateExplanation[] {
  const { nowMs, local: { site }, options: given, strategy } = input
  const options = complete(given)
  const eligibility = eligibilityOf(input)
  const usable = tiers(peers, eligibility)
  const scores = new Map<PeerView, number>()
  for (const tier of inOrder(usable, false)) {
    if (tier.length === 0) continue
    const figures = strategy.score(tier, { options, nowMs, site })
    tier.forEach((peer, index) => scores.set(peer, figures[index] as number))
  }
  const places = new Map(chain.map((peer, index) => [peer, index]))
  const ordered = peers.toSorted((a, b) => order(places.get(a), places.get(b)) || order(scores.get(a), scores.get(b)) || (a.name < b.name ? -1 : 1))
  return ordered.map((peer): CandidateExplanation => ({
    peerId: peer.peerId, name: peer.name, latencyMs: measured(peer), cpuPercent: peer.cpuPercent, memoryPercent: peer.memoryPercent,
    inFlight: peer.inFlightThere + peer.inFlightFromHere, score: scores.get(peer) ?? null, verdict: verdict(peer, eligibility, chain),
  }))
}

/** Those without a number last; infinity minus itself would be no order. */
function order(a: number | undefined, b: number | undefined): number {
  return a === b ? 0 : (a ?? Infinity) - (b ?? Infinity)
}

function verdict(peer: PeerView, eligibility: Eligibility, chain: readonly PeerView[]): CandidateExplanation['verdict'] {
  const standing = standingOf(peer, eligibility)
  switch (standing) {
    case 'fresh':
    case 'stale':
    case 'degraded':
    case 'ejected':
    case 'overloaded': {
      const place = chain.indexOf(peer)
      if (place >= 0) return place === 0 ? 'chosen' : 'fallback'
      if (standing === 'fresh') return 'spare'
      if (standing === 'stale') return 'stale-load'
      return standing === 'degraded' && isSlow(peer, eligibility.slowFromMs) ? 'slow' : standing
    }
    default:
      return standing
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

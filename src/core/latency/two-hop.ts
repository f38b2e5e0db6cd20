/**
 * Where a query had better go through a third node, as in a resilient overlay network (RON, Andersen et al., SOSP'01): nodes tell each other how far
 * their peers are from them, and a node that knows its own legs and theirs knows the length of every way with one relay. One is enough: RON found
 * that at most one intermediate node suffices to overcome faults and improve performance in most cases, and one hop can not become a loop.
 *
 * A relay is taken where the direct path is broken, or where it saves more than 20 % of the round trip (`enterGainRatio`) and 2 ms. It is kept while
 * it saves 10 %, and gives way to another relay only if that is 10 % better, so that figures which waver about a threshold change nothing. A failed
 * path is acted on at once; that a path works again, or that another one is faster, is noticed at the next look a minute later, so that a path
 * which comes and goes is not followed.
 *
 * A length counts its losses: rtt / (1 − loss), the mean time with repetitions (Extension: RON chooses by latency or by loss). Of a leg that both
 * its ends tell the worse figure counts, and a leg that only the relay tells counts around a broken path alone (Extension): a node that calls itself near
 * to everybody attracts nothing that has a way of its own.
 */
import { Deadlines } from '../time/deadlines.ts'
import { parseTwoHopOptions, type TwoHopOptions } from './two-hop-options.ts'

/** One path of whoever tells it. */
export interface PathLatency {
  readonly peerId: string
  readonly rttMs: number
  /** 0–1, of round trips. */
  readonly lossRatio: number
}

/** A path of this node, to a member that is up and that it deals with. */
export interface OwnPath {
  readonly peerId: string
  /** Null while unmeasured. */
  readonly rttMs: number | null
  readonly lossRatio: number
  /** Queries do not get through. */
  readonly isBroken: boolean
  /** `if-needed`: it has enough to do, so it passes on only what has no other way. */
  readonly relays: 'yes' | 'if-needed' | 'no'
}

export interface TwoHopRoute {
  readonly via: string
  /** Both legs with their losses, and the relay's part. */
  readonly totalMs: number
  /** Null while the direct path is broken or not measured. */
  readonly directMs: number | null
}

export type TwoHopEffect =
  /** The owner answers with `handlePaths`. */
  | { readonly kind: 'measure' }
  /** Null: queries go directly. */
  | { readonly kind: 'route'; readonly peerId: string; readonly route: TwoHopRoute | null }

/** As many as a load snapshot has room for. */
export const VECTOR_PATHS_MAX = 100
export const VECTOR_PATHS_MIN = 16
/** Paths that all members together tell, so that what a node hears of vectors does not grow with the square of the mesh. */
const vectorPathsOfMesh = 3_200
/** A burst of failures, as in a partition, is one look. */
const failureGapMs = 100

interface Vector {
  readonly costsMs: ReadonlyMap<string, number>
  readonly receivedAtMs: number
}

interface Held extends TwoHopRoute {
  /** Why it was taken: a way around a break must earn its place again when the direct path is back. */
  readonly isDetour: boolean
}

interface Candidate {
  readonly via: string
  readonly totalMs: number
  readonly isLoaded: boolean
}

export class TwoHopRoutes {
  readonly options: TwoHopOptions
  readonly #selfPeerId: string
  readonly #own = new Map<string, OwnPath>()
  readonly #vectors = new Map<string, Vector>()
  readonly #routes = new Map<string, Held>()
  /** Until when a path that failed counts as broken, whatever its pings say. */
  readonly #downUntilMs = new Map<string, number>()
  /** The same of ways through a relay, by `wayOf`. */
  readonly #wayDownUntilMs = new Map<string, number>()
  readonly #deadlines = new Deadlines<'look'>()
  #lookedAtMs = -Infinity

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor({ selfPeerId, options = {} }: { readonly selfPeerId: string; readonly options?: Readonly<Partial<TwoHopOptions>> }) {
    this.#selfPeerId = selfPeerId
    this.options = parseTwoHopOptions(options)
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  /** Null: directly. O(1). */
  routeTo(peerId: string): TwoHopRoute | null {
    const held = this.#routes.get(peerId)
    return held === undefined ? null : tell(held)
  }

  /** By final peer. */
  routes(): ReadonlyMap<string, TwoHopRoute> {
    return new Map(Array.from(this.#routes, ([peerId, held]) => [peerId, tell(held)]))
  }

  get vectors(): number {
    return this.#vectors.size
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** What a member tells of its own paths, and of nothing else: replaces what it told before. */
  handleVector(nowMs: number, peerId: string, paths: readonly PathLatency[]): TwoHopEffect[] {
    if (peerId === this.#selfPeerId || (!this.#vectors.has(peerId) && this.#vectors.size >= this.options.vectorsMax)) return []
    const costsMs = new Map<string, number>()
    for (const path of paths.slice(0, VECTOR_PATHS_MAX)) {
      if (isUsable(path.rttMs, path.lossRatio, this.options.legLossRatioMax)) costsMs.set(path.peerId, Math.max(costsMs.get(path.peerId) ?? 0, costMs(path.rttMs, path.lossRatio)))
    }
    this.#vectors.set(peerId, { costsMs, receivedAtMs: nowMs })
    const isLost = (target: string, via: string): boolean => (via === peerId ? !costsMs.has(target) : target === peerId && !costsMs.has(via) && !this.#isBroken(target))
    const lost = [...this.#routes].filter(([target, { via }]) => isLost(target, via)).map(([target]) => target)
    return this.#drop(nowMs, lost)
  }

  /** All of this node's paths, as `measure` asked for them. Members that are not among them are neither reached nor used. */
  handlePaths(nowMs: number, paths: readonly OwnPath[]): TwoHopEffect[] {
    this.#own.clear()
    for (const path of paths) if (path.peerId !== this.#selfPeerId) this.#own.set(path.peerId, path)
    for (const [peerId, untilMs] of this.#downUntilMs) if (untilMs <= nowMs || !this.#own.has(peerId)) this.#downUntilMs.delete(peerId)
    for (const [way, untilMs] of this.#wayDownUntilMs) if (untilMs <= nowMs) this.#wayDownUntilMs.delete(way)
    for (const [peerId, { receivedAtMs }] of this.#vectors) if (nowMs - receivedAtMs > this.options.vectorAgeMsMax) this.#vectors.delete(peerId)
    this.#lookedAtMs = nowMs
    return this.#look()
  }

  /** A query, a connection or the probes found the way to it broken; it may have joined since the last look. */
  handlePathDown(nowMs: number, peerId: string): TwoHopEffect[] {
    if (!this.#downUntilMs.has(peerId) && this.#downUntilMs.size >= this.options.vectorsMax) return []
    this.#downUntilMs.set(peerId, nowMs + this.options.recomputeIntervalMs)
    this.#lookSoon(nowMs)
    return this.#drop(nowMs, this.#targetsVia(peerId))
  }

  /** A query did not get through by way of `via`. Whose fault that was is not known: both may be well, with nothing between them. */
  handleWayDown(nowMs: number, peerId: string, via: string): TwoHopEffect[] {
    const way = wayOf(via, peerId)
    if (!this.#wayDownUntilMs.has(way) && this.#wayDownUntilMs.size >= this.options.vectorsMax) return []
    this.#wayDownUntilMs.set(way, nowMs + this.options.recomputeIntervalMs)
    return this.#drop(nowMs, this.#routes.get(peerId)?.via === via ? [peerId] : [])
  }

  /** A path was found broken or restored by whoever `handlePaths` asks. */
  handlePathChange(nowMs: number): TwoHopEffect[] {
    this.#lookSoon(nowMs)
    return []
  }

  /** The next look may use it directly again. */
  handlePathUp(_nowMs: number, peerId: string): TwoHopEffect[] {
    this.#downUntilMs.delete(peerId)
    return []
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  start(nowMs: number): TwoHopEffect[] {
    this.#deadlines.set('look', nowMs + this.options.recomputeIntervalMs)
    return []
  }

  /** It failed, left, was removed or is refused now. */
  removePeer(nowMs: number, peerId: string): TwoHopEffect[] {
    this.#own.delete(peerId)
    this.#vectors.delete(peerId)
    this.#downUntilMs.delete(peerId)
    const effects = this.#set(peerId, null)
    effects.push(...this.#drop(nowMs, this.#targetsVia(peerId)))
    return effects
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): TwoHopEffect[] {
    if (this.#deadlines.takeDue(nowMs) === null) return []
    this.#deadlines.set('look', nowMs + this.options.recomputeIntervalMs)
    return [{ kind: 'measure' }]
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #lookSoon(nowMs: number): void {
    const atMs = Math.max(nowMs, this.#lookedAtMs + failureGapMs)
    this.#deadlines.set('look', Math.min(atMs, this.#deadlines.atMs('look') ?? Infinity))
  }

  #targetsVia(relay: string): string[] {
    return [...this.#routes].filter(([, { via }]) => via === relay).map(([target]) => target)
  }

  /** Routes that do not work any more; the look that follows finds others. */
  #drop(nowMs: number, targets: readonly string[]): TwoHopEffect[] {
    if (targets.length > 0) this.#lookSoon(nowMs)
    return targets.flatMap((target) => this.#set(target, null))
  }

  #set(target: string, route: Held | null): TwoHopEffect[] {
    const held = this.#routes.get(target)
    if (route === null) {
      if (!this.#routes.delete(target)) return []
    } else {
      this.#routes.set(target, route)
      // The figures change all the time; the way is the news.
      if (held?.via === route.via) return []
    }
    return [{ kind: 'route', peerId: target, route: route === null ? null : tell(route) }]
  }

  #look(): TwoHopEffect[] {
    const best = this.#bestRelays()
    const effects: TwoHopEffect[] = []
    for (const target of this.#routes.keys()) if (!this.#own.has(target)) effects.push(...this.#set(target, null))
    for (const [target, path] of this.#own) effects.push(...this.#set(target, this.#choose(target, this.#directMs(path), best.get(target) ?? null)))
    return effects
  }

  /** The shortest way with one relay to each member for which it may be worth it. O(vectors × paths). */
  #bestRelays(): Map<string, Candidate> {
    const best = new Map<string, Candidate>()
    for (const relay of this.#own.values()) {
      const vector = this.#vectors.get(relay.peerId)
      const firstLegMs = this.#firstLegMs(relay)
      if (vector === undefined || firstLegMs === null) continue
      for (const [target, legMs] of vector.costsMs) {
        const path = this.#own.get(target)
        if (path === undefined) continue
        const directMs = this.#directMs(path)
        const isLoaded = relay.relays === 'if-needed'
        const known = best.get(target)
        if (isLoaded && (directMs !== null || known?.isLoaded === false)) continue
        // Whoever has little to do comes before whoever is nearer and has much.
        const limitMs = Math.min(known === undefined || known.isLoaded !== isLoaded ? Infinity : known.totalMs, directMs ?? Infinity)
        // Cheap first: most ways are longer than the direct one whatever the other end says.
        if (firstLegMs + legMs + this.options.relayMs >= limitMs) continue
        const totalMs = this.#totalMs(relay.peerId, target)
        if (totalMs !== null && totalMs < limitMs) best.set(target, { via: relay.peerId, totalMs, isLoaded })
      }
    }
    return best
  }

  #choose(target: string, directMs: number | null, candidate: Candidate | null): Held | null {
    const { enterGainRatio, leaveGainRatio } = this.options
    const worth = (totalMs: number, gainRatio: number): boolean => directMs === null || (totalMs < directMs * (1 - gainRatio) && directMs - totalMs >= this.options.gainMsMin)
    const held = this.#routes.get(target)
    const isLoaded = held !== undefined && this.#own.get(held.via)?.relays === 'if-needed'
    const heldMs = held === undefined || (isLoaded && (directMs !== null || candidate?.isLoaded === false)) ? null : this.#totalMs(held.via, target)
    if (held !== undefined && heldMs !== null && worth(heldMs, held.isDetour ? enterGainRatio : leaveGainRatio)) {
      const isSurpassed = candidate !== null && candidate.via !== held.via && candidate.totalMs < heldMs * (1 - leaveGainRatio)
      if (!isSurpassed) return { via: held.via, totalMs: heldMs, directMs, isDetour: held.isDetour && directMs === null }
    }
    if (candidate === null || !worth(candidate.totalMs, enterGainRatio)) return null
    return { via: candidate.via, totalMs: candidate.totalMs, directMs, isDetour: directMs === null }
  }

  /** Null where this way does not exist now. */
  #totalMs(via: string, target: string): number | null {
    const relay = this.#own.get(via)
    const firstLegMs = relay === undefined ? null : this.#firstLegMs(relay)
    const legMs = this.#vectors.get(via)?.costsMs.get(target)
    if (firstLegMs === null || legMs === undefined || this.#wayDownUntilMs.has(wayOf(via, target))) return null
    const farEndMs = this.#vectors.get(target)?.costsMs.get(via)
    // Who is cut off from the target does not hear it either, and has nothing to lose. Everybody else could be drawn to a relay that lies.
    if (farEndMs === undefined && !this.#isBroken(target)) return null
    return firstLegMs + Math.max(legMs, farEndMs ?? 0) + this.options.relayMs
  }

  #isBroken(peerId: string): boolean {
    const path = this.#own.get(peerId)
    return path !== undefined && (path.isBroken || path.lossRatio >= 1 || this.#downUntilMs.has(peerId))
  }

  #firstLegMs(relay: OwnPath): number | null {
    if (relay.relays === 'no' || relay.lossRatio > this.options.legLossRatioMax) return null
    return this.#directMs(relay)
  }

  #directMs({ peerId, rttMs, lossRatio, isBroken }: OwnPath): number | null {
    return isBroken || this.#downUntilMs.has(peerId) || rttMs === null || !isUsable(rttMs, lossRatio, 1) ? null : costMs(rttMs, lossRatio)
  }
}

/** What a node of a mesh of so many members tells: its nearest paths that work, since a relay is of use near its target. */
export function vectorOf(paths: readonly OwnPath[], members: number): PathLatency[] {
  const told: PathLatency[] = []
  for (const { peerId, rttMs, lossRatio, isBroken } of paths) if (!isBroken && rttMs !== null && isUsable(rttMs, lossRatio, 1)) told.push({ peerId, rttMs, lossRatio })
  const pathsMax = Math.min(VECTOR_PATHS_MAX, Math.max(VECTOR_PATHS_MIN, Math.floor(vectorPathsOfMesh / Math.max(1, members))))
  return told.sort((one, other) => one.rttMs - other.rttMs).slice(0, pathsMax)
}

function wayOf(via: string, target: string): string {
  return `${via} ${target}`
}

function costMs(rttMs: number, lossRatio: number): number {
  return rttMs / (1 - lossRatio)
}

function isUsable(rttMs: number, lossRatio: number, lossRatioMax: number): boolean {
  return rttMs >= 0 && rttMs < Infinity && lossRatio >= 0 && lossRatio < 1 && lossRatio <= lossRatioMax
}

function tell({ via, totalMs, directMs }: Held): TwoHopRoute {
  return { via, totalMs, directMs }
}

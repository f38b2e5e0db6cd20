/** Joins the two-hop machine to what this node knows of its own paths, and to the vectors that load snapshots bring. */
import type { LatencySummary } from '../core/latency/types.ts'
import { type OwnPath, type PathLatency, type TwoHopEffect, type TwoHopRoute, type TwoHopRoutes, vectorOf } from '../core/latency/two-hop.ts'
import type { MemberState, PathFinding } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { MachineTimer } from './machine-timer.ts'

export interface TwoHopDriverParts {
  readonly routes: TwoHopRoutes
  /** Of the other members. */
  readonly members: () => ReadonlyArray<{ readonly peerId: string; readonly state: MemberState }>
  readonly latencyTo: (peerId: string) => LatencySummary | null
  /** By datagrams. */
  readonly paths: () => ReadonlyArray<{ readonly peerId: string; readonly finding: PathFinding }>
  readonly connectedPeers: () => readonly string[]
  readonly isAllowed: (peerId: string) => boolean
  /** Not overloaded; one that is relays only what has no other way. */
  readonly canRelay: (peerId: string) => boolean
  /** Failed pings in a row from which on a path is broken. */
  readonly failuresMax: number
  /** Between two vectors that are told; well below the age at which one counts no more. */
  readonly vectorIntervalMs: number
  readonly nameOf: (peerId: string) => string
  readonly clock: Clock
  readonly log: Log
}

export interface TwoHopCounters {
  readonly vectors: number
  readonly routes: number
  looks: number
  routesTaken: number
  routesLeft: number
}

interface Reach {
  readonly connected: ReadonlySet<string>
  /** Datagrams do not get an answer from it. */
  readonly notHeard: ReadonlySet<string>
}

export class TwoHopDriver {
  readonly #parts: TwoHopDriverParts
  readonly #timer: MachineTimer
  #stopped = false
  #toldAtMs = -Infinity
  #looks = 0
  #routesTaken = 0
  #routesLeft = 0

  constructor(parts: TwoHopDriverParts) {
    this.#parts = parts
    this.#timer = new MachineTimer(parts.clock, parts.routes, (nowMs) => this.#perform(parts.routes.handleTimeout(nowMs)))
  }

  get counters(): TwoHopCounters {
    const { routes } = this.#parts
    return { vectors: routes.vectors, routes: routes.routes().size, looks: this.#looks, routesTaken: this.#routesTaken, routesLeft: this.#routesLeft }
  }

  start(): void {
    this.#perform(this.#parts.routes.start(this.#parts.clock.nowMs()))
  }

  /** Null: directly. */
  routeTo(peerId: string): TwoHopRoute | null {
    return this.#parts.routes.routeTo(peerId)
  }

  /** Whether a query can be passed on to it directly, by what is known now. */
  isReachable(peerId: string): boolean {
    const member = this.#parts.members().find((other) => other.peerId === peerId)
    return member !== undefined && isUp(member.state) && this.#parts.isAllowed(peerId) && !this.#isBroken(peerId, this.#reach())
  }

  /**
   * What this node's load snapshots tell of its paths: in some of them, and nothing in those between, since a vector is several times the size of
   * the rest, and everybody passes it on.
   */
  vector(): PathLatency[] {
    const nowMs = this.#parts.clock.nowMs()
    if (nowMs - this.#toldAtMs < this.#parts.vectorIntervalMs) return []
    const paths = this.#ownPaths()
    const told = vectorOf(paths, paths.length + 1)
    if (told.length > 0) this.#toldAtMs = nowMs
    return told
  }

  /** An empty one is none: it was told before. */
  handleVector(peerId: string, paths: readonly PathLatency[]): void {
    if (paths.length === 0) return
    this.#perform(this.#parts.routes.handleVector(this.#parts.clock.nowMs(), peerId, paths))
  }

  /** Found broken: by a query that did not reach it, or by the probes. */
  handlePathDown(peerId: string): void {
    this.#perform(this.#parts.routes.handlePathDown(this.#parts.clock.nowMs(), peerId))
  }

  /** A query did not get to `peerId` by way of `via`. */
  handleWayDown(peerId: string, via: string): void {
    this.#perform(this.#parts.routes.handleWayDown(this.#parts.clock.nowMs(), peerId, via))
  }

  /** A ping or a datagram went unanswered: the one that makes the path a broken one is acted on now. */
  handleLost(peerId: string): void {
    if (this.#parts.latencyTo(peerId)?.consecutiveFailures === this.#parts.failuresMax) this.handlePathChange()
  }

  /** What is known of some path changed. */
  handlePathChange(): void {
    this.#perform(this.#parts.routes.handlePathChange(this.#parts.clock.nowMs()))
  }

  /** It works again, by the probes: what a query found there is void. */
  handlePathUp(peerId: string): void {
    this.#perform(this.#parts.routes.handlePathUp(this.#parts.clock.nowMs(), peerId))
  }

  removePeer(peerId: string): void {
    this.#perform(this.#parts.routes.removePeer(this.#parts.clock.nowMs(), peerId))
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
  }

  #perform(effects: readonly TwoHopEffect[]): void {
    if (this.#stopped) return
    for (const effect of effects) {
      switch (effect.kind) {
        case 'measure':
          this.#looks++
          this.#perform(this.#parts.routes.handlePaths(this.#parts.clock.nowMs(), this.#ownPaths()))
          break
        case 'route':
          this.#tell(effect.peerId, effect.route)
          break
      }
    }
    this.#timer.rearm()
  }

  #tell(peerId: string, route: TwoHopRoute | null): void {
    const { log, nameOf } = this.#parts
    if (route === null) {
      this.#routesLeft++
      log.info({ peerId }, `queries to ${nameOf(peerId)} go directly again`)
      return
    }
    this.#routesTaken++
    const { via, totalMs, directMs } = route
    const gain = directMs === null ? 'the direct path is broken' : `${Math.round(totalMs)} ms instead of ${Math.round(directMs)} ms`
    log.info({ peerId, via, totalMs, directMs }, `queries to ${nameOf(peerId)} go via ${nameOf(via)}: ${gain}`)
  }

  #ownPaths(): OwnPath[] {
    const { members, latencyTo, isAllowed, canRelay } = this.#parts
    const reach = this.#reach()
    return members().filter(({ peerId, state }) => isUp(state) && isAllowed(peerId)).map(({ peerId, state }): OwnPath => {
      const latency = latencyTo(peerId)
      return {
        peerId, rttMs: latency === null || latency.samples === 0 ? null : latency.smoothedMs, lossRatio: latency?.lossRatio ?? 0,
        isBroken: this.#isBroken(peerId, reach), relays: state !== 'alive' ? 'no' : canRelay(peerId) ? 'yes' : 'if-needed',
      }
    })
  }

  /**
   * Pings go where queries go: when they fail, queries do. Without a connection the datagrams' finding is all that is known, and one that is
   * not connected may just not have been dialled; while it is, blocked datagrams harm no query.
   */
  #isBroken(peerId: string, { connected, notHeard }: Reach): boolean {
    return (this.#parts.latencyTo(peerId)?.consecutiveFailures ?? 0) >= this.#parts.failuresMax || (notHeard.has(peerId) && !connected.has(peerId))
  }

  #reach(): Reach {
    const notHeard = new Set<string>()
    for (const { peerId, finding } of this.#parts.paths()) if (finding === 'indirect-only' || finding === 'inbound-only' || finding === 'none') notHeard.add(peerId)
    return { connected: new Set(this.#parts.connectedPeers()), notHeard }
  }
}

/** A suspect may be reached by others, which is when a detour is wanted most. */
function isUp(state: MemberState): boolean {
  return state === 'alive' || state === 'suspect'
}

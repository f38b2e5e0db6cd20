/**
 * What this node knows of every member, put together: its record and state (membership), the way to it (latency), its load. The router's
 * candidates and the operators' tables are two readings of the same facts.
 */
import { peerStatus, type PeerLatencies, type StatusThresholds } from '../core/latency/peer-latencies.ts'
import type { TwoHopRoute } from '../core/latency/two-hop.ts'
import type { LatencySummary, PeerStatus } from '../core/latency/types.ts'
import type { LoadMonitor } from '../core/load/load-monitor.ts'
import { type PeerLoads, serviceMsOf } from '../core/load/peer-loads.ts'
import type { Membership } from '../core/membership/membership.ts'
import type { NameBook } from '../core/membership/names.ts'
import type { Member, MemberState, PathFinding } from '../core/membership/types.ts'
import type { QueryGateDriver } from './query-gate-driver.ts'
import type { ElsewhereInput } from '../core/routing/comparison.ts'
import { excessRatio } from '../core/routing/load-sharing.ts'
import type { LocalView, PeerFeedback, PeerView } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import type { DatabaseCopyView, DatabaseView } from '../wire/operations-views.ts'
import type { LoadView, MemberView, NodesView, NodeView } from '../wire/control.ts'
import { recordView, wallOf } from './views.ts'

export interface PeerDirectoryParts {
  readonly membership: Membership
  readonly names: NameBook
  readonly latencies: PeerLatencies
  readonly monitor: LoadMonitor
  readonly loads: PeerLoads
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly clock: Clock
  readonly thresholds: StatusThresholds
  readonly startedWallMs: number
  /** Who runs here, and who waits for a place. */
  readonly gate: Pick<QueryGateDriver, 'running' | 'waitingTotal' | 'limit' | 'queueRatio' | 'services'>
  /** Queries dispatched from here to a peer and not finished. */
  readonly inFlightTo: (peerId: string) => number
  /** What this node's own queries taught it about a peer. */
  readonly feedback: (peerId: string) => PeerFeedback | null
  /** Null where queries go directly. */
  readonly routeTo: (peerId: string) => TwoHopRoute | null
  readonly isDraining: () => boolean
  /** False for a peer that this node refuses. */
  readonly isAllowed: (peerId: string) => boolean
  readonly lastReadingWallMs: () => number | null
}

interface Assessment {
  readonly status: PeerStatus
  readonly reason: string | null
}

export class PeerDirectory {
  readonly #parts: PeerDirectoryParts

  constructor(parts: PeerDirectoryParts) {
    this.#parts = parts
  }

  nameOf(peerId: string): string {
    const { membership, names } = this.#parts
    const self = membership.self.record
    const record = self.peerId === peerId ? self : membership.member(peerId)?.signed.record
    return record === undefined ? peerId : names.shownName(peerId, record.name)
  }

  /** Every database that somebody serves, by name. `paths`: of those served here. */
  databasesView(paths: ReadonlyArray<{ readonly name: string; readonly path: string }>): DatabaseView[] {
    const { membership, loads, engines } = this.#parts
    const self = membership.self.record
    const copies = new Map<string, DatabaseCopyView[]>()
    const serving = membership.members().filter(({ state }) => state !== 'left' && state !== 'failed').map(({ signed }) => signed.record)
    for (const record of [self, ...serving]) {
      const isLocal = record.peerId === self.peerId
      for (const { name, role, engine } of record.databases) {
        const ready = isLocal ? engines.get(name)?.isReady() ?? false : loads.get(record.peerId)?.readyDatabases?.includes(name) ?? true
        const copy = { peerId: record.peerId, node: this.nameOf(record.peerId), isLocal, role, engine, ready }
        copies.set(name, [...copies.get(name) ?? [], copy])
      }
    }
    return [...copies].map(([name, of]) => ({ name, path: paths.find((known) => known.name === name)?.path ?? null, copies: of })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  self(): { readonly name: string; readonly peerId: string } {
    const { peerId } = this.#parts.membership.self.record
    return { peerId, name: this.nameOf(peerId) }
  }

  /** `isForwarded`: for a query that another node has sent here, which has gone a long way to be refused for the first one that waits. */
  localView(database: string, isForwarded = false): LocalView {
    const { membership, monitor, engines, gate, isDraining } = this.#parts
    const { running, waitingTotal } = gate
    // Whoever came now would wait, here; elsewhere perhaps not.
    const isQueueing = waitingTotal > (isForwarded ? gate.limit : 0)
    const engine = engines.get(database)
    const self = membership.self.record
    const load = monitor.loadFor(database)
    return {
      peerId: self.peerId,
      name: this.nameOf(self.peerId),
      site: { datacenter: self.datacenter, rack: self.rack },
      role: engine?.role ?? null,
      ready: engine?.isReady() ?? false,
      draining: isDraining(),
      // What is the node's own is asked of nobody else, and waits behind nothing.
      overloaded: engine?.isPrivate !== true && (load.overloaded || isQueueing),
      overloadReason: load.reason ?? (isQueueing ? `queue holds ${waitingTotal} behind ${running} that run` : null),
      cpuPercent: monitor.cpuPercent,
      memoryPercent: monitor.memoryPercent,
      inFlight: running + waitingTotal,
      // Nobody is turned away before the gate: the more urgent may take the room of others there.
      inFlightMax: Infinity,
      excessRatio: Math.max(excessRatio(monitor, load.thresholds), Math.min(1, waitingTotal / gate.limit)),
      lagMs: engine?.lagMs?.() ?? null,
      // Who was sent a query has nobody to compare with.
      ...(isForwarded ? {} : { comparison: gate.services.compare(database, gate.queueRatio, () => this.#elsewhere(database)) }),
    }
  }

  /** How long a query takes, the way there included, at the copies that are well and tell. */
  #elsewhere(database: string): ElsewhereInput[] {
    const told: ElsewhereInput[] = []
    for (const { name, status, ready, serviceMs = null, latencyMs } of this.peerViews(database)) {
      if (status !== 'unhealthy' && ready && serviceMs !== null) told.push({ name, expectedMs: serviceMs + (latencyMs ?? 0) })
    }
    return told
  }

  /** The round trip to it in milliseconds; null while unmeasured. */
  latencyTo(peerId: string): number | null {
    return roundTripMs(this.#parts.latencies.summary(peerId))
  }

  /** Of the engines that a query for it may come to: those that other members have, are there and have not said to be unready. */
  engineKinds(database: string): Set<string> {
    const { membership, loads, isAllowed } = this.#parts
    const kinds = new Set<string>()
    for (const { state, signed: { record } } of membership.members()) {
      if ((state !== 'alive' && state !== 'suspect') || !isAllowed(record.peerId)) continue
      const engine = record.databases.find(({ name }) => name === database)?.engine
      if (engine !== undefined && loads.get(record.peerId)?.readyDatabases?.includes(database) !== false) kinds.add(engine)
    }
    return kinds
  }

  peerViews(database: string): PeerView[] {
    const views: PeerView[] = []
    for (const member of this.#parts.membership.members()) {
      const offer = member.signed.record.databases.find(({ name }) => name === database)
      if (offer !== undefined && member.state !== 'left' && this.#parts.isAllowed(member.signed.record.peerId)) views.push(this.#peerView(member, offer.role, database))
    }
    return views
  }

  #peerView(member: Member, role: 'primary' | 'replica', database: string): PeerView {
    const { latencies, loads, clock, inFlightTo } = this.#parts
    const { peerId } = member.signed.record
    const name = this.nameOf(peerId)
    const load = loads.get(peerId)
    const route = this.#parts.routeTo(peerId)
    return {
      peerId, name, role,
      site: { datacenter: member.signed.record.datacenter, rack: member.signed.record.rack }, capacity: member.signed.record.capacity,
      feedback: this.#parts.feedback(peerId), lagMs: load?.lagsMs[database] ?? null,
      state: member.state,
      status: this.#assess(member, { route, database }).status,
      // Until a snapshot has named the ready databases, the offer in the signed record counts.
      ready: load?.readyDatabases?.includes(database) ?? true,
      latencyMs: route?.totalMs ?? roundTripMs(latencies.summary(peerId)),
      overloaded: load !== null && this.#isOverloaded(load, database),
      cpuPercent: load?.cpuPercent ?? null,
      memoryPercent: load?.memoryPercent ?? null,
      inFlightThere: load?.inFlight ?? 0, serviceMs: load === null ? null : serviceMsOf(load, database),
      inFlightFromHere: inFlightTo(peerId),
      loadAgeMs: load === null ? null : clock.nowMs() - load.reportedAtMs,
    }
  }

  memberViews(): MemberView[] {
    const { membership, names, clock, monitor, loads, latencies, startedWallMs } = this.#parts
    const self = membership.self.record
    const members = membership.members()
    const paths = new Map(membership.paths().map(({ peerId, finding }): readonly [string, PathFinding] => [peerId, finding]))
    const own: MemberView = {
      record: recordView(self), name: this.nameOf(self.peerId), local: true, state: membership.selfState, stateSinceWallMs: startedWallMs, suspectedBy: [],
      status: monitor.overloaded ? 'degraded' : 'healthy', latency: null, load: { ...this.localLoad(), ageMs: 0 }, nameConflict: names.isContested(self.name), denied: false,
      probationUntilWallMs: null, flapping: false, removedBy: null, path: null,
    }
    return [own, ...members.map((member): MemberView => {
      const { record } = member.signed
      const load = loads.get(record.peerId)
      return {
        record: recordView(record), name: this.nameOf(record.peerId), local: false, state: member.state, stateSinceWallMs: wallOf(clock, member.stateSinceMs), suspectedBy: member.suspectedBy.map((peerId) => this.nameOf(peerId)),
        status: this.#assess(member).status, latency: measured(latencies.summary(record.peerId)), nameConflict: names.isContested(record.name), denied: !this.#parts.isAllowed(record.peerId),
        probationUntilWallMs: member.probationUntilMs === null ? null : wallOf(clock, member.probationUntilMs), flapping: member.flapping,
        removedBy: member.removedBy === null ? null : this.nameOf(member.removedBy), path: paths.get(record.peerId) ?? 'unknown',
        load: load === null ? null : { ...loadView(load), ageMs: Math.round(clock.nowMs() - load.reportedAtMs) },
        clockAheadMs: member.state === 'alive' ? loads.clockAheadMs(clock.nowMs(), clock.wallMs(), record.peerId) : null,
      }
    })]
  }

  nodesView(database: string): NodesView {
    const { membership, engines, monitor, thresholds, latencies, lastReadingWallMs } = this.#parts
    const nodes: NodeView[] = []
    const self = membership.self.record
    const engine = engines.get(database)
    const { overloaded, reason, thresholds: own } = monitor.loadFor(database)
    if (engine !== undefined) {
      nodes.push({
        name: this.nameOf(self.peerId), peerId: self.peerId, type: 'local', state: membership.selfState, role: engine.role, lagMs: shownLagMs(engine.role, engine.lagMs?.()), ...this.localLoad(),
        ...(engine.isReady() ? { status: overloaded ? 'degraded' : 'healthy', statusReason: reason } : { status: 'unhealthy', statusReason: NOT_READY }), latencyMs: null, lastCheckWallMs: lastReadingWallMs(),
      })
    }
    for (const member of membership.members()) {
      const role = member.signed.record.databases.find(({ name }) => name === database)?.role
      if (role !== undefined) nodes.push(this.#nodeView(member, { database, role }))
    }
    return {
      database, pingIntervalMs: latencies.options.pingIntervalMs, nodes,
      thresholds: { cpuPercent: own.cpuPercent, memoryPercent: own.memoryPercent, latencyMs: thresholds.latencyMs },
    }
  }

  #nodeView(member: Member, { database, role }: { readonly database: string; readonly role: string }): NodeView {
    const { latencies, loads, clock } = this.#parts
    const { peerId } = member.signed.record
    const name = this.nameOf(peerId)
    const load = loads.get(peerId)
    const latency: LatencySummary | null = latencies.summary(peerId)
    const isReady = load?.readyDatabases?.includes(database) ?? true
    const assessed = this.#assess(member, { database })
    const { status, reason } = isReady || assessed.status === 'unhealthy' ? assessed : { status: 'unhealthy' as const, reason: NOT_READY }
    return {
      name, peerId, type: 'remote', state: member.state, status, statusReason: reason, role, lagMs: shownLagMs(role, load?.lagsMs[database]),
      cpuPercent: load?.cpuPercent ?? null, memoryPercent: load?.memoryPercent ?? null, inFlight: load?.inFlight ?? null,
      overloaded: load?.overloaded ?? false, drill: load?.drill ?? false, latencyMs: roundTripMs(latency),
      lastCheckWallMs: latency === null ? null : Math.round(clock.wallMs() - (clock.nowMs() - latency.lastCheckMs)),
    }
  }

  localLoad(): LoadView {
    return loadView(this.#parts.monitor.digest())
  }

  membersByState(): Record<MemberState, number> {
    const counts: Record<MemberState, number> = { joining: 0, alive: 0, suspect: 0, failed: 0, left: 0 }
    counts[this.#parts.membership.selfState]++
    for (const member of this.#parts.membership.members()) counts[member.state]++
    return counts
  }

  /**
   * By the thresholds that the database has here, where it has any, and not by the peer's word, which is about the node as a whole. A peer whose own
   * thresholds for it are lower refuses the query itself.
   */
  #isOverloaded({ cpuPercent, memoryPercent, overloaded }: LoadView, database: string): boolean {
    const { monitor } = this.#parts
    const thresholds = monitor.thresholdsFor(database)
    return thresholds === monitor.options ? overloaded : cpuPercent >= thresholds.cpuPercent || memoryPercent >= thresholds.memoryPercent
  }

  /** `route`: the way that queries go; a direct path that is broken then says nothing of the peer. `database`: for queries on it. */
  #assess(member: Member, { route = null, database }: { readonly route?: TwoHopRoute | null; readonly database?: string } = {}): Assessment {
    const { latencies, loads, thresholds, isAllowed } = this.#parts
    const { peerId } = member.signed.record
    if (!isAllowed(peerId)) return { status: 'unhealthy', reason: 'denied by the lists of peers of this node' }
    const direct = latencies.summary(peerId)
    const latency = route === null || direct === null ? direct : { ...direct, smoothedMs: route.totalMs, consecutiveFailures: 0 }
    const load = loads.get(peerId)
    if (database === undefined || load === null) return peerStatus({ state: member.state, latency, load, thresholds })
    const { cpuPercent, memoryPercent } = this.#parts.monitor.thresholdsFor(database)
    return peerStatus({ state: member.state, latency, load: { ...load, overloaded: this.#isOverloaded(load, database) }, thresholds: { ...thresholds, cpuPercent, memoryPercent } })
  }
}

const NOT_READY = 'its copy is not ready'

/** A window without an answer yet measures nothing. */
function measured(latency: LatencySummary | null): LatencySummary | null {
  return latency !== null && latency.samples > 0 ? latency : null
}

/** A primary is behind nobody. */
export function shownLagMs(role: string, lagMs: number | null | undefined): number | null {
  return role === 'primary' || lagMs === undefined || lagMs === null ? null : Math.round(lagMs)
}

/** Recent round trips weigh most. */
function roundTripMs(latency: LatencySummary | null): number | null {
  return measured(latency)?.smoothedMs ?? null
}

function loadView(load: LoadView): LoadView {
  const { cpuPercent, memoryPercent, inFlight, overloaded, drill } = load
  return { cpuPercent, memoryPercent, inFlight, overloaded, drill }
}

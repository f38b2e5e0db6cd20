/** What is counted here as it happens, because nobody else keeps it: times as histograms, and queries by what became of them. */
import { Histogram, type Registry } from 'prom-client'
import type { LatencySource } from '../../core/latency/latency-window.ts'
import type { NodeObserver } from '../../node/observers.ts'
import { type EventView, isMemberEvent } from '../../wire/control.ts'
import { MESH_DATABASE, type QueryRecord } from '../../wire/operations-views.ts'
import { DATABASE_LABEL, type ObservedDefinition, PEER_LABEL } from './definition.ts'
import { DatabaseLabels, type PeerLabels, type Site } from './label-table.ts'
import { Tally } from './tally.ts'

const definitions = {
  roundTrips: {
    name: 'reedbase_peer_round_trip_seconds', type: 'histogram', unit: 'seconds', labels: ['peer'], buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1],
    help: `Round trips of pings and of datagrams that were answered. ${PEER_LABEL}`,
  },
  checks: { name: 'reedbase_health_checks_total', type: 'counter', unit: 'count', labels: ['kind'], help: 'Checks of peers that ended, answered or not. kind: ping (on a stream) or datagram.' },
  failedChecks: { name: 'reedbase_health_check_failures_total', type: 'counter', unit: 'count', labels: ['kind'], help: 'Checks of peers that were not answered in time. kind: ping (on a stream) or datagram.' },
  decisions: {
    name: 'reedbase_routing_decision_seconds', type: 'histogram', unit: 'seconds', labels: [], buckets: [0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025],
    help: 'Time that the router took to decide where a query goes.',
  },
  durations: {
    name: 'reedbase_query_duration_seconds', type: 'histogram', unit: 'seconds', labels: ['database'], buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    help: `Time from the arrival of a query at this node to the end of its result, its reader's pauses included. ${DATABASE_LABEL}`,
  },
  outcomes: {
    name: 'reedbase_database_queries_total', type: 'counter', unit: 'count', labels: ['database', 'access', 'outcome'],
    help: `Queries that ended here, of clients and of peers. ${DATABASE_LABEL} access: read, write or unknown. outcome: ok, error or cancelled.`,
  },
  rows: { name: 'reedbase_query_rows_total', type: 'counter', unit: 'count', labels: ['database'], help: `Rows that queries brought. ${DATABASE_LABEL}` },
  placed: {
    name: 'reedbase_locality_hits_total', type: 'counter', unit: 'count', labels: ['locality'],
    help: 'Queries of clients of this node that ran no further than that. locality: node (here), rack (of the same datacenter) or datacenter; each query counts once, at the nearest.',
  },
  crossDatacenter: { name: 'reedbase_cross_datacenter_queries_total', type: 'counter', unit: 'count', labels: [], help: 'Queries of clients of this node that ran in another datacenter.' },
  events: { name: 'reedbase_events_total', type: 'counter', unit: 'count', labels: ['type'], help: 'Events that this node told. type: as rdb monitor shows it.' },
} as const satisfies Readonly<Record<string, ObservedDefinition>>

export const observedMetrics: readonly ObservedDefinition[] = Object.values(definitions)

export interface ObservedParts {
  readonly registry: Registry
  readonly self: Site & { readonly peerId: string }
  readonly peers: PeerLabels
}

/** An observer of a node. Whatever it is told costs a few increments; a query is told once, at its end. */
export class Observed implements NodeObserver {
  readonly #parts: ObservedParts
  readonly #databases = new DatabaseLabels()
  readonly #roundTrips: Histogram
  readonly #checks: Tally
  readonly #failedChecks: Tally
  readonly #decisions: Histogram
  readonly #durations: Histogram
  readonly #outcomes: Tally
  readonly #rows: Tally
  readonly #placed: Tally
  readonly #crossDatacenter: Tally
  readonly #events: Tally

  constructor(parts: ObservedParts) {
    this.#parts = parts
    const counter = (definition: ObservedDefinition): Tally => new Tally(definition, parts.registry)
    const histogram = ({ name, help, labels, buckets = [] }: ObservedDefinition): Histogram => new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [parts.registry] })
    this.#roundTrips = histogram(definitions.roundTrips)
    this.#checks = counter(definitions.checks)
    this.#failedChecks = counter(definitions.failedChecks)
    this.#decisions = histogram(definitions.decisions)
    this.#durations = histogram(definitions.durations)
    this.#outcomes = counter(definitions.outcomes)
    this.#rows = counter(definitions.rows)
    this.#placed = counter(definitions.placed)
    this.#crossDatacenter = counter(definitions.crossDatacenter)
    this.#events = counter(definitions.events)
    // A rate can only be taken of a series that was there before its first increment.
    for (const kind of ['ping', 'datagram']) {
      this.#checks.add(0, kind)
      this.#failedChecks.add(0, kind)
    }
    for (const locality of ['node', 'rack', 'datacenter']) this.#placed.add(0, locality)
    this.#crossDatacenter.add(0)
  }

  handleRtt(peerId: string, rttMs: number, source: LatencySource): void {
    this.#checks.add(1, source)
    const peer = this.#parts.peers.name(peerId)
    if (peer !== null) this.#roundTrips.observe({ peer }, rttMs / 1000)
  }

  handleLost(_peerId: string, source: LatencySource): void {
    this.#checks.add(1, source)
    this.#failedChecks.add(1, source)
  }

  handleEvent(event: EventView): void {
    this.#events.add(1, event.type)
    if (!isMemberEvent(event)) return
    const { type, record } = event
    if (type === 'member-left') this.#parts.peers.handleGone(record.peerId)
    else if (record.peerId !== this.#parts.self.peerId) this.#parts.peers.handlePresent(event)
  }

  handleQuery({ database: name, access, outcome, rows, durationMs, decisionUs, sentBy, executedBy }: QueryRecord): void {
    // Looking at the mesh is no use of it.
    if (name === MESH_DATABASE) return
    const database = this.#databases.label(name)
    this.#outcomes.add(1, database, access, outcome)
    this.#durations.observe({ database }, durationMs / 1000)
    if (rows > 0) this.#rows.add(rows, database)
    if (decisionUs !== null) this.#decisions.observe(decisionUs / 1e6)
    if (sentBy === null && executedBy !== null && outcome === 'ok') this.#handlePlace(executedBy.peerId)
  }

  forgetPeer(name: string): void {
    this.#roundTrips.remove({ peer: name })
  }

  #handlePlace(peerId: string): void {
    const { self } = this.#parts
    const site = peerId === self.peerId ? self : this.#parts.peers.site(peerId)
    if (site === null) return
    if (site === self) this.#placed.add(1, 'node')
    else if (site.datacenter !== self.datacenter) this.#crossDatacenter.add(1)
    else this.#placed.add(1, site.rack === self.rack ? 'rack' : 'datacenter')
  }
}

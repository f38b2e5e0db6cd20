/** What was measured on the way to each peer, without sending anything for it: the last seconds of traffic, and a day of history for `rdb db:latency`. */
import { LatencyHistory, type LatencyKind, type LatencyMinute } from '../core/latency/history.ts'
import type { LatencySource } from '../core/latency/latency-window.ts'
import { type QueryTraffic, TrafficMeter, type TrafficSummary } from '../core/latency/traffic.ts'
import type { LatencySummary } from '../core/latency/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { LatencyNodeView, LatencyPointView, LatencySpanView, LatencyView, NodesView, NodeView } from '../wire/control.ts'
import { wallOf } from './views.ts'

const hourMs = 3_600_000
/** As wide as a chart on a screen has use for. */
const pointsMax = 240
/** Of all nodes of a view together, about 100 bytes each: with their other figures they have to go into one line of the control protocol. */
const pointsOfViewMax = 6_000

/** Of the round trips to a peer, as an earlier run of the node has kept it. */
export interface EarlierMinute extends Omit<LatencyMinute, 'atMs'> {
  readonly peerId: string
  /** Its beginning, Unix. */
  readonly wallMs: number
}

export interface LatencyServiceParts {
  readonly clock: Clock
  /** At which a path loses half of its quality. */
  readonly thresholdMs: number
  /** Of the last 100 outcomes, for peers that are rarely heard. */
  readonly latencyTo: (peerId: string) => LatencySummary | null
  /** As `rdb db:nodes` shows them. */
  readonly nodes: (database: string) => NodesView
}

export class LatencyService {
  readonly #parts: LatencyServiceParts
  readonly #traffic: TrafficMeter
  readonly #history = new LatencyHistory()
  /** From when on there is something: the start, or what an earlier run has kept. */
  #sinceMs: number

  constructor(parts: LatencyServiceParts) {
    this.#parts = parts
    this.#sinceMs = parts.clock.nowMs()
    this.#traffic = new TrafficMeter({ thresholdMs: parts.thresholdMs })
  }

  /** Of a ping or a datagram ack. */
  readonly handleRtt = (peerId: string, rttMs: number, source: LatencySource): void => {
    const nowMs = this.#parts.clock.nowMs()
    this.#traffic.handleRtt(nowMs, peerId, rttMs, source)
    this.#history.handleSample(nowMs, peerId, 'round-trip', rttMs)
  }

  readonly handleLost = (peerId: string, source: LatencySource): void => {
    this.#traffic.handleLost(this.#parts.clock.nowMs(), peerId, source)
  }

  /** Of a query that this node forwarded, once its answer has ended. */
  handleQuery(nowMs: number, peerId: string, query: QueryTraffic): void {
    this.#traffic.handleQuery(nowMs, peerId, query)
    this.#history.handleSample(nowMs, peerId, 'first-byte', query.roundTripMs)
  }

  /** Minutes that are no longer of the day that ends now, or make no sense, are left out. */
  restore(minutes: readonly EarlierMinute[]): void {
    const { clock } = this.#parts
    const [nowMs, nowWallMs] = [clock.nowMs(), clock.wallMs()]
    for (const { peerId, wallMs, ...figures } of minutes) {
      const atMs = nowMs - (nowWallMs - wallMs)
      if (this.#history.restore(nowMs, peerId, 'round-trip', { atMs, ...figures })) this.#sinceMs = Math.min(this.#sinceMs, atMs)
    }
  }

  forget(peerId: string): void {
    this.#traffic.forget(peerId)
    this.#history.forget(peerId)
  }

  /** Null when there was no traffic for 15 s. */
  traffic(peerId: string): TrafficSummary | null {
    return this.#traffic.summary(this.#parts.clock.nowMs(), peerId)
  }

  /** Of the other nodes that serve the database, over the last `hours` (at most 24). */
  view(database: string, hours: number): LatencyView {
    const { clock, nodes, thresholdMs } = this.#parts
    const spanMs = hours * hourMs
    const remote = nodes(database).nodes.filter(({ type }) => type === 'remote')
    const pointMs = this.#history.pointMs(spanMs, Math.min(pointsMax, Math.floor(pointsOfViewMax / Math.max(1, remote.length))))
    return {
      database, hours, thresholdMs, pointMs, sinceWallMs: wallOf(clock, Math.max(this.#sinceMs, this.#history.spanStartMs(clock.nowMs(), spanMs))),
      nodes: remote.map((node) => this.#nodeView(node, { spanMs, pointMs })),
    }
  }

  #nodeView({ name, peerId, state, status, statusReason, role }: NodeView, { spanMs, pointMs }: { readonly spanMs: number; readonly pointMs: number }): LatencyNodeView {
    const last = this.#history.last(peerId, 'round-trip')
    const traffic = this.traffic(peerId)
    const window = this.#parts.latencyTo(peerId)
    return {
      name, peerId, state, status, statusReason, role,
      currentMs: last?.ms ?? null, currentAtWallMs: last === null ? null : wallOf(this.#parts.clock, last.atMs),
      roundTrips: this.#span(peerId, 'round-trip', spanMs), firstBytes: this.#span(peerId, 'first-byte', spanMs),
      points: this.#points(peerId, { spanMs, pointMs }),
      traffic, quality: traffic?.quality ?? window?.quality ?? null,
    }
  }

  #points(peerId: string, span: { readonly spanMs: number; readonly pointMs: number }): LatencyPointView[] {
    const { clock } = this.#parts
    return this.#history.points(clock.nowMs(), peerId, 'round-trip', span).map(({ atMs, samples, meanMs, minMs, maxMs }) => ({
      atWallMs: wallOf(clock, atMs), samples, meanMs: toMicroseconds(meanMs), minMs: toMicroseconds(minMs), maxMs: toMicroseconds(maxMs),
    }))
  }

  #span(peerId: string, kind: LatencyKind, spanMs: number): LatencySpanView | null {
    const { clock } = this.#parts
    const span = this.#history.span(clock.nowMs(), peerId, kind, spanMs)
    if (span === null) return null
    const { samples, meanMs, minMs, minAtMs, maxMs, maxAtMs } = span
    return { samples, meanMs, minMs, minAtWallMs: wallOf(clock, minAtMs), maxMs, maxAtWallMs: wallOf(clock, maxAtMs) }
  }
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

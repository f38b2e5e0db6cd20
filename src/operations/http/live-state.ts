/** The mesh as a live view shows it, made at most once a second however many look; distances between others at most every five. */
import type { MemberView, RttView } from '../../wire/control.ts'
import type { LiveDistanceView, LiveHistoryView, LiveMemberView, LivePointView, LiveRatesView, LiveStateView } from '../../wire/operations-views.ts'
import type { AlertsSource } from '../types.ts'
import type { HttpInspection } from './http-room.ts'
import { LiveHistory } from './live-history.ts'
import { QueryRates } from './query-rates.ts'

/** Of each member, by coordinates. */
export const NEAREST_SHOWN = 4
export type LiveInspection = Pick<HttpInspection, 'peerId' | 'clock' | 'members' | 'status' | 'distances' | 'observe'>

const stateAgeMs = 900
const distancesAgeMs = 5_000

export class LiveState {
  readonly #inspection: LiveInspection
  readonly #alerts: AlertsSource | null
  readonly #rates = new QueryRates()
  readonly #history = new LiveHistory()
  #state: { readonly view: LiveStateView; readonly atMs: number } | null = null
  #between: { readonly views: readonly RttView[]; readonly atMs: number } | null = null

  constructor(inspection: LiveInspection, alerts: AlertsSource | null) {
    this.#inspection = inspection
    this.#alerts = alerts
    inspection.observe({
      handleQuery: (query) => { this.#rates.handleQuery(inspection.clock.nowMs(), query) },
      handleReading: () => {
        const nowMs = inspection.clock.nowMs()
        this.#history.handleTime(nowMs, () => this.#point(nowMs))
      },
    })
  }

  view(): LiveStateView {
    const nowMs = this.#inspection.clock.nowMs()
    if (this.#state === null || nowMs - this.#state.atMs >= stateAgeMs) this.#state = { view: this.#make(nowMs), atMs: nowMs }
    return this.#state.view
  }

  rates(): LiveRatesView {
    return this.#rates.view(this.#inspection.clock.nowMs())
  }

  /** Also of when nobody looked. */
  history(): LiveHistoryView {
    return this.#history.view()
  }

  /** The load as this node tells it, a drill included: the chart goes on with that. */
  #point(nowMs: number): LivePointView {
    const { clock, status } = this.#inspection
    const { load: { cpuPercent, memoryPercent } } = status()
    return { atWallMs: Math.round(clock.wallMs()), cpuPercent: Math.round(cpuPercent), memoryPercent: Math.round(memoryPercent), rates: this.#rates.view(nowMs) }
  }

  #make(nowMs: number): LiveStateView {
    const { clock, peerId, members, status } = this.#inspection
    const all = members()
    const { partition, quorum } = status()
    return {
      atWallMs: Math.round(clock.wallMs()), from: peerId,
      members: all.map(liveMember),
      distances: this.#distances(nowMs, all),
      rates: this.#rates.view(nowMs),
      alerts: this.#alerts?.list() ?? [],
      partition: partition === null ? null : { reachable: partition.reachable, away: partition.away },
      hasQuorum: quorum.hasQuorum,
    }
  }

  #distances(nowMs: number, members: readonly MemberView[]): LiveDistanceView[] {
    if (this.#between === null || nowMs - this.#between.atMs >= distancesAgeMs) this.#between = { views: this.#inspection.distances.nearest(NEAREST_SHOWN), atMs: nowMs }
    const from = this.#inspection.peerId
    const own = members.flatMap(({ local, record: { peerId }, latency, state }): LiveDistanceView[] => (
      local || latency === null || state === 'left' ? [] : [{ from, to: peerId, rttMs: rounded(latency.smoothedMs), isMeasured: true }]))
    const measured = new Set(own.map(({ to }) => to))
    const known = new Set(members.map(({ record: { peerId } }) => peerId))
    return [...own, ...this.#between.views.flatMap(({ fromPeerId, toPeerId, estimated }): LiveDistanceView[] => {
      if (estimated === null || !known.has(fromPeerId) || !known.has(toPeerId)) return []
      const far = fromPeerId === from ? toPeerId : toPeerId === from ? fromPeerId : null
      return far !== null && measured.has(far) ? [] : [{ from: fromPeerId, to: toPeerId, rttMs: rounded(estimated.rttMs), isMeasured: false }]
    })]
  }
}

function liveMember({ record, name, local, state, status, latency, load }: MemberView): LiveMemberView {
  return {
    peerId: record.peerId, name, isLocal: local, state, status,
    latencyMs: latency === null ? null : rounded(latency.smoothedMs),
    cpuPercent: load === null ? null : Math.round(load.cpuPercent), memoryPercent: load === null ? null : Math.round(load.memoryPercent),
    inFlight: load?.inFlight ?? null, overloaded: load?.overloaded ?? false,
    place: `${record.datacenter}/${record.rack}`, databases: record.databases.map(({ name: database, role }) => ({ name: database, role })),
  }
}

/** To three digits: what flickers below them changes nothing that is shown, and would be sent again each second. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3))
}

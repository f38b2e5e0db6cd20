/** What a node would tell of a mesh of any size, second by second: from a seed, so that the same mesh comes again. */
import { createRandom, type Random } from '../../src/core/time/random.ts'
import type { EventView, LatencyView } from '../../src/wire/control.ts'
import type { AlertView, DatabaseView, LiveDistanceView, LiveHistoryView, LiveMemberView, LiveRatesView, LiveStateView, QueryRecord } from '../../src/wire/operations-views.ts'

interface Site {
  readonly name: string
  readonly rttMs: number
}

const sites: readonly Site[] = [{ name: 'lyon', rttMs: 0.4 }, { name: 'milan', rttMs: 7 }, { name: 'oslo', rttMs: 31 }, { name: 'ohio', rttMs: 96 }, { name: 'tokyo', rttMs: 228 }]
/** The first member serves `shop`, the others have a copy of it and `crm` beside it. */
const statements: Readonly<Record<'shop' | 'crm', readonly string[]>> = {
  shop: ["SELECT count(*) FROM orders WHERE placed_at > now() - INTERVAL '1 day'", 'SELECT product_id, avg(price)\nFROM prices\nGROUP BY product_id', 'SELECT state, count(*) FROM carts GROUP BY state', 'SELECT 1'],
  crm: ['SELECT customer_id, sum(total) AS spent\nFROM invoices\nGROUP BY ALL\nORDER BY spent DESC LIMIT 20', 'SELECT * FROM customers WHERE id = 4711'],
}

interface SimulatedMember {
  view: LiveMemberView
  readonly site: Site
  readonly baseMs: number
  baseCpu: number
}

export interface SimulatedMeshOptions {
  readonly nodes: number
  readonly seed?: number
  /** All of them healthy and idle enough. */
  readonly isCalm?: boolean
}

export class SimulatedMesh {
  readonly #random: Random
  readonly #members: SimulatedMember[]
  #queries = 0
  alerts: AlertView[] = []
  partition: LiveStateView['partition'] = null
  hasQuorum = true

  constructor({ nodes, seed = 1, isCalm = false }: SimulatedMeshOptions) {
    this.#random = createRandom(seed)
    this.#members = Array.from({ length: nodes }, (_, index) => this.#member(index, nodes))
    if (!isCalm && nodes >= 3) this.#trouble()
  }

  get members(): readonly LiveMemberView[] {
    return this.#members.map(({ view }) => view)
  }

  change(name: string, change: Partial<LiveMemberView>): void {
    const member = this.#members.find(({ view }) => view.name === name)
    if (member === undefined) throw new Error(`no simulated member is called ${name}`)
    member.view = { ...member.view, ...change }
  }

  /** From now on; what it tells of its queries is then of that. */
  overload(name: string, cpuPercent: number): void {
    const member = this.#members.find(({ view }) => view.name === name)
    if (member !== undefined) member.baseCpu = cpuPercent
    this.change(name, { cpuPercent, overloaded: true, status: 'degraded' })
  }

  /** One second later. */
  advance(): void {
    for (const member of this.#members) {
      const { view, baseMs, baseCpu } = member
      if (view.state === 'failed' || view.state === 'left') continue
      const cpuPercent = Math.round(Math.max(1, Math.min(99, (view.cpuPercent ?? baseCpu) + (this.#random() - 0.5) * 9 + (baseCpu - (view.cpuPercent ?? baseCpu)) * 0.15)))
      member.view = {
        ...view, cpuPercent, memoryPercent: Math.round((view.memoryPercent ?? 50) + (this.#random() - 0.5)), inFlight: Math.floor(this.#random() * cpuPercent / 12),
        latencyMs: view.isLocal || view.latencyMs === null ? null : Number((baseMs * (1 + (this.#random() - 0.4) * 0.12)).toPrecision(3)),
      }
    }
  }

  state(atWallMs: number): LiveStateView {
    return {
      atWallMs, from: this.#members[0]?.view.peerId ?? '', members: this.members, distances: this.#distances(), alerts: this.alerts, partition: this.partition, hasQuorum: this.hasQuorum,
      rates: this.#rates(atWallMs),
    }
  }

  /** As the node remembers itself. */
  history(atWallMs: number, minutes: number): LiveHistoryView {
    const cpuPercent = this.#members[0]?.baseCpu ?? 0
    return { stepMs: 10_000, points: Array.from({ length: minutes * 6 }, (_, index) => {
      const pointWallMs = atWallMs - (minutes * 6 - index) * 10_000
      return { atWallMs: pointWallMs, cpuPercent: Math.round(cpuPercent + (this.#random() - 0.5) * 12), memoryPercent: 50, rates: this.#rates(pointWallMs) }
    }) }
  }

  databases(): DatabaseView[] {
    return ['crm', 'shop'].map((name) => ({ name, path: name === 'shop' ? 'shop.duckdb' : null, copies: this.members.flatMap(({ peerId, name: node, isLocal, databases }) => databases.filter((database) => database.name === name).map(({ role }) => ({ peerId, node, isLocal, role, engine: 'duckdb', ready: true }))) }))
  }

  latency(atWallMs: number, { database, minutes }: { readonly database: string; readonly minutes: number }): LatencyView {
    const minuteMs = 60_000
    const firstWallMs = Math.floor(atWallMs / minuteMs - minutes) * minuteMs
    return {
      database, hours: minutes / 60, sinceWallMs: firstWallMs, thresholdMs: 200, pointMs: minuteMs,
      nodes: this.#members.filter(({ view }) => !view.isLocal && view.databases.some(({ name }) => name === database)).map(({ baseMs, view: { name, peerId, state, status } }) => ({
        name, peerId, state, status, statusReason: null, role: 'replica', currentMs: baseMs, currentAtWallMs: atWallMs, roundTrips: null, firstBytes: null, traffic: null, quality: null,
        points: Array.from({ length: minutes }, (_, index) => ({ atWallMs: firstWallMs + index * minuteMs, samples: 30, meanMs: baseMs * (1 + (this.#random() - 0.4) * 0.04), minMs: baseMs * 0.9, maxMs: baseMs * 1.4 })),
      })),
    }
  }

  /** What becomes of a read of the database, in the words of a node. */
  route(database: string): { readonly decision: 'local' | 'forward'; readonly to: LiveMemberView | null; readonly reason: string } {
    const here = this.members.find(({ isLocal }) => isLocal) ?? null
    const peers = this.members.filter(({ isLocal, state, databases }) => !isLocal && state === 'alive' && databases.some(({ name }) => name === database))
    const [nearest = null] = peers.sort((one, other) => (one.latencyMs ?? 0) - (other.latencyMs ?? 0))
    if (here?.databases.some(({ name }) => name === database) !== true) return { decision: 'forward', to: nearest, reason: `Local node does not serve ${database}` }
    return here.overloaded ? { decision: 'forward', to: nearest, reason: `Local CPU ${here.cpuPercent ?? 0}% exceeds threshold 80%` } : { decision: 'local', to: here, reason: 'Local node is below its thresholds' }
  }

  #rates(atWallMs: number): LiveRatesView {
    if (this.#members.length < 2) return { queriesPerSecond: 0, forwardedPerSecond: 0, failedPerSecond: 0 }
    const wave = 40 + 25 * Math.sin(atWallMs / 60_000) + this.#random() * 6
    return { queriesPerSecond: wave, forwardedPerSecond: wave * 0.22, failedPerSecond: this.#members.length > 50 ? 0.3 : 0 }
  }

  query(atWallMs: number): QueryRecord {
    const hasPeers = this.members.some(({ isLocal, state }) => !isLocal && state === 'alive')
    const database = hasPeers && this.#random() < 0.4 ? 'crm' : 'shop'
    const { decision, to, reason } = this.route(database)
    // Not always the nearest.
    const peers = this.members.filter(({ isLocal, state }) => !isLocal && state === 'alive')
    const target = decision === 'forward' ? peers[Math.floor(this.#random() ** 2 * peers.length)] ?? to : to
    const isFailed = this.#random() < 0.06
    const latencyMs = decision === 'forward' ? target?.latencyMs ?? null : null
    const durationMs = Number(((latencyMs ?? 0) + 0.4 + this.#random() * 12).toPrecision(3))
    const id = ++this.#queries
    const sql = statements[database]
    return {
      id, startedWallMs: Math.round(atWallMs - durationMs), durationMs, firstAnswerMs: durationMs * 0.8, database, sql: sql[Math.floor(this.#random() * sql.length)] ?? '', access: 'read',
      priority: 'normal', sentBy: null, decision, executedBy: isFailed ? null : { peerId: target?.peerId ?? '', name: target?.name ?? '' }, latencyMs,
      reason, strategy: 'nearest', failedAttempts: [], decisionUs: 11 + this.#random() * 20,
      rows: Math.floor(this.#random() * 40), engineMs: isFailed ? null : durationMs * 0.7, outcome: isFailed ? 'error' : 'ok', code: isFailed ? 'ERR_SQL' : null, traceId: null,
    }
  }

  event(atWallMs: number, name: string, type: 'member-joined' | 'member-suspected' | 'member-failed' | 'member-refuted', reason: string): EventView {
    const peerId = this.#members.find(({ view }) => view.name === name)?.view.peerId ?? name
    return {
      type, atWallMs, name, from: this.#members[0]?.view.name ?? '', reason, sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null,
      // The page reads no more of it.
      record: { peerId, name } as Extract<EventView, { record: unknown }>['record'],
    }
  }

  #member(index: number, nodes: number): SimulatedMember {
    const site = index === 0 ? sites[0] : sites[nodes <= 5 ? index % sites.length : Math.floor(this.#random() ** 1.6 * sites.length)]
    if (site === undefined) throw new Error('there is no such site')
    const baseMs = site.rttMs * (0.7 + this.#random() * 0.8)
    const baseCpu = 8 + this.#random() ** 2 * 62
    const rack = 1 + Math.floor(this.#random() * 4)
    return {
      site, baseMs, baseCpu,
      view: {
        peerId: `12D3KooW${Array.from({ length: 44 }, () => 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789'[Math.floor(this.#random() * 57)] ?? 'A').join('')}`,
        name: `${site.name}-${index + 1}`, isLocal: index === 0, state: 'alive', status: baseMs > 200 ? 'degraded' : 'healthy', latencyMs: index === 0 ? null : Number(baseMs.toPrecision(3)),
        cpuPercent: Math.round(baseCpu), memoryPercent: Math.round(30 + this.#random() * 45), inFlight: 0, overloaded: false, place: `${site.name}/r${rack}`,
        databases: index === 0 ? [{ name: 'shop', role: 'primary' }] : [{ name: 'shop', role: 'replica' }, { name: 'crm', role: index === 1 ? 'primary' : 'replica' }],
      },
    }
  }

  #trouble(): void {
    const last = this.#members.at(-1)
    if (last !== undefined) last.view = { ...last.view, state: 'failed', status: 'unhealthy', cpuPercent: null, memoryPercent: null, inFlight: null }
    const busy = this.#members[Math.floor(this.#members.length / 2)]
    if (busy !== undefined && busy !== last) busy.view = { ...busy.view, status: 'degraded', overloaded: true, cpuPercent: 93 }
    if (this.#members.length < 20) return
    const [suspect, joining, left] = [this.#members[7], this.#members[11], this.#members[13]]
    if (suspect !== undefined) suspect.view = { ...suspect.view, state: 'suspect', status: 'degraded' }
    if (joining !== undefined) joining.view = { ...joining.view, state: 'joining', latencyMs: null }
    if (left !== undefined) left.view = { ...left.view, state: 'left', latencyMs: null }
  }

  /** From the first to all, and of each to those of its site. */
  #distances(): LiveDistanceView[] {
    const [first, ...others] = this.#members
    if (first === undefined) return []
    return [
      ...others.flatMap(({ view }) => (view.latencyMs === null ? [] : [{ from: first.view.peerId, to: view.peerId, rttMs: view.latencyMs, isMeasured: true }])),
      ...others.flatMap(({ view, site }, index) => others.slice(index + 1).filter((other) => other.site === site).slice(0, 3).map((other) => ({ from: view.peerId, to: other.view.peerId, rttMs: 0.5, isMeasured: false }))),
    ]
  }
}

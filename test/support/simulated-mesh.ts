/** What a node would tell of a mesh of any size, second by second: from a seed, so that the same mesh comes again. */
import { createRandom, type Random } from '../../src/core/time/random.ts'
import type { EventView } from '../../src/wire/control.ts'
import type { AlertView, LiveDistanceView, LiveMemberView, LiveStateView, QueryRecord } from '../../src/wire/operations-views.ts'

interface Site {
  readonly name: string
  readonly rttMs: number
}

const sites: readonly Site[] = [{ name: 'lyon', rttMs: 0.4 }, { name: 'milan', rttMs: 7 }, { name: 'oslo', rttMs: 31 }, { name: 'ohio', rttMs: 96 }, { name: 'tokyo', rttMs: 228 }]
const statements: readonly string[] = [
  "SELECT count(*) FROM orders WHERE placed_at > now() - INTERVAL '1 day'", 'SELECT customer_id, sum(total) AS spent\nFROM orders\nGROUP BY ALL\nORDER BY spent DESC LIMIT 20', 'SELECT * FROM customers WHERE id = 4711',
  'UPDATE carts SET state = \'paid\' WHERE id = 90210', 'SELECT product_id, avg(price) FROM prices GROUP BY product_id', 'SELECT 1',
]

interface SimulatedMember {
  view: LiveMemberView
  readonly site: Site
  readonly baseMs: number
  readonly baseCpu: number
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
    const wave = 40 + 25 * Math.sin(atWallMs / 60_000) + this.#random() * 6
    return {
      atWallMs, from: this.#members[0]?.view.peerId ?? '', members: this.members, distances: this.#distances(), alerts: this.alerts, partition: this.partition, hasQuorum: this.hasQuorum,
      rates: this.#members.length < 2 ? { queriesPerSecond: 0, forwardedPerSecond: 0, failedPerSecond: 0 } : { queriesPerSecond: wave, forwardedPerSecond: wave * 0.22, failedPerSecond: this.#members.length > 50 ? 0.3 : 0 },
    }
  }

  query(atWallMs: number): QueryRecord {
    const peers = this.#members.filter(({ view }) => view.state === 'alive' && !view.isLocal)
    const local = this.#members[0]
    const isForwarded = peers.length > 0 && this.#random() < 0.4
    const to = isForwarded ? peers[Math.floor(this.#random() ** 2 * peers.length)] : local
    const isFailed = this.#random() < 0.06
    const durationMs = Number(((isForwarded ? to?.view.latencyMs ?? 1 : 0) + 0.4 + this.#random() * 12).toPrecision(3))
    const id = ++this.#queries
    return {
      id, startedWallMs: Math.round(atWallMs - durationMs), durationMs, firstAnswerMs: durationMs * 0.8, database: 'shop', sql: statements[Math.floor(this.#random() * statements.length)] ?? '', access: 'read',
      priority: 'normal', sentBy: null, decision: isForwarded ? 'forward' : 'local', executedBy: isFailed ? null : { peerId: to?.view.peerId ?? '', name: to?.view.name ?? '' }, latencyMs: isForwarded ? to?.view.latencyMs ?? null : null,
      reason: isForwarded ? `Local CPU 86% exceeds threshold 80%; ${to?.view.name ?? ''} is the nearest healthy copy` : 'Local CPU 31% is below threshold 80%', strategy: 'nearest', failedAttempts: [], decisionUs: 11 + this.#random() * 20,
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
        databases: [{ name: 'shop', role: index === 0 ? 'primary' : 'replica' }, ...(index % 3 === 0 ? [{ name: 'events', role: 'replica' }] : [])],
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

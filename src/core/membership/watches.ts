/**
 * Ends a suspicion early, either way (extension; the idea of K observers and their watermarks is Rapid's, ATC'18 §4). As soon as a member
 * is suspected, or its connections break, its K observers (observers.ts) ping it now rather than in their rounds, try its TCP port, and
 * tell one another what they found. When most of them agree the verdict is spoken at once; when they do not, nothing is, and the suspicion
 * runs its course.
 *
 *   ping, ping, ping … and one TCP connect
 *     ├─ nothing answers, the port is refused            ▶ dead    (the process is gone; its host says so)
 *     ├─ nothing answers, not even the host, for longer  ▶ dead    (the host or the path is gone)
 *     ├─ nothing answers, but the host accepts, again    ▶ no finding: a paused or hung process keeps its whole suspicion
 *     ├─ it answers, but loses far more than others do   ▶ lossy
 *     └─ it answers                                      ▶ well
 *
 * `dead` needs HIGH_SHARE of the live observers, and nobody who found it well. `lossy` needs LOSSY_SHARE of them; an answer is no objection,
 * since losing many answers is the finding. While between LOW_SHARE and that share find it faulty, the watch goes on: a member that is
 * neither in nor out is watched until it is one of both everywhere.
 *
 * A node that hears nobody, or holds most of a subject's observers for suspect, finds nothing: it may be the one that is cut off.
 *
 * Bounds: WATCHES_MAX at once, the others wait; WATCH_PINGS_MAX pings a watch; reports go to the other observers only, a datagram each.
 */
import type { Coordinate } from '../coordinates/types.ts'
import type { Deadlines } from '../time/deadlines.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { DirectLoss } from './direct-loss.ts'
import type { MembershipOptions } from './options.ts'
import { hashPeerId, observersOf } from './observers.ts'
import { ackTimeoutMs } from './prober.ts'
import type { Evidence, MembershipEffect, Probe, Report } from './types.ts'
import { type ConnectResult, FAST_PINGS, SILENT_PINGS_MIN, Watch, WATCH_PINGS, WATCH_PINGS_MAX, type Yardstick } from './watch.ts'

export const WATCHES_MAX = 16
export const HIGH_SHARE = 0.7
export const LOSSY_SHARE = 0.8
export const LOW_SHARE = 0.3
/** Whoever holds fewer of the observers than this for alive is more likely cut off itself, and hurries no verdict. */
export const LIVE_SHARE_MIN = 0.5
/** TCP connects of one watch between two answers to pings: one, and more where SYNs get lost, or while an accepting host answers no ping. */
export const CONNECTS_MAX = 8
/** In a lossy network a node tries to connect so often before it calls a host silent. */
export const LOSSY_CONNECTS = 3
/** The first so many observers in rank announce, one more than a verdict needs (beliefs.ts); the others' word travels by piggyback. */
export const ANNOUNCERS = 3

export interface Finding {
  readonly subject: MemberEntry
  readonly verdict: 'dead' | 'lossy'
  readonly evidence: Evidence
  /** Of the pings that it rests on. */
  readonly startedMs: number
  /** This node is one of those that announce it. */
  readonly announces: boolean
  readonly confirmedBy: readonly string[]
}

interface WatchesSurroundings {
  readonly selfId: string
  readonly options: MembershipOptions
  readonly table: MemberTable
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly multiplier: () => number
  readonly directLoss: DirectLoss
  /** When any other member was heard last. */
  readonly heardMs: () => number
  readonly nextSequence: () => number
  readonly send: (to: string, probe: Probe | null, reports: readonly Report[]) => void
  readonly emit: (effect: MembershipEffect) => void
  readonly onAnswered: (nowMs: number, subject: MemberEntry, rttMs: number, coordinate: Coordinate | null) => void
  readonly onLost: (nowMs: number, subject: MemberEntry) => void
  /** This observer itself finds it dead. */
  readonly onFound: (nowMs: number, finding: Finding) => void
  /** The observers agree. */
  readonly onAgreed: (nowMs: number, finding: Finding) => void
  /** Nothing answers, but its host accepts connections. */
  readonly onHung: (nowMs: number, subject: MemberEntry, startedMs: number, evidence: Evidence) => void
}

export class Watches {
  readonly #in: WatchesSurroundings
  readonly #selfHash: number
  readonly #watches = new Map<string, Watch>()
  readonly #bySequence = new Map<number, Watch>()
  readonly #waiting = new Map<string, Evidence>()

  constructor(surroundings: WatchesSurroundings) {
    this.#in = surroundings
    this.#selfHash = hashPeerId(surroundings.selfId)
  }

  get size(): number {
    return this.#watches.size
  }

  observersOf(subject: MemberEntry): string[] {
    return observersOf(subject, { peerId: this.#in.selfId, hash: this.#selfHash }, this.#in.table.active.items, this.#in.options.observers)
  }

  /** Begins to watch if this node is one of the subject's observers. True when it is. */
  start(nowMs: number, subject: MemberEntry, evidence: Evidence): boolean {
    if (this.#watches.has(subject.peerId)) return true
    const observers = this.observersOf(subject)
    if (!observers.includes(this.#in.selfId)) return false
    if (this.#watches.size >= WATCHES_MAX) {
      this.#waiting.set(subject.peerId, evidence)
      return true
    }
    const watch = new Watch({ subject, evidence, observers, startedMs: nowMs })
    this.#watches.set(subject.peerId, watch)
    this.#in.counters.watches++
    this.#connect(nowMs, watch)
    this.#ping(nowMs, watch)
    this.#arm(watch)
    return true
  }

  /** As `start`, for a connection that just broke: what a watch under way has found before says nothing about now. */
  startAnew(nowMs: number, subject: MemberEntry, evidence: Evidence): boolean {
    const watch = this.#watches.get(subject.peerId)
    if (watch === undefined) return this.start(nowMs, subject, evidence)
    if (nowMs < watch.connectedMs + this.#in.options.ackTimeoutFloorMs) return true
    watch.fastUntil = watch.sent + FAST_PINGS
    this.#connect(nowMs, watch)
    this.#ping(nowMs, watch)
    this.#arm(watch)
    return true
  }

  /** True when the sequence is of one of ours. */
  handleAck(nowMs: number, from: string, sequence: number, coordinate: Coordinate | null): boolean {
    const watch = this.#bySequence.get(sequence)
    if (watch === undefined || watch.subject.peerId !== from) return false
    const ping = watch.pings.find((one) => one.sequence === sequence)
    if (ping !== undefined && ping.outcome !== 'answered') {
      // A late answer counts as one: it was slow, not lost.
      ping.outcome = 'answered'
      watch.connects = 0
      this.#in.counters.acksReceived++
      this.#in.onAnswered(nowMs, watch.subject, nowMs - ping.sentMs, coordinate)
      this.#judge(nowMs, watch)
    }
    return true
  }

  handleConnect(nowMs: number, peerId: string, result: ConnectResult): void {
    const watch = this.#watches.get(peerId)
    if (watch === undefined || watch.connect !== null) return
    watch.silences = result === 'silent' ? watch.silences + 1 : 0
    const isLossy = this.#in.directLoss.isNetworkLossy(nowMs, watch.subject.peerId)
    if (result === 'silent' && isLossy && watch.silences < LOSSY_CONNECTS && watch.connects < CONNECTS_MAX) {
      this.#connect(nowMs, watch)
      return
    }
    watch.connect = result
    const pending = watch.pings.find(({ outcome }) => outcome === 'pending')
    if (result === 'refused' && pending !== undefined) {
      watch.nextCheckMs = Math.max(nowMs, pending.sentMs + this.#timeoutMs(watch))
      this.#arm(watch)
    } else if (result === 'open' && watch.connects === 1 && watch.nextCheckMs < Infinity) {
      // A dying process closes its connections before it closes its port: what was open a moment ago is asked again.
      watch.nextCheckMs = Math.min(watch.nextCheckMs, nowMs + this.#in.options.ackTimeoutFloorMs)
      this.#arm(watch)
    }
    this.#judge(nowMs, watch)
  }

  handleReport(nowMs: number, from: string, report: Report): void {
    const subject = this.#in.table.get(report.peerId)
    if (subject === undefined || report.incarnation > subject.incarnation) {
      this.#in.counters.updatesUnproven++
      return
    }
    const isOver = report.incarnation < subject.incarnation || !(isActive(subject) || subject.probationUntilMs !== null)
    if (isOver) {
      this.#in.counters.updatesStale++
      return
    }
    if (report.verdict !== 'well') this.start(nowMs, subject, report.evidence)
    const watch = this.#watches.get(report.peerId)
    if (watch === undefined || !watch.observers.includes(from)) {
      this.#in.counters.updatesUnproven++
      return
    }
    watch.reports.set(from, report.verdict)
    // Whoever finds it faulty must hear of those that do not.
    if (report.verdict !== 'well' && watch.verdict(this.#yardstick(nowMs, watch)) === 'well') this.#tell(from, watch.report('well'))
    // An objection completes no verdict; judging it would let those that find it well tell one another so for ever.
    if (report.verdict !== 'well') this.#judge(nowMs, watch)
  }

  handleTimeout(nowMs: number, peerId: string): void {
    const watch = this.#watches.get(peerId)
    if (watch === undefined) return
    if (nowMs >= watch.nextCheckMs) {
      watch.nextCheckMs = Infinity
      for (const ping of watch.pings) if (ping.outcome === 'pending' && nowMs >= ping.sentMs + this.#timeoutMs(watch)) {
        ping.outcome = 'lost'
        this.#in.onLost(nowMs, watch.subject)
      }
      const next = watch.pings.find(({ outcome }) => outcome === 'pending')
      if (next !== undefined) watch.nextCheckMs = next.sentMs + this.#timeoutMs(watch)
      if (watch.connect === 'open' && watch.isUnheard) this.#connect(nowMs, watch)
      this.#judge(nowMs, watch)
      if (this.#watches.get(peerId) !== watch) return
    }
    if (nowMs >= watch.nextPingMs) {
      if (this.#isDone(nowMs, watch)) {
        this.drop(nowMs, peerId)
        return
      }
      this.#ping(nowMs, watch)
    }
    this.#arm(watch)
  }

  /** The subject has spoken for itself, so it lives: what was found dead is void, what it loses still counts. */
  handleRefutation(nowMs: number, peerId: string): void {
    const watch = this.#watches.get(peerId)
    if (watch === undefined) return
    watch.heardMs = nowMs
    watch.told = null
    for (const [observer, verdict] of watch.reports) if (verdict === 'dead') watch.reports.delete(observer)
    this.#connect(nowMs, watch)
  }

  /** This node stood still: what is open may have been answered. */
  excuseAll(nowMs: number): void {
    for (const watch of this.#watches.values()) {
      for (const ping of watch.pings) this.#bySequence.delete(ping.sequence)
      watch.pings.length = 0
      watch.told = null
      watch.nextPingMs = nowMs
      watch.nextCheckMs = Infinity
      this.#arm(watch)
    }
  }

  drop(nowMs: number, peerId: string): void {
    this.#waiting.delete(peerId)
    const watch = this.#watches.get(peerId)
    if (watch === undefined) return
    this.#watches.delete(peerId)
    for (const ping of watch.pings) this.#bySequence.delete(ping.sequence)
    this.#in.deadlines.delete(`watch:${peerId}`)
    for (const [waiting, evidence] of this.#waiting) {
      this.#waiting.delete(waiting)
      const subject = this.#in.table.get(waiting)
      if (subject === undefined || !isActive(subject)) continue
      this.start(nowMs, subject, evidence)
      break
    }
  }

  clear(): void {
    for (const peerId of this.#watches.keys()) this.#in.deadlines.delete(`watch:${peerId}`)
    this.#watches.clear()
    this.#bySequence.clear()
    this.#waiting.clear()
  }

  // --- one watch ---------------------------------------------------------------------------------------------------------

  /** Where the host has refused, its answer has shown how near it is: nobody waits for a round trip that was never measured. */
  #timeoutMs(watch: Watch): number {
    const { options, multiplier } = this.#in
    return (watch.connect === 'refused' ? options.ackTimeoutFloorMs : ackTimeoutMs(options, watch.subject.rtt)) * multiplier()
  }

  #connect(nowMs: number, watch: Watch): void {
    if (watch.connects >= CONNECTS_MAX) return
    watch.connects++
    watch.connect = null
    watch.connectedMs = nowMs
    this.#in.emit({ kind: 'connect', peerId: watch.subject.peerId, timeoutMs: this.#in.options.ackTimeoutMs })
  }

  #ping(nowMs: number, watch: Watch): void {
    const sequence = this.#in.nextSequence()
    watch.pings.push({ sequence, sentMs: nowMs, outcome: 'pending' })
    if (watch.pings.length > WATCH_PINGS_MAX) this.#bySequence.delete((watch.pings.shift()?.sequence ?? -1))
    this.#bySequence.set(sequence, watch)
    watch.sent++
    this.#in.counters.pingsSent++
    const timeoutMs = this.#timeoutMs(watch)
    const fastMs = Math.max(2.5 * this.#in.options.ackTimeoutFloorMs, timeoutMs)
    watch.nextPingMs = nowMs + (watch.sent < Math.max(watch.fastUntil, watch.silentPings(this.#yardstick(nowMs, watch)) + 1) ? fastMs : Math.max(fastMs, this.#in.options.probeIntervalMs))
    watch.nextCheckMs = Math.min(watch.nextCheckMs, nowMs + timeoutMs)
    this.#in.send(watch.subject.peerId, { kind: 'ping', sequence }, [])
  }

  #arm(watch: Watch): void {
    this.#in.deadlines.set(`watch:${watch.subject.peerId}`, Math.min(watch.nextPingMs, watch.nextCheckMs))
  }

  #live(watch: Watch): string[] {
    const { selfId, table } = this.#in
    return watch.observers.filter((peerId) => peerId === selfId || table.get(peerId)?.state === 'alive')
  }

  #yardstick(nowMs: number, watch: Watch): Yardstick {
    const { directLoss, heardMs, table } = this.#in
    return { nowMs, directLoss, liveObservers: this.#live(watch).length, hearsOthers: heardMs() > watch.startedMs || table.active.size <= 1 }
  }

  /** Looks at what is known now: tells the others what changed, and speaks the verdict when they agree. */
  #judge(nowMs: number, watch: Watch): void {
    const verdict = watch.verdict(this.#yardstick(nowMs, watch))
    const { selfId, counters } = this.#in
    if (verdict !== null && verdict !== 'well') {
      const live = this.#live(watch)
      const finding = (confirmedBy: readonly string[], announcers: readonly string[]): Finding => ({
        subject: watch.subject, verdict, evidence: watch.evidenceOf(verdict), startedMs: verdict === 'dead' ? silentSinceMs(watch) : watch.startedMs, confirmedBy,
        announces: announcers.slice(0, ANNOUNCERS).includes(selfId),
      })
      if (verdict === 'dead') this.#in.onFound(nowMs, finding([], live))
      if (this.#watches.get(watch.subject.peerId) !== watch) return
      if (watch.told !== verdict) this.#report(watch, verdict)
      const holds = (wanted: Report['verdict']): string[] => live.filter((peerId) => (peerId === selfId ? verdict : watch.reports.get(peerId)) === wanted)
      const dead = holds('dead')
      const faulty = [...dead, ...holds('lossy')]
      const isEnough = live.length >= LIVE_SHARE_MIN * watch.observers.length
      const isDead = isEnough && verdict === 'dead' && dead.length >= quorum(HIGH_SHARE, live.length) && holds('well').length === 0
      if (isDead || (isEnough && verdict === 'lossy' && faulty.length >= quorum(LOSSY_SHARE, live.length))) {
        counters.earlyVerdicts++
        const agreed = isDead ? dead : live.filter((peerId) => faulty.includes(peerId))
        this.#in.onAgreed(nowMs, finding(agreed.filter((peerId) => peerId !== selfId), agreed))
      }
    } else if (verdict === null && watch.connect === 'open' && watch.lostInARow >= SILENT_PINGS_MIN) {
      this.#in.onHung(nowMs, watch.subject, silentSinceMs(watch), watch.evidence)
    } else if (verdict === 'well' && watch.told !== 'well') {
      this.#tellWell(watch)
    }
  }

  /** To all who heard otherwise from us; otherwise only to those that told us otherwise. */
  #tellWell(watch: Watch): void {
    if (watch.told !== null) {
      this.#report(watch, 'well')
      return
    }
    for (const [observer, verdict] of watch.reports) if (verdict !== 'well') this.#tell(observer, watch.report('well'))
  }

  #tell(observer: string, report: Report): void {
    this.#in.counters.reportsSent++
    this.#in.send(observer, null, [report])
  }

  #report(watch: Watch, verdict: Report['verdict']): void {
    watch.told = verdict
    const report = watch.report(verdict)
    for (const observer of this.#live(watch)) if (observer !== this.#in.selfId) this.#tell(observer, report)
  }

  /** After its pings, unless it is still suspected or on probation, or the observers are neither here nor there. */
  #isDone(nowMs: number, watch: Watch): boolean {
    const { subject } = watch
    if (subject.probationUntilMs !== null) return false
    if (!isActive(subject)) return true
    // A lost report would leave the others one short: it is told again with each ping that follows.
    if (watch.told !== null && watch.told !== 'well') this.#report(watch, watch.told)
    if (watch.sent >= WATCH_PINGS_MAX) return true
    if (watch.sent < WATCH_PINGS || subject.state === 'suspect') return false
    const live = this.#live(watch)
    const own = watch.verdict(this.#yardstick(nowMs, watch))
    const faulty = live.filter((peerId) => {
      const verdict = peerId === this.#in.selfId ? own : watch.reports.get(peerId)
      return verdict === 'dead' || verdict === 'lossy'
    })
    return faulty.length <= LOW_SHARE * live.length
  }
}

function quorum(share: number, live: number): number {
  return Math.max(Math.min(2, live), Math.ceil(share * live))
}

/** When the first ping was sent since which none was answered: a watch may have begun long before, as that of a member on probation. */
function silentSinceMs({ pings, heardMs, startedMs }: Watch): number {
  const lastAnswered = pings.findLastIndex(({ outcome, sentMs }) => outcome === 'answered' || sentMs < heardMs)
  return pings[lastAnswered + 1]?.sentMs ?? startedMs
}

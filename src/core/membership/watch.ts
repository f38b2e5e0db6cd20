/**
 * What one observer has seen of one subject, and what that means: the pings of a watch, their outcomes, the answer of its port. Who watches whom,
 * when to ping, and what is told to whom is watches.ts's part.
 */
import type { DirectLoss } from './direct-loss.ts'
import type { MemberEntry } from './member-table.ts'
import type { Evidence, Report } from './types.ts'

/** Pings that a loss ratio is taken from (Rapid: 40 % of the last 10); more where few observe. */
export const LOSS_PINGS_MIN = 10
/** The same over all observers together. */
export const LOSS_PINGS = 60
export const LOSS_RATIO_MIN = 0.4
/** A subject is lossy only where it loses so much more than this node's probes of all others do: otherwise the network is, or this node. */
export const LOSS_MARGIN = 0.35
/** The same in standard errors, which weigh more where pings are few and the network loses many. */
export const LOSS_DEVIATIONS = 2.5
/** Pings without an answer, over all observers together, that stand for a silent host. */
export const SILENT_PINGS = 12
export const SILENT_PINGS_MIN = 3
/** So unlikely must it be that a living member's answers were all lost, at this node's own loss. */
export const SILENCE_CHANCE = 0.02
/** The first pings follow quickly, to tell dead from living; the later ones measure loss. */
export const FAST_PINGS = 4
export const WATCH_PINGS = 12
export const WATCH_PINGS_MAX = 36

export type ConnectResult = 'open' | 'refused' | 'silent'

interface WatchPing {
  readonly sequence: number
  readonly sentMs: number
  outcome: 'pending' | 'answered' | 'lost'
}

/** What this node knows beside the watch. */
export interface Yardstick {
  readonly nowMs: number
  readonly directLoss: DirectLoss
  /** Observers that are alive here, this node included. */
  readonly liveObservers: number
  /** Others were heard since the watch began. */
  readonly hearsOthers: boolean
}

export class Watch {
  readonly subject: MemberEntry
  readonly startedMs: number
  readonly evidence: Evidence
  readonly observers: readonly string[]
  /** What others found last, by observer. */
  readonly reports = new Map<string, Report['verdict']>()
  /** The last WATCH_PINGS_MAX. */
  readonly pings: WatchPing[] = []
  sent = 0
  /** Pings until here follow one another quickly. */
  fastUntil = FAST_PINGS
  connect: ConnectResult | null = null
  /** Since the last answered ping. */
  connects = 0
  connectedMs: number
  /** Of connects, in a row. */
  silences = 0
  /** Only what was lost since counts as silence. */
  heardMs: number
  nextPingMs: number
  nextCheckMs = Infinity
  /** What this node told the others last. */
  told: Report['verdict'] | null = null

  constructor(init: { readonly subject: MemberEntry; readonly evidence: Evidence; readonly observers: readonly string[]; readonly startedMs: number }) {
    this.subject = init.subject
    this.evidence = init.evidence
    this.observers = init.observers
    this.startedMs = this.connectedMs = this.heardMs = this.nextPingMs = init.startedMs
  }

  get lostInARow(): number {
    let lost = 0
    for (const { outcome, sentMs } of this.pings.toReversed()) {
      if (outcome === 'answered' || sentMs < this.heardMs) break
      if (outcome === 'lost') lost++
    }
    return lost
  }

  /** The last ping has not been answered: where its host accepts connections, it hangs, or has ended since. */
  get isUnheard(): boolean {
    const last = this.pings.at(-1)
    return last !== undefined && last.outcome !== 'answered' && last.sentMs >= this.heardMs
  }

  /** Null: neither here nor there. */
  verdict(by: Yardstick): Report['verdict'] | null {
    const { lostInARow } = this
    if (this.connect === 'refused' && lostInARow >= 1) return 'dead'
    // Silence of one says something only to those that hear others.
    if (this.connect === 'silent' && by.hearsOthers && lostInARow >= this.silentPings(by)) return 'dead'
    // Where all lose many, only many pings tell one who loses more.
    const isNetworkLossy = by.directLoss.isNetworkLossy(by.nowMs, this.subject.peerId)
    const wanted = Math.min(WATCH_PINGS_MAX - 1, isNetworkLossy ? Infinity : Math.max(LOSS_PINGS_MIN, Math.ceil(LOSS_PINGS / by.liveObservers)))
    const settled = this.pings.filter(({ outcome }) => outcome !== 'pending').slice(-wanted)
    const answered = settled.filter(({ outcome }) => outcome === 'answered').length
    if (settled.length >= wanted && (answered > 0 || this.connect === 'silent') && 1 - answered / settled.length >= this.#lossyFrom(by, settled.length)) return 'lossy'
    return answered > 0 && lostInARow === 0 ? 'well' : null
  }

  /** So many unanswered pings of this observer are its part of a silent host. */
  silentPings({ nowMs, directLoss, liveObservers }: Yardstick): number {
    const improbable = Math.ceil(Math.log(SILENCE_CHANCE) / Math.log(directLoss.ratio(nowMs, this.subject.peerId)))
    return Math.min(WATCH_PINGS, Math.max(SILENT_PINGS_MIN, Math.ceil(SILENT_PINGS / liveObservers), improbable))
  }

  /** What a verdict rests on. */
  evidenceOf(verdict: Report['verdict']): Evidence {
    if (verdict === 'well') return 'probe'
    if (verdict === 'lossy') return 'lossy'
    return this.connect === 'refused' ? 'refused' : 'silent'
  }

  report(verdict: Report['verdict']): Report {
    return { peerId: this.subject.peerId, incarnation: this.subject.incarnation, verdict, evidence: this.evidenceOf(verdict) }
  }

  /** The loss ratio of so many pings that this node's loss to all others does not explain. */
  #lossyFrom({ nowMs, directLoss }: Yardstick, pings: number): number {
    const others = directLoss.sample(nowMs, this.subject.peerId)
    // Two ratios of few pings differ by chance; this is the standard error of their difference.
    const deviation = Math.sqrt(others.ratio * (1 - others.ratio) * (1 / pings + 1 / (others.pings + 2)))
    return Math.max(LOSS_RATIO_MIN, others.ratio + Math.max(LOSS_MARGIN, LOSS_DEVIATIONS * deviation))
  }
}

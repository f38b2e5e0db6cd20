/**
 * How each member is reached from here, by what this node's own packets met: a fallback that works must not hide a path that does not.
 *
 * A path is degraded after so many direct pings in a row without an ack that chance does not explain them (`chanceOfRun`), while something else
 * shows that the member lives: its own datagrams arrive (it does not hear us), helpers reach it (we do not), or it answers over its stream (UDP
 * is blocked). Pings are counted, not seconds, because how often one member is probed depends on the size of the mesh; the prober follows a
 * lost ping up at once (prober.ts), so that a finding takes seconds.
 * It is restored by RESTORED_AFTER acks in a row: one would do to show that something gets through, but a path that loses most of its packets
 * would be restored and degraded all day.
 *
 * What chance explains is judged by the other paths, while the run of losses goes on: pings to them that settled meanwhile. A ratio of losses is
 * not enough: from a handful of pings it comes out far too low now and then, and its k-th power then lower than 1e-6 by mistake. The chance that
 * a path like the others loses k in a row is that of Laplace's rule of succession applied k times, which says much only when it has seen much.
 * Where no ping to anybody is answered, DEGRADED_AFTER_MAX of them together are a finding: this node is deaf.
 */
import type { Path, PathFinding } from './types.ts'

export const DEGRADED_AFTER_MIN = 8
export const DEGRADED_AFTER_MAX = 40
/** So unlikely must it be that all these pings were lost by chance. */
export const CHANCE = 1e-6
export const RESTORED_AFTER = 3
/** A network that loses more of its round trips is not told from a broken path: the ratio whose DEGRADED_AFTER_MAX-th power is CHANCE. */
export const LOSS_RATIO_MAX = CHANCE ** (1 / DEGRADED_AFTER_MAX)
/** As many as there may be members. */
const TRAILS_MAX = 100_000

/** Pings to other members that ended in an ack, and those that were lost before such an ack. */
export interface SettledPings {
  readonly acked: number
  readonly lost: number
}

/**
 * The chance that a path like the others loses `run` pings in a row: ∏ (lost + 1 + i) / (lost + acked + 2 + i) for i = 0 … run − 1, where each
 * factor is at least `lossRatio`, which this node met of late, and at most LOSS_RATIO_MAX.
 */
export function chanceOfRun(run: number, { acked, lost }: SettledPings, lossRatio: number): number {
  let chance = 1
  for (let i = 0; i < run && chance > CHANCE; i++) chance *= Math.min(LOSS_RATIO_MAX, Math.max(lossRatio, (lost + 1 + i) / (lost + acked + 2 + i)))
  return chance
}

export interface PathChange {
  readonly from: PathFinding
  readonly to: PathFinding
}

const DEGRADED_TEXTS: Readonly<Partial<Record<PathFinding, string>>> = {
  'inbound-only': 'its datagrams arrive here, but it does not answer ours',
  'indirect-only': 'others reach it with datagrams, this node does not',
  'stream-only': 'it answers over its connection, but not over UDP',
}

/** What a change is to the owner; null when it is no news, as when a member is simply gone. */
export function tellPathChange({ from, to }: PathChange): { readonly type: 'path-degraded' | 'path-restored'; readonly reason: string } | null {
  const reason = DEGRADED_TEXTS[to]
  if (reason !== undefined) return { type: 'path-degraded', reason }
  // From `none` it came back, and that is told as its joining.
  return to === 'direct' && DEGRADED_TEXTS[from] !== undefined ? { type: 'path-restored', reason: 'it answers datagrams again' } : null
}

interface Trail {
  readonly peerId: string
  finding: PathFinding
  sinceMs: number
  lastAckMs: number | null
  lastHeardMs: number | null
  lastIndirectMs: number | null
  lastStreamMs: number | null
  lostInARow: number
  ackedInARow: number
  /** Of the run of losses under way. */
  firstLossMs: number
  ackedBefore: number
  lostBefore: number
  isExplained: boolean
}

export class PathBook {
  readonly #trails = new Map<string, Trail>()
  /** Settled pings of all members. A loss counts when an ack ends its run, so that a broken path is no yardstick for the others. */
  #acked = 0
  #lost = 0
  /** To anybody, since anybody's last ack. */
  #lostSinceAck = 0

  noteAck(nowMs: number, peerId: string): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    this.#lostSinceAck = 0
    if (!isBroken(trail.finding)) {
      this.#acked++
      this.#lost += trail.lostInARow
    }
    trail.lastAckMs = nowMs
    trail.isExplained = true
    trail.lostInARow = 0
    trail.ackedInARow++
    if (trail.finding === 'unknown' || trail.ackedInARow >= RESTORED_AFTER) return this.#find(nowMs, trail, 'direct')
    return null
  }

  /** A direct ping that got no ack in time, while this node loses `lossRatio` of all its pings. */
  noteLost(nowMs: number, peerId: string, lossRatio: number): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    if (trail.lostInARow === 0) {
      trail.firstLossMs = nowMs
      trail.ackedBefore = this.#acked
      trail.lostBefore = this.#lost
    }
    trail.lostInARow++
    trail.ackedInARow = 0
    const others = { acked: this.#acked - trail.ackedBefore, lost: this.#lost - trail.lostBefore }
    // What was concluded holds until an ack: so long nothing speaks against it.
    // A node that no ack reaches at all counts all its pings together: then it is no chance either.
    const isDeaf = ++this.#lostSinceAck >= DEGRADED_AFTER_MAX
    if (trail.lostInARow >= DEGRADED_AFTER_MIN && (isDeaf || chanceOfRun(trail.lostInARow, others, lossRatio) <= CHANCE)) trail.isExplained = false
    return this.#look(nowMs, trail)
  }

  /** Any datagram of its own. */
  noteHeard(nowMs: number, peerId: string): void {
    this.#trail(nowMs, peerId).lastHeardMs = nowMs
  }

  /** A helper's ack. */
  noteIndirect(nowMs: number, peerId: string): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    trail.lastIndirectMs = nowMs
    return this.#look(nowMs, trail)
  }

  noteStream(nowMs: number, peerId: string): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    trail.lastStreamMs = nowMs
    return this.#look(nowMs, trail)
  }

  /** Direct pings are being lost, but not yet so many that anything is to be concluded. */
  isInDoubt(peerId: string): boolean {
    const trail = this.#trails.get(peerId)
    return trail !== undefined && trail.lostInARow > 0 && trail.isExplained
  }

  forget(peerId: string): void {
    this.#trails.delete(peerId)
  }

  path(peerId: string): Path | undefined {
    const trail = this.#trails.get(peerId)
    return trail === undefined ? undefined : pathOf(trail)
  }

  paths(): Path[] {
    return Array.from(this.#trails.values(), pathOf)
  }

  #look(nowMs: number, trail: Trail): PathChange | null {
    if (trail.isExplained) return null
    const isSince = (atMs: number | null): boolean => atMs !== null && atMs >= trail.firstLossMs
    if (isSince(trail.lastHeardMs)) return this.#find(nowMs, trail, 'inbound-only')
    if (isSince(trail.lastIndirectMs)) return this.#find(nowMs, trail, 'indirect-only')
    if (isSince(trail.lastStreamMs)) return this.#find(nowMs, trail, 'stream-only')
    return this.#find(nowMs, trail, 'none')
  }

  #find(nowMs: number, trail: Trail, finding: PathFinding): PathChange | null {
    const from = trail.finding
    if (from === finding) return null
    trail.finding = finding
    trail.sinceMs = nowMs
    return { from, to: finding }
  }

  #trail(nowMs: number, peerId: string): Trail {
    let trail = this.#trails.get(peerId)
    if (trail === undefined) {
      trail = {
        peerId, finding: 'unknown', sinceMs: nowMs, lastAckMs: null, lastHeardMs: null, lastIndirectMs: null, lastStreamMs: null,
        lostInARow: 0, ackedInARow: 0, firstLossMs: 0, ackedBefore: 0, lostBefore: 0, isExplained: true,
      }
      this.#trails.set(peerId, trail)
      if (this.#trails.size > TRAILS_MAX) for (const oldest of this.#trails.keys()) {
        this.#trails.delete(oldest)
        break
      }
    }
    return trail
  }
}

function isBroken(finding: PathFinding): boolean {
  return finding !== 'unknown' && finding !== 'direct'
}

function pathOf({ peerId, finding, sinceMs, lastAckMs, lastHeardMs, lastIndirectMs, lastStreamMs, lostInARow }: Trail): Path {
  return { peerId, finding, sinceMs, lastAckMs, lastHeardMs, lastIndirectMs, lastStreamMs, lostInARow }
}

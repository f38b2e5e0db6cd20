/**
 * How each member is reached from here, by what this node's own packets met: a fallback that works must not hide a path that does not.
 *
 * A path is degraded after so many direct pings in a row without an ack that chance does not explain them (`degradedAfter`), while something else
 * shows that the member lives: its own datagrams arrive (it does not hear us), helpers reach it (we do not), or it answers over its stream (UDP
 * is blocked). Pings are counted, not seconds, because how often one member is probed depends on the size of the mesh; the prober follows a
 * lost ping up at once (prober.ts), so that a finding takes seconds.
 * It is restored by RESTORED_AFTER acks in a row.
 */
import type { Path, PathFinding } from './types.ts'

export const DEGRADED_AFTER_MIN = 8
export const DEGRADED_AFTER_MAX = 40
/** So unlikely must it be that all these pings were lost by chance. */
export const CHANCE = 1e-6
export const RESTORED_AFTER = 3

/** Pings in a row, where this node loses `lossRatio` of all its pings: 8 in a calm network, 21 where half of the round trips fail. */
export function degradedAfter(lossRatio: number): number {
  const wanted = lossRatio >= 1 ? Infinity : Math.ceil(Math.log(CHANCE) / Math.log(lossRatio))
  return Math.min(DEGRADED_AFTER_MAX, Math.max(DEGRADED_AFTER_MIN, wanted))
}

export interface PathChange {
  readonly from: PathFinding
  readonly to: PathFinding
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
  degradedAfter: number
}

export class PathBook {
  readonly #trails = new Map<string, Trail>()

  noteAck(nowMs: number, peerId: string): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    trail.lastAckMs = nowMs
    trail.lostInARow = 0
    trail.ackedInARow++
    if (trail.finding === 'unknown' || trail.ackedInARow >= RESTORED_AFTER) return this.#find(nowMs, trail, 'direct')
    return null
  }

  /** A direct ping that got no ack in time, while this node loses `lossRatio` of all its pings. */
  noteLost(nowMs: number, peerId: string, lossRatio: number): PathChange | null {
    const trail = this.#trail(nowMs, peerId)
    trail.degradedAfter = degradedAfter(lossRatio)
    if (trail.lostInARow === 0) trail.firstLossMs = nowMs
    trail.lostInARow++
    trail.ackedInARow = 0
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
    return trail !== undefined && trail.lostInARow > 0 && trail.lostInARow < trail.degradedAfter
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
    if (trail.lostInARow < trail.degradedAfter) return null
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
        lostInARow: 0, ackedInARow: 0, firstLossMs: 0, degradedAfter: DEGRADED_AFTER_MIN,
      }
      this.#trails.set(peerId, trail)
    }
    return trail
  }
}

function pathOf({ peerId, finding, sinceMs, lastAckMs, lastHeardMs, lastIndirectMs, lastStreamMs, lostInARow }: Trail): Path {
  return { peerId, finding, sinceMs, lastAckMs, lastHeardMs, lastIndirectMs, lastStreamMs, lostInARow }
}

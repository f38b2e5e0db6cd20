/**
 * What this node holds about the others. Besides the map by PeerId it keeps two pools, the active members (alive or suspect: the ones
 * that are probed and gossiped to) and the failed ones (the ones that are retried), from which a random pick costs O(1).
 */
import { randomInteger, type Random } from '../time/random.ts'
import { hashPeerId } from './observers.ts'
import type { HeldState } from './precedence.ts'
import type { Suspicion } from './suspicion.ts'
import type { FailedUpdate, Member, SignedLeave, SignedRecord } from './types.ts'

export interface MemberEntry {
  readonly peerId: string
  /** Of the PeerId, for choosing observers. */
  readonly hash: number
  signed: SignedRecord
  /** Of the record, or of the leave when that is higher. */
  incarnation: number
  state: HeldState
  stateSinceMs: number
  /** Set exactly while the state is suspect. */
  suspicion: Suspicion | null
  /** A verdict about this incarnation that awaits a second voice, and whose authenticated word it was. */
  heardVerdict: { readonly update: FailedUpdate; readonly via: string } | null
  accusers: readonly string[]
  leave: SignedLeave | null
  /** The operator's node that removed it; then it is left without a leave of its own. */
  removedBy: string | null
  /** Whose table alone says that it is dead: a tombstone that rests on one unsigned voice. Null when this node knows better. */
  tombstoneOf: string | null
  /** It was active here at some time, and is not known from a tombstone alone. */
  wasMet: boolean
  /** Since when it is away, while it is failed or on probation. */
  awaySinceMs: number
  /** It failed together with many: it is not its own instability that it comes back from, so it needs no probation. */
  cutOff: boolean
  /** Set while it answers again after a failure but is not taken back yet; its state is failed meanwhile. */
  probationUntilMs: number | null
  /** Comes and goes; see flap-damping.ts. */
  flapping: boolean
  /** Smoothed round trip and its mean deviation (RFC 6298 §2); null before the first sample. */
  rtt: { readonly smoothedMs: number; readonly deviationMs: number } | null
  /**
   * A tombstone that is not offered in syncs any more: half its time is over, or how old it is was not said when it was learned from a
   * table. Otherwise tombstones would teach one another again for ever.
   */
  silent: boolean
  /** The probe ring's round that this entry was dealt into. */
  ringRound: number
  /** Its place in the one pool that it is in; -1 in none. On the entry, because a map of places would weigh as much as the entry. */
  poolIndex: number
  /** What the owner is shown, built on demand. */
  view: Member | null
}

/** Active members are probed and gossiped to. A suspect is one of them: it counts as non-faulty until it is declared failed (SWIM §4.2). */
export function isActive(entry: MemberEntry): boolean {
  return entry.state === 'alive' || entry.state === 'suspect'
}

export class MemberPool {
  readonly #items: MemberEntry[] = []
  #version = 0

  get size(): number {
    return this.#items.length
  }

  get items(): readonly MemberEntry[] {
    return this.#items
  }

  /** Changes whenever a member comes or goes. */
  get version(): number {
    return this.#version
  }

  add(entry: MemberEntry): void {
    if (this.#has(entry)) return
    this.#version++
    entry.poolIndex = this.#items.length
    this.#items.push(entry)
  }

  delete(entry: MemberEntry): void {
    if (!this.#has(entry)) return
    this.#version++
    const index = entry.poolIndex
    entry.poolIndex = -1
    const last = this.#items.pop() as MemberEntry
    if (last !== entry) {
      this.#items[index] = last
      last.poolIndex = index
    }
  }

  /** Up to `count` different members, never `exclude`, uniformly. O(count). */
  sample(random: Random, count: number, exclude: MemberEntry | null = null): MemberEntry[] {
    const excluded = exclude !== null && this.#has(exclude) ? exclude.poolIndex : undefined
    const available = this.#items.length - (excluded === undefined ? 0 : 1)
    const wanted = Math.min(count, available)
    const chosen = new Set<number>()
    // Floyd's sampling over the indexes without `excluded`: exactly `wanted` draws, whatever the sizes.
    for (let bound = available - wanted; bound < available; bound++) {
      const drawn = randomInteger(random, bound + 1)
      chosen.add(chosen.has(drawn) ? bound : drawn)
    }
    return Array.from(chosen, (index) => this.#items[excluded !== undefined && index >= excluded ? index + 1 : index] as MemberEntry)
  }

  #has(entry: MemberEntry): boolean {
    return this.#items[entry.poolIndex] === entry
  }
}

/** Shared by all that were never accused. */
const NOBODY: readonly string[] = Object.freeze([])

export class MemberTable {
  readonly active = new MemberPool()
  readonly failed = new MemberPool()
  readonly #entries = new Map<string, MemberEntry>()
  /** Failed and left, oldest first. */
  readonly #tombstones = new Set<MemberEntry>()
  readonly #counts: Record<HeldState, number> = { alive: 0, suspect: 0, failed: 0, left: 0 }

  get size(): number {
    return this.#entries.size
  }

  count(state: HeldState): number {
    return this.#counts[state]
  }

  get(peerId: string): MemberEntry | undefined {
    return this.#entries.get(peerId)
  }

  entries(): IterableIterator<MemberEntry> {
    return this.#entries.values()
  }

  oldestTombstone(): MemberEntry | null {
    for (const entry of this.#tombstones) return entry
    return null
  }

  add(nowMs: number, signed: SignedRecord, state: HeldState): MemberEntry {
    const entry: MemberEntry = {
      peerId: signed.record.peerId, hash: hashPeerId(signed.record.peerId), signed, incarnation: signed.record.incarnation, state, stateSinceMs: nowMs,
      suspicion: null, heardVerdict: null, accusers: NOBODY, leave: null, removedBy: null, tombstoneOf: null, wasMet: false, awaySinceMs: 0, cutOff: false, probationUntilMs: null, flapping: false, rtt: null,
      silent: false, ringRound: -1, poolIndex: -1, view: null,
    }
    this.#entries.set(entry.peerId, entry)
    this.#enter(entry)
    return entry
  }

  setState(nowMs: number, entry: MemberEntry, state: HeldState): void {
    this.#exit(entry)
    entry.state = state
    entry.stateSinceMs = nowMs
    entry.view = null
    this.#enter(entry)
  }

  remove(entry: MemberEntry): void {
    this.#exit(entry)
    this.active.delete(entry)
    this.#entries.delete(entry.peerId)
  }

  view(entry: MemberEntry): Member {
    entry.view ??= {
      signed: entry.signed, state: entry.state, stateSinceMs: entry.stateSinceMs,
      suspectedBy: entry.suspicion === null ? entry.accusers : [...entry.suspicion.accusers],
      probationUntilMs: entry.probationUntilMs, flapping: entry.flapping, removedBy: entry.removedBy, wasMet: entry.wasMet,
    }
    return entry.view
  }

  #enter(entry: MemberEntry): void {
    this.#counts[entry.state]++
    if (isActive(entry)) {
      entry.wasMet = true
      this.active.add(entry)
    } else {
      this.active.delete(entry)
      this.#tombstones.add(entry)
    }
    if (entry.state === 'failed') this.failed.add(entry)
  }

  #exit(entry: MemberEntry): void {
    this.#counts[entry.state]--
    // From alive to suspect and back it stays among the active.
    this.failed.delete(entry)
    this.#tombstones.delete(entry)
  }
}

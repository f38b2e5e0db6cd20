/**
 * Who watches whom. Each member has K observers, and every node that holds the same members finds the same ones without a word: the K
 * with the highest score of a hash over both names (rendezvous hashing, Thaler and Ravishankar 1998). Rapid (ATC'18 §4.1) gets its K
 * observers from K rings; the hash needs no rings to be kept, and when a member comes or goes only its own places change hands.
 */
import type { MemberEntry } from './member-table.ts'

/** FNV-1a over the UTF-16 units, then a finalizer, because PeerIds share their first characters. */
export function hashPeerId(peerId: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < peerId.length; index++) hash = Math.imul(hash ^ peerId.charCodeAt(index), 0x01000193)
  return mix(hash)
}

/** MurmurHash3's 32-bit finalizer. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}

export interface Candidate {
  readonly peerId: string
  readonly hash: number
}

/**
 * The `count` members that observe the subject, the first in rank first. O(N + count²).
 *
 * `others` are the active members; `self` takes part like any of them.
 */
export function observersOf(subject: Pick<MemberEntry, 'peerId' | 'hash'>, self: Candidate, others: readonly MemberEntry[], count: number): string[] {
  const best: Array<{ readonly peerId: string; readonly score: number }> = []
  const offer = (candidate: Candidate): void => {
    const score = mix(candidate.hash ^ subject.hash)
    const last = best[count - 1]
    if (last !== undefined && !ranksBefore(score, candidate.peerId, last)) return
    let place = best.length
    while (place > 0 && ranksBefore(score, candidate.peerId, best[place - 1] as { peerId: string; score: number })) place--
    best.splice(place, 0, { peerId: candidate.peerId, score })
    if (best.length > count) best.pop()
  }
  offer(self)
  for (const other of others) if (other.peerId !== subject.peerId) offer(other)
  return best.map(({ peerId }) => peerId)
}

function ranksBefore(score: number, peerId: string, other: { readonly peerId: string; readonly score: number }): boolean {
  return score > other.score || (score === other.score && peerId < other.peerId)
}

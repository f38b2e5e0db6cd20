/**
 * Which of two statements about a member wins (SWIM §4.2). Incarnations belong to the member: only it issues a higher one, and a
 * higher one outranks all that was said about a lower one. Within one incarnation a worse state outranks a better one:
 *
 * | arrives \ held at j | alive            | suspect          | failed           | left             |
 * |---------------------|------------------|------------------|------------------|------------------|
 * | record i (signed)   | i > j            | i > j            | i > j (ext.)     | i > j (ext.)     |
 * | suspect i           | i = j            | i = j: confirms  | never            | never            |
 * | failed i            | i = j            | i = j            | never            | never            |
 * | left i (signed)     | i ≥ j            | i ≥ j            | i ≥ j            | i > j            |
 * | removed i (ext.)    | i = j            | i = j            | i = j            | never            |
 *
 * Extension: SWIM lets a Confirm override for ever; here a failed or left member comes back with a higher incarnation, because a
 * restarted process keeps its identity.
 *
 * Extension: suspect, failed and removed are unsigned, so they are believed only about the very incarnation whose signed record we hold
 * (SWIM takes i ≥ j). A claim about a higher one is not remembered either: the record will come by the same gossip, and whoever
 * still makes the claim will repeat it; keeping unproven claims would let one liar fill the table.
 */
export type HeldState = 'alive' | 'suspect' | 'failed' | 'left'
export type ClaimKind = 'record' | 'suspect' | 'failed' | 'left' | 'removed'
export type Verdict = 'accept' | 'confirm' | 'stale' | 'unproven'

/** Within one incarnation states only ever go up this scale. */
export const STATE_RANK: Readonly<Record<HeldState, number>> = { alive: 0, suspect: 1, failed: 2, left: 3 }

export function judge(held: { readonly state: HeldState; readonly incarnation: number }, claim: { readonly kind: ClaimKind; readonly incarnation: number }): Verdict {
  if (claim.incarnation < held.incarnation) return 'stale'
  const higher = claim.incarnation > held.incarnation
  switch (claim.kind) {
    case 'record': return higher ? 'accept' : 'stale'
    case 'left': return higher || held.state !== 'left' ? 'accept' : 'stale'
    case 'suspect':
      if (higher) return 'unproven'
      if (held.state === 'suspect') return 'confirm'
      return held.state === 'alive' ? 'accept' : 'stale'
    case 'failed':
      if (higher) return 'unproven'
      return held.state === 'alive' || held.state === 'suspect' ? 'accept' : 'stale'
    case 'removed':
      if (higher) return 'unproven'
      return held.state === 'left' ? 'stale' : 'accept'
  }
}

/** Claims above this are nonsense: incarnations start at unix milliseconds (2^41) and grow by ones. It keeps a liar from exhausting exact integers. */
export const INCARNATION_MAX = 2 ** 52

export function isIncarnation(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= INCARNATION_MAX
}

/**
 * Who is called what. A name is for people, and nothing keeps two nodes from taking the same one. Then both stay visible: the one that has
 * borne the name longer keeps it, the others are shown as `name~` and the end of their PeerId, until the conflict is over.
 *
 * Every node must give the same answer, so the order rests on what the members sign themselves: since when they bear the name
 * (`heldSinceMs`, which survives restarts), then the smaller PeerId. Members that failed or left do not hold a name against a living one: a
 * node that lost its data folder comes back as another member of the same name, and has it as soon as its old self is held for dead.
 *
 * Extension: SWIM names members by address.
 */
export interface NameClaim {
  readonly peerId: string
  readonly name: string
  /** Unix ms, of the claimant's own clock. */
  readonly heldSinceMs: number
  /** Alive, suspect or joining. */
  readonly isLiving: boolean
}

export type NameEffect =
  /** A name is borne by several living members, or by others than before. */
  | { readonly kind: 'name-conflict'; readonly name: string; readonly keeper: string; readonly others: readonly string[] }
  | { readonly kind: 'name-conflict-ended'; readonly name: string; readonly keeper: string | null }

/** Of a PeerId, in a shown name. */
export const NAME_SUFFIX_CHARACTERS = 6
/** Told in an event; more bear the name than anyone will read. */
const othersToldMax = 16

export class NameBook {
  readonly #claims = new Map<string, NameClaim>()
  /** By name, the one that keeps it first. */
  readonly #byName = new Map<string, NameClaim[]>()
  /** Names in conflict, with the keeper and the others as they were told. */
  readonly #conflicts = new Map<string, readonly string[]>()

  /** Names that several living members bear now. */
  get conflicts(): readonly string[] {
    return [...this.#conflicts.keys()]
  }

  isContested(name: string): boolean {
    return this.#conflicts.has(name)
  }

  /** PeerId of the member that is shown by the bare name, or null when nobody claims it. */
  keeperOf(name: string): string | null {
    return this.#byName.get(name)?.[0]?.peerId ?? null
  }

  /** The name that a member is shown by, also for one that has made no claim here. */
  shownName(peerId: string, name: string): string {
    const [keeper] = this.#byName.get(name) ?? []
    return keeper === undefined || keeper.peerId === peerId ? name : `${name}~${peerId.slice(-NAME_SUFFIX_CHARACTERS)}`
  }

  /** A member's record or state, new or changed. O(log bearers of the name) comparisons, since a liar may bear one name thousands of times. */
  handleClaim(_nowMs: number, claim: NameClaim): NameEffect[] {
    const before = this.#claims.get(claim.peerId)
    if (before !== undefined) this.#withdraw(before)
    this.#claims.set(claim.peerId, claim)
    const bearers = this.#byName.get(claim.name) ?? []
    bearers.splice(placeOf(bearers, claim), 0, claim)
    this.#byName.set(claim.name, bearers)
    return [...(before !== undefined && before.name !== claim.name ? this.#review(before.name) : []), ...this.#review(claim.name)]
  }

  /** A member is gone for good. */
  forget(_nowMs: number, peerId: string): NameEffect[] {
    const claim = this.#claims.get(peerId)
    if (claim === undefined) return []
    this.#claims.delete(peerId)
    this.#withdraw(claim)
    return this.#review(claim.name)
  }

  #withdraw(claim: NameClaim): void {
    const bearers = this.#byName.get(claim.name)
    if (bearers === undefined) return
    bearers.splice(placeOf(bearers, claim), 1)
    if (bearers.length === 0) this.#byName.delete(claim.name)
  }

  #review(name: string): NameEffect[] {
    // The living come first.
    const living = (this.#byName.get(name) ?? []).slice(0, 1 + othersToldMax).filter(({ isLiving }) => isLiving).map(({ peerId }) => peerId)
    const [keeper = null, ...others] = living
    if (keeper === null || others.length === 0) {
      return this.#conflicts.delete(name) ? [{ kind: 'name-conflict-ended', name, keeper }] : []
    }
    const told = this.#conflicts.get(name)
    if (told?.length === living.length && told.every((peerId, index) => peerId === living[index])) return []
    this.#conflicts.set(name, living)
    return [{ kind: 'name-conflict', name, keeper, others }]
  }
}

/** Where the claim is among bearers in order, or belongs. */
function placeOf(bearers: readonly NameClaim[], claim: NameClaim): number {
  let low = 0
  let high = bearers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (byPrecedence(bearers[middle] as NameClaim, claim) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function byPrecedence(a: NameClaim, b: NameClaim): number {
  if (a.isLiving !== b.isLiving) return a.isLiving ? -1 : 1
  if (a.heldSinceMs !== b.heldSinceMs) return a.heldSinceMs - b.heldSinceMs
  if (a.peerId === b.peerId) return 0
  return a.peerId < b.peerId ? -1 : 1
}

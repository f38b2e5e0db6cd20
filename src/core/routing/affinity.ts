/**
 * Which peer a session, or a table, was sent to last, so that it goes there again: its temporary state, its cached pages and its own
 * writes are there. Stickiness is a preference: a peer that failed or is overloaded loses it, and the router chooses anew. From an overloaded one
 * sessions go one by one, each when it has a query that another one answers: were all of them freed at once, they would all land on the next peer.
 * Nobody says that a session has ended: its name is its clients' own, who may share it, so it ends by time.
 *
 * Every operation is O(1). A peer's failure ends all its bindings at once by ending the one object that they share; they themselves
 * leave when they are bound anew, expire, or make room.
 *
 * The order of use is a linked list. The order of a `Map` would do, but taking its first entry steps over the holes that deletions have left at its
 * front: 45 µs a binding where 10,000 keys turn over.
 */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface AffinityOptions {
  readonly timeoutMs: number
  readonly keysMax: number
}

export const AFFINITY_OPTIONS: Readonly<Record<keyof AffinityOptions, OptionRange>> = {
  timeoutMs: {
    unit: 'ms', min: 1_000, max: 7 * 24 * 3_600_000, default: 3_600_000,
    description: 'Time since its last query after which a session is free to go elsewhere. Larger: warm state is found again after longer pauses; load stays uneven longer.',
  },
  keysMax: {
    unit: 'count', min: 1, max: 1_000_000, default: 10_000,
    description: 'Sessions and tables that are remembered; the one least recently used makes room. Larger: more memory.',
  },
}

/** Longer keys are not remembered, or a few clients' long names could fill the memory. */
export const affinityKeyLengthMax = 512

/** Shared by all bindings to one peer, until it fails. */
interface Anchor {
  readonly peerId: string
  bindings: number
  isHolding: boolean
}

interface Binding {
  readonly key: string
  readonly anchor: Anchor
  usedAtMs: number
  /** Used just before this one, and just after. */
  older: Binding | null
  newer: Binding | null
}

export class SessionAffinity {
  readonly options: AffinityOptions
  readonly #bindings = new Map<string, Binding>()
  #oldest: Binding | null = null
  #newest: Binding | null = null
  readonly #anchors = new Map<string, Anchor>()

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<AffinityOptions>> = {}) {
    this.options = completeOptions('affinity', AFFINITY_OPTIONS, options)
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  /** Bindings in memory, some of which may have ended. */
  get size(): number {
    return this.#bindings.size
  }

  /** Peers that hold bindings. */
  get peers(): number {
    return this.#anchors.size
  }

  /** Where `key` belongs; null when nowhere. Looking is no use: the timeout runs on. */
  peerOf(nowMs: number, key: string): string | null {
    const binding = this.#bindings.get(key)
    return binding !== undefined && this.#isValid(nowMs, binding) ? binding.anchor.peerId : null
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** It failed, left, was ejected, or drains: whatever is bound to it is free. */
  handlePeerDown(_nowMs: number, peerId: string): void {
    const anchor = this.#anchors.get(peerId)
    if (anchor === undefined) return
    anchor.isHolding = false
    this.#anchors.delete(peerId)
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  /** A query of `key` goes to `peerId`, which is its peer from now on. False: the key is too long to be remembered. */
  bind(nowMs: number, key: string, peerId: string): boolean {
    if (key.length > affinityKeyLengthMax) return false
    this.#dropExpired(nowMs)
    const known = this.#bindings.get(key)
    if (known !== undefined && known.anchor.isHolding && known.anchor.peerId === peerId) {
      this.#unlink(known)
      known.usedAtMs = nowMs
      this.#append(known)
      return true
    }
    if (known !== undefined) this.#drop(known)
    if (this.#bindings.size >= this.options.keysMax && this.#oldest !== null) this.#drop(this.#oldest)
    let anchor = this.#anchors.get(peerId)
    if (anchor === undefined) this.#anchors.set(peerId, anchor = { peerId, bindings: 0, isHolding: true })
    anchor.bindings++
    const binding: Binding = { key, anchor, usedAtMs: nowMs, older: null, newer: null }
    this.#bindings.set(key, binding)
    this.#append(binding)
    return true
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #isValid(nowMs: number, { anchor, usedAtMs }: Binding): boolean {
    return anchor.isHolding && nowMs - usedAtMs < this.options.timeoutMs
  }

  /** The order of use is the order of expiry. */
  #dropExpired(nowMs: number): void {
    while (this.#oldest !== null && !this.#isValid(nowMs, this.#oldest)) this.#drop(this.#oldest)
  }

  #append(binding: Binding): void {
    binding.older = this.#newest
    binding.newer = null
    if (this.#newest === null) this.#oldest = binding
    else this.#newest.newer = binding
    this.#newest = binding
  }

  #unlink({ older, newer }: Binding): void {
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
  }

  #drop(binding: Binding): void {
    const { key, anchor } = binding
    this.#bindings.delete(key)
    this.#unlink(binding)
    anchor.bindings--
    if (anchor.bindings === 0 && anchor.isHolding) this.#anchors.delete(anchor.peerId)
  }
}

/** The key of a table: its queries go to one peer, which has it cached. No two tables share one, whatever their names contain. */
export function affinityKeyOf(database: string, table: string): string {
  return `table:${database.length}:${database}:${table}`
}

/** The key of a client's session, which is no table's. */
export function sessionKeyOf(sessionId: string): string {
  return `session:${sessionId}`
}

/** Which members and databases have series of their own. Their number is bounded, since every value of a label costs its series at whoever scrapes. */
import type { MemberView } from '../../wire/control.ts'

export const LABELLED_PEERS_MAX = 256
export const LABELLED_DATABASES_MAX = 64
/** Of those beyond the bound. */
export const OTHER = 'other'

export interface Site {
  readonly datacenter: string
  readonly rack: string
}

type KnownMember = Pick<MemberView, 'name'> & { readonly record: Site & { readonly peerId: string } }

interface Entry {
  readonly name: string
  readonly site: Site
  readonly isLabelled: boolean
}

/** Who has series keeps them until it leaves or is forgotten: one that came earlier does not lose its history to one that comes later. */
export class PeerLabels {
  readonly #max: number
  /** Called with a name whose series are to be dropped. */
  readonly #onGone: (name: string) => void
  readonly #known = new Map<string, Entry>()
  #labelled = 0

  constructor({ max = LABELLED_PEERS_MAX, onGone }: { readonly max?: number; readonly onGone: (name: string) => void }) {
    this.#max = max
    this.#onGone = onGone
  }

  /** Known members without series. */
  get unlabelled(): number {
    return this.#known.size - this.#labelled
  }

  /** Null for one that has no series. */
  name(peerId: string): string | null {
    const entry = this.#known.get(peerId)
    return entry?.isLabelled === true ? entry.name : null
  }

  /** Null for one that is not known. */
  site(peerId: string): Site | null {
    return this.#known.get(peerId)?.site ?? null
  }

  handlePresent({ name, record: { peerId, datacenter, rack } }: KnownMember): void {
    const before = this.#known.get(peerId)
    const isLabelled = before?.isLabelled ?? this.#labelled < this.#max
    if (before?.isLabelled === true && before.name !== name) this.#onGone(before.name)
    if (before === undefined && isLabelled) this.#labelled++
    this.#known.set(peerId, { name, site: { datacenter, rack }, isLabelled })
  }

  handleGone(peerId: string): void {
    const entry = this.#known.get(peerId)
    if (entry === undefined) return
    this.#known.delete(peerId)
    if (!entry.isLabelled) return
    this.#labelled--
    this.#onGone(entry.name)
  }

  /** `members`: all that are known; this node and those that have left have no series. Answers those that have. */
  update(members: readonly MemberView[]): MemberView[] {
    const present = members.filter(({ local, state }) => !local && state !== 'left')
    const peerIds = new Set(present.map(({ record }) => record.peerId))
    // First, since they make room.
    for (const peerId of this.#known.keys()) if (!peerIds.has(peerId)) this.handleGone(peerId)
    for (const [peerId, { isLabelled }] of this.#known) if (!isLabelled && this.#labelled < this.#max) this.#known.delete(peerId)
    for (const member of present) this.handlePresent(member)
    return present.filter(({ record }) => this.#known.get(record.peerId)?.isLabelled)
  }
}

/** The first ones that queries name; anybody can name one that is not there. */
export class DatabaseLabels {
  readonly #names = new Set<string>()

  label(database: string): string {
    if (this.#names.has(database)) return database
    if (this.#names.size >= LABELLED_DATABASES_MAX) return OTHER
    this.#names.add(database)
    return database
  }
}

/**
 * Which peers this node deals with, beside the cluster keys that they prove: a list of those that are denied and, when it is not empty, one of
 * those that alone are allowed. Both come from the options and from commands; the commands' part is kept in the data folder. A change
 * holds at once: connections are cut, dials, datagrams and gossip refused and counted. It holds for this node only.
 */
import { loadPeerLists, type PeerLists, peersMax, savePeerLists } from '../adapters/files/peer-lists.ts'
import type { Mesh } from '../adapters/libp2p/mesh.ts'
import { MeshError } from '../errors.ts'
import type { Datagrams } from '../ports/datagrams.ts'
import type { Log } from '../ports/log.ts'
import type { PeersView, PeerVerdictView } from '../wire/control.ts'

interface AdmissionParts {
  readonly folderPath: string
  readonly self: string
  /** What the options say, which no command changes. */
  readonly options: PeerLists
  readonly mesh: Pick<Mesh, 'setAllowed'>
  readonly datagrams: Pick<Datagrams, 'setAllowed'>
  readonly nameOf: (peerId: string) => string
  /** All members but this node and those that have left. A failed one cannot be cut off. */
  readonly members: () => ReadonlyArray<{ readonly peerId: string; readonly isUp: boolean }>
  /** The peer is dealt with no more; it may have queries under way. */
  readonly onDenied: (peerId: string) => void
  readonly log: Log
}

interface AdmissionChange {
  readonly list: 'allow' | 'deny'
  readonly peerIds: readonly string[]
  readonly remove: boolean
  /** Also when members would be cut off by a list that begins. */
  readonly force: boolean
}

export class Admission {
  readonly #parts: AdmissionParts
  #lists: PeerLists
  #changing: Promise<void> = Promise.resolve()

  /** @throws MeshError ERR_DATA_DIR_UNUSABLE */
  static async open(parts: AdmissionParts): Promise<Admission> {
    const admission = new Admission(parts, await loadPeerLists(parts.folderPath))
    admission.#apply()
    return admission
  }

  private constructor(parts: AdmissionParts, lists: PeerLists) {
    this.#parts = parts
    this.#lists = lists
  }

  /** O(length of the lists), which are short. */
  isAllowed(peerId: string): boolean {
    return isAllowedBy(this.#parts.options, this.#lists, peerId)
  }

  list(): PeersView {
    const { options, nameOf, members } = this.#parts
    const entries = (['allow', 'deny'] as const).flatMap((list) => [
      ...options[list].map((peerId) => ({ list, peerId, name: nameOf(peerId), source: 'option' as const })),
      ...this.#lists[list].filter((peerId) => !options[list].includes(peerId)).map((peerId) => ({ list, peerId, name: nameOf(peerId), source: 'command' as const })),
    ])
    const refused = members().filter(({ peerId }) => !this.isAllowed(peerId)).map(({ peerId }): PeerVerdictView => ({ peerId, name: nameOf(peerId) }))
    return { entries, isExclusive: entries.some(({ list }) => list === 'allow'), refused }
  }

  /**
   * Stored first, then applied.
   * @throws MeshError ERR_OPTION_INVALID, ERR_DATA_DIR_UNUSABLE
   */
  async change(change: AdmissionChange): Promise<PeersView> {
    const turn = this.#changing.then(async () => {
      const next = this.#next(change)
      await savePeerLists(this.#parts.folderPath, next)
      const before = this.#parts.members().map(({ peerId }) => peerId).filter((peerId) => this.isAllowed(peerId))
      this.#lists = next
      this.#apply()
      for (const peerId of before) if (!this.isAllowed(peerId)) this.#parts.onDenied(peerId)
      this.#parts.log.info({ ...change }, `peers ${change.remove ? 'taken off' : 'put on'} the ${change.list} list: ${change.peerIds.map((peerId) => this.#parts.nameOf(peerId)).join(', ')}`)
    })
    this.#changing = turn.catch(() => undefined)
    await turn
    return this.list()
  }

  #next({ list, peerIds, remove, force }: AdmissionChange): PeerLists {
    const { options, self, members, nameOf } = this.#parts
    if (list === 'deny' && !remove && peerIds.includes(self)) throw new MeshError('ERR_OPTION_INVALID', 'a node cannot deny itself')
    const held = this.#lists[list]
    if (remove) {
      const fixed = peerIds.find((peerId) => options[list].includes(peerId))
      if (fixed !== undefined) throw new MeshError('ERR_OPTION_INVALID', `${fixed} is on the ${list} list by an option of the node`, { nextStep: `Take it out of ${list === 'allow' ? '--allow-peer' : '--deny-peer'} and restart the node.` })
    }
    const changed = remove ? held.filter((peerId) => !peerIds.includes(peerId)) : [...new Set([...held, ...peerIds])]
    if (changed.length > peersMax) throw new MeshError('ERR_OPTION_INVALID', `a list holds at most ${peersMax} peers`)
    const next = { ...this.#lists, [list]: changed }
    if (list === 'allow' && !force) {
      const cutOff = members().filter(({ peerId, isUp }) => isUp && this.isAllowed(peerId) && !isAllowedBy(options, next, peerId)).map(({ peerId }) => nameOf(peerId))
      if (cutOff.length > 0) {
        throw new MeshError('ERR_OPTION_INVALID', `only the allowed would be let in from then on, and ${cutOff.join(', ')} would be cut off`, {
          nextStep: 'Name them too, or pass --force.', details: { members: cutOff.join(', ') },
        })
      }
    }
    return next
  }

  #apply(): void {
    const isAllowed = (peerId: string): boolean => this.isAllowed(peerId)
    this.#parts.mesh.setAllowed(isAllowed)
    this.#parts.datagrams.setAllowed(isAllowed)
  }
}

/** Denied wins over allowed. */
function isAllowedBy(options: PeerLists, lists: PeerLists, peerId: string): boolean {
  if (options.deny.includes(peerId) || lists.deny.includes(peerId)) return false
  return options.allow.length + lists.allow.length === 0 || options.allow.includes(peerId) || lists.allow.includes(peerId)
}

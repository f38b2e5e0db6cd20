/** Round trips between any two members: measured where this node is one end, estimated from network coordinates elsewhere. */
import { estimateRttMs } from '../core/coordinates/coordinate.ts'
import type { Coordinate } from '../core/coordinates/types.ts'
import type { LatencySummary } from '../core/latency/types.ts'
import { MeshError } from '../errors.ts'
import type { RttView } from '../wire/control.ts'
import { findMember, type NamedMember } from './member-lookup.ts'

export interface DistancesParts {
  readonly selfPeerId: string
  /** This node first; without those that have left. */
  readonly members: () => readonly NamedMember[]
  readonly latencyTo: (peerId: string) => LatencySummary | null
  /** The own one too; null for a member that was not heard yet. */
  readonly coordinateOf: (peerId: string) => Coordinate | null
}

const nearestMembersMax = 300

interface Neighbour {
  readonly at: number
  readonly rttMs: number
}

/** Keeps the list in order, and at most `count` long. */
function insertNearest(near: Neighbour[], entry: Neighbour, count: number): void {
  const last = near[count - 1]
  if (last !== undefined && entry.rttMs >= last.rttMs) return
  let at = near.length
  while (at > 0 && (near[at - 1] as Neighbour).rttMs > entry.rttMs) at--
  near.splice(at, 0, entry)
  if (near.length > count) near.pop()
}

export class Distances {
  readonly #parts: DistancesParts

  constructor(parts: DistancesParts) {
    this.#parts = parts
  }

  /** From this node to each other member, by name. */
  all(): RttView[] {
    const members = this.#parts.members()
    const self = members.find(({ peerId }) => peerId === this.#parts.selfPeerId)
    if (self === undefined) return []
    const views = members.filter((member) => member !== self).map((member) => this.#view(self, member))
    return views.sort((one, other) => (one.to < other.to ? -1 : 1))
  }

  /** Of each of the first 300 members to its nearest `count` of them, by coordinates, each pair once. Quadratic, so it ends there: 10 ms. */
  nearest(count: number): RttView[] {
    const placed = this.#parts.members().slice(0, nearestMembersMax).flatMap((member) => {
      const coordinate = this.#parts.coordinateOf(member.peerId)
      return coordinate === null ? [] : [{ member, coordinate, near: new Array<Neighbour>() }]
    })
    for (const [index, one] of placed.entries()) {
      for (let at = index + 1; at < placed.length; at++) {
        const other = placed[at] as (typeof placed)[number]
        const rttMs = estimateRttMs(one.coordinate, other.coordinate)
        insertNearest(one.near, { at, rttMs }, count)
        insertNearest(other.near, { at: index, rttMs }, count)
      }
    }
    return placed.flatMap(({ member, near }, index) => near.flatMap(({ at }) => {
      const other = placed[at] as (typeof placed)[number]
      // The pair is told by its first end, unless it is near to the other one alone.
      return index > at && other.near.some((entry) => entry.at === index) ? [] : [index < at ? this.#view(member, other.member) : this.#view(other.member, member)]
    }))
  }

  /**
   * `to` null: this node.
   * @throws MeshError ERR_MEMBER_UNKNOWN, ERR_OPTION_INVALID when both are the same
   */
  between(from: string, to: string | null): RttView {
    const members = this.#parts.members()
    const one = findMember(from, members)
    const other = findMember(to ?? this.#parts.selfPeerId, members)
    if (one === other) throw new MeshError('ERR_OPTION_INVALID', `both ends are ${one.name}`, { nextStep: 'Name another member: rdb members lists them.' })
    return this.#view(one, other)
  }

  #view(from: NamedMember, to: NamedMember): RttView {
    const { selfPeerId, latencyTo, coordinateOf } = this.#parts
    const far = from.peerId === selfPeerId ? to : to.peerId === selfPeerId ? from : null
    const latency = far === null ? null : latencyTo(far.peerId)
    const [one, other] = [coordinateOf(from.peerId), coordinateOf(to.peerId)]
    return {
      from: from.name, fromPeerId: from.peerId, to: to.name, toPeerId: to.peerId,
      measured: latency === null || latency.samples === 0 ? null : { smoothedMs: latency.smoothedMs, p99Ms: latency.p99Ms, samples: latency.samples },
      estimated: one === null || other === null ? null : { rttMs: estimateRttMs(one, other), error: Math.max(one.error, other.error) },
    }
  }
}

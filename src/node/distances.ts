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

  /** Of each member to its nearest `count`, by coordinates, each pair once. Quadratic in members, at some 100 ns a pair. */
  nearest(count: number): RttView[] {
    const placed = this.#parts.members().flatMap((member) => {
      const coordinate = this.#parts.coordinateOf(member.peerId)
      return coordinate === null ? [] : [{ member, coordinate }]
    })
    const pairs = new Map<string, RttView>()
    for (const [index, { member, coordinate }] of placed.entries()) {
      const near: Array<{ readonly rttMs: number; readonly other: number }> = []
      for (let other = 0; other < placed.length; other++) {
        if (other === index) continue
        const rttMs = estimateRttMs(coordinate, (placed[other] as (typeof placed)[number]).coordinate)
        const last = near[count - 1]
        if (last !== undefined && rttMs >= last.rttMs) continue
        const at = near.findIndex((entry) => rttMs < entry.rttMs)
        near.splice(at < 0 ? near.length : at, 0, { rttMs, other })
        near.length = Math.min(near.length, count)
      }
      for (const { other } of near) {
        const [one, two] = index < other ? [index, other] : [other, index]
        pairs.set(`${one},${two}`, this.#view(one === index ? member : (placed[one] as (typeof placed)[number]).member, one === index ? (placed[other] as (typeof placed)[number]).member : member))
      }
    }
    return [...pairs.values()]
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

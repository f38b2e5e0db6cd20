/**
 * Where each member is on the map. The node that tells is in the middle; how far another is from it is their round trip, exactly as the rings
 * say; the angle is free, and is found so that members near each other stand together and none covers another.
 * The same mesh gives the same map: nothing here is left to chance. It comes to rest, and then costs nothing until a member comes, goes, or
 * moves by more than a little.
 */
import { forceCollide, forceLink, forceManyBody, forceRadial, forceSimulation, type SimulationLinkDatum, type SimulationNodeDatum } from 'd3-force'
import type { LiveDistanceView, LiveMemberView } from '../../../wire/operations-views.ts'
import { covering, isWithin, radiusOf, type RttScale, scaleFor } from './rtt-scale.ts'

export interface Point {
  /** The map is the circle of radius 1 around 0,0. */
  readonly x: number
  readonly y: number
}

interface Placed extends SimulationNodeDatum {
  readonly peerId: string
  x: number
  y: number
  radius: number
}

/** By less than this part of the map's radius nobody is moved. */
const MOVED_MIN = 0.05
/** A narrower scale is taken only after it would have done for so many updates. */
const UPDATES_BEFORE_NARROWER = 60
/** The part of the map that is left to figures. */
const AXIS_HALF_WIDTH = 0.13
/** Where fewer than this part of the members moves, the rest stays where the reader knows it. */
const FREE_ALL_SHARE = 0.3
const TICKS_FIRST = 220
const TICKS_LATER = 90

export class MeshLayout {
  #scale: RttScale | null = null
  #updatesNarrower = 0
  readonly #placed = new Map<string, Placed>()
  /** A member that failed stays where it was. */
  readonly #lastRttMs = new Map<string, number>()

  get scale(): RttScale {
    return this.#scale ?? scaleFor([])
  }

  position(peerId: string): Point | undefined {
    return this.#placed.get(peerId)
  }

  /** Answers whether anything moved. */
  update(members: readonly LiveMemberView[], distances: readonly LiveDistanceView[]): boolean {
    for (const { peerId, latencyMs } of members) if (latencyMs !== null) this.#lastRttMs.set(peerId, latencyMs)
    const rescaled = this.#rescale(members)
    const present = new Set(members.map(({ peerId }) => peerId))
    const moving = new Set<string>()
    let isAnyGone = false
    for (const peerId of [...this.#placed.keys()]) {
      if (present.has(peerId)) continue
      this.#placed.delete(peerId)
      this.#lastRttMs.delete(peerId)
      isAnyGone = true
    }
    const isFirst = this.#placed.size === 0
    for (const member of members) {
      const radius = member.isLocal ? 0 : radiusOf(this.scale, member.latencyMs ?? this.#lastRttMs.get(member.peerId) ?? null)
      const placed = this.#placed.get(member.peerId)
      if (placed === undefined) {
        this.#placed.set(member.peerId, seeded(member, radius))
        moving.add(member.peerId)
      } else if (Math.abs(placed.radius - radius) > MOVED_MIN) {
        placed.radius = radius
        moving.add(member.peerId)
      }
    }
    if (rescaled || moving.size > 0) this.#settle(distances, { isFirst, moving, areAllFree: rescaled || moving.size > this.#placed.size * FREE_ALL_SHARE })
    return rescaled || moving.size > 0 || isAnyGone
  }

  #rescale(members: readonly LiveMemberView[]): boolean {
    const wanted = scaleFor(members.flatMap(({ peerId, isLocal }) => (isLocal ? [] : [this.#lastRttMs.get(peerId) ?? 0])))
    const scale = this.#scale
    const fits = scale !== null && isWithin(wanted, scale)
    this.#updatesNarrower = fits && !isWithin(scale, wanted) ? this.#updatesNarrower + 1 : 0
    if (fits && this.#updatesNarrower < UPDATES_BEFORE_NARROWER) return false
    this.#scale = fits || scale === null ? wanted : covering(scale, wanted)
    this.#updatesNarrower = 0
    return scale !== null
  }

  #settle(distances: readonly LiveDistanceView[], { isFirst, moving, areAllFree }: { readonly isFirst: boolean; readonly moving: ReadonlySet<string>; readonly areAllFree: boolean }): void {
    const nodes = [...this.#placed.values()]
    for (const node of nodes) {
      const isHeld = node.radius === 0 || !(areAllFree || moving.has(node.peerId))
      node.fx = isHeld ? node.x : null
      node.fy = isHeld ? node.y : null
    }
    const links = distances.flatMap(({ from, to, rttMs }): Array<SimulationLinkDatum<Placed> & { distance: number }> => {
      const one = this.#placed.get(from)
      const other = this.#placed.get(to)
      // The way to the middle is the radius, which is not to be negotiated.
      if (one === undefined || other === undefined || one.radius === 0 || other.radius === 0) return []
      return [{ source: one, target: other, distance: radiusOf(this.scale, rttMs) * 0.8 }]
    })
    const room = 0.9 / Math.sqrt(Math.max(nodes.length, 12))
    forceSimulation(nodes)
      .stop()
      .alpha(isFirst ? 1 : 0.3)
      .alphaDecay(0.012)
      .velocityDecay(0.5)
      .force('near', forceLink<Placed, SimulationLinkDatum<Placed> & { distance: number }>(links).distance(({ distance }) => distance).strength(0.06))
      .force('apart', forceManyBody<Placed>().strength(-0.0025).distanceMax(0.7))
      .force('rings', forceRadial<Placed>(({ radius }) => radius).strength(0.9))
      .force('axis', keepAxisFree(nodes))
      .force('room', forceCollide<Placed>(Math.min(0.1, room / 1.9)).strength(0.8).iterations(2))
      .tick(isFirst ? TICKS_FIRST : TICKS_LATER)
    for (const node of nodes) {
      if (node.fx !== null) continue
      // What collisions pushed off its ring by a little goes back: the ring is what the reader compares.
      const length = Math.hypot(node.x, node.y)
      const off = node.radius - length
      if (length > 0 && Math.abs(off) < 0.04) {
        node.x *= node.radius / length
        node.y *= node.radius / length
      }
    }
  }
}

/** The rings' figures stand above the middle. */
function keepAxisFree(nodes: readonly Placed[]): (alpha: number) => void {
  return (alpha) => {
    for (const node of nodes) {
      if (node.radius === 0 || node.y > 0 || Math.abs(node.x) > AXIS_HALF_WIDTH) continue
      node.vx = (node.vx ?? 0) + (node.x < 0 ? -1 : 1) * (AXIS_HALF_WIDTH - Math.abs(node.x)) * alpha
    }
  }
}

/** Members of one datacenter start in one direction. */
function seeded({ peerId, place, isLocal }: LiveMemberView, radius: number): Placed {
  if (isLocal) return { peerId, radius: 0, x: 0, y: 0 }
  const [datacenter = ''] = place.split('/')
  const angle = 2 * Math.PI * (datacenter === '' ? fraction(peerId) : fraction(datacenter) + 0.16 * (fraction(peerId) - 0.5))
  return { peerId, radius, x: radius * Math.cos(angle), y: radius * Math.sin(angle) }
}

/** FNV-1a of the text, as a number from 0 to 1. */
function fraction(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  // The last characters alone would change the low bits alone.
  hash ^= hash >>> 15
  return (Math.imul(hash, 0x2c1b3c6d) >>> 0) / 2 ** 32
}

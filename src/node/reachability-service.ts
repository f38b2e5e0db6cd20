/**
 * Who reaches whom: this node's own paths, and, when asked, those of every member that is up, over their libp2p connections. A path that
 * works one way only is seen by one of its ends only, so only all views together tell where a packet is lost.
 */
import type { Mesh } from '../adapters/libp2p/mesh.ts'
import type { Member, Path, PathFinding } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { DegradedPathView, MeshReachabilityView, PathView } from '../wire/control.ts'
import { decodeReachability, encodeReachability, REACHABILITY_ANSWER_BYTES_MAX, REACHABILITY_PROTOCOL, type TroubledPath } from '../wire/reachability-codec.ts'
import { pathView } from './views.ts'

const requestTimeoutMs = 3_000
/** A command waits 10 s for its answer; who has not answered by then is named. */
const roundMsMax = 8_000
const parallelRequestsMax = 32
/** The answer to a command is one line of at most 1 MiB. */
const pairsMax = 4_096
const silentMax = 1_024

/** The worst first. */
const order: readonly PathFinding[] = ['none', 'inbound-only', 'stream-only', 'indirect-only', 'unknown', 'direct']

interface ReachabilityParts {
  readonly selfPeerId: string
  readonly mesh: Pick<Mesh, 'request' | 'onRequest'>
  /** How this node reaches the others, as its membership machine knows. */
  readonly paths: () => readonly Path[]
  readonly members: () => readonly Member[]
  readonly isAllowed: (peerId: string) => boolean
  readonly nameOf: (peerId: string) => string
  readonly clock: Clock
}

interface ReachabilityCounters {
  asked: number
  answered: number
  malformed: number
}

export class ReachabilityService {
  readonly counters: ReachabilityCounters = { asked: 0, answered: 0, malformed: 0 }
  readonly #parts: ReachabilityParts

  constructor(parts: ReachabilityParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    await this.#parts.mesh.onRequest(REACHABILITY_PROTOCOL, 0, () => {
      this.counters.answered++
      return encodeReachability(this.#troubled())
    })
  }

  /** From this node to every member that has not left: degraded paths first, failed members last. */
  paths(): PathView[] {
    const { members, clock, nameOf, isAllowed } = this.#parts
    const known = this.#byPeerId()
    const views: PathView[] = []
    for (const { state, stateSinceMs, signed: { record } } of members()) {
      if (state !== 'left') views.push(pathView(known.get(record.peerId) ?? unprobed(record.peerId, stateSinceMs), { record, state, denied: !isAllowed(record.peerId) }, { clock, nameOf }))
    }
    return views.sort((one, other) => urgency(one) - urgency(other) || (one.name < other.name ? -1 : 1))
  }

  /** Asks every member that is up. Never throws: who does not answer is named. */
  async askMesh(): Promise<MeshReachabilityView> {
    const { mesh, members, isAllowed, nameOf } = this.#parts
    const up = members().filter(isUp).map(({ signed: { record: { peerId } } }) => peerId)
    const upOrHere = new Set([...up, this.#parts.selfPeerId])
    const waiting = up.filter((peerId) => isAllowed(peerId))
    const degraded: DegradedPathView[] = []
    const silent: Array<{ peerId: string; name: string; problem: string }> = []
    let answered = 1
    let omitted = 0
    const take = (from: string, troubled: readonly TroubledPath[]): void => {
      for (const { peerId, finding, forMs, lostInARow } of troubled) {
        if (!upOrHere.has(peerId) || !isTroubled(finding) || peerId === from) continue
        if (degraded.length < pairsMax) degraded.push({ from: nameOf(from), to: nameOf(peerId), finding, forMs, lostInARow })
        else omitted++
      }
    }
    take(this.#parts.selfPeerId, this.#troubled())
    const signal = AbortSignal.timeout(roundMsMax)
    const work = async (): Promise<void> => {
      for (let peerId = waiting.shift(); peerId !== undefined; peerId = waiting.shift()) {
        this.counters.asked++
        try {
          const decoded = decodeReachability(await mesh.request(peerId, REACHABILITY_PROTOCOL, new Uint8Array(0), { timeoutMs: requestTimeoutMs, responseBytesMax: REACHABILITY_ANSWER_BYTES_MAX, signal }))
          if (decoded.ok) {
            answered++
            omitted += decoded.value.omitted
            take(peerId, decoded.value.troubled)
          } else {
            this.counters.malformed++
            silent.push({ peerId, name: nameOf(peerId), problem: `its answer is ${decoded.reason}` })
          }
        } catch (error) {
          silent.push({ peerId, name: nameOf(peerId), problem: signal.aborted ? `no time was left to ask it, after ${roundMsMax / 1000} s` : error instanceof Error ? error.message : String(error) })
        }
      }
    }
    await Promise.all(Array.from({ length: parallelRequestsMax }, work))
    return { answered, silent: silent.sort(byName).slice(0, silentMax), degraded: degraded.sort(byPair), omitted }
  }

  /** Of members that are up, from here. */
  #troubled(): TroubledPath[] {
    const { members, clock, isAllowed } = this.#parts
    // What is lost to a peer that is denied here says nothing about the path.
    const up = new Set(members().filter((member) => isUp(member) && isAllowed(member.signed.record.peerId)).map(({ signed: { record: { peerId } } }) => peerId))
    const nowMs = clock.nowMs()
    return [...this.#byPeerId().values()].filter(({ peerId, finding }) => up.has(peerId) && isTroubled(finding))
      .map(({ peerId, finding, sinceMs, lostInARow }) => ({ peerId, finding, forMs: Math.max(0, Math.round(nowMs - sinceMs)), lostInARow }))
  }

  #byPeerId(): Map<string, Path> {
    return new Map(this.#parts.paths().map((path) => [path.peerId, path]))
  }
}

function isUp({ state }: Pick<PathView, 'state'>): boolean {
  return state === 'alive' || state === 'suspect'
}

function isTroubled(finding: PathFinding): boolean {
  return finding !== 'direct' && finding !== 'unknown'
}

/** A failed or a denied member is no finding about a path. */
function urgency(path: PathView): number {
  return isUp(path) && !path.denied ? order.indexOf(path.finding) : order.length
}

function unprobed(peerId: string, sinceMs: number): Path {
  return { peerId, finding: 'unknown', sinceMs, lastAckMs: null, lastHeardMs: null, lastIndirectMs: null, lastStreamMs: null, lostInARow: 0 }
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1
}

function byPair(one: DegradedPathView, other: DegradedPathView): number {
  return one.to === other.to ? (one.from < other.from ? -1 : 1) : one.to < other.to ? -1 : 1
}

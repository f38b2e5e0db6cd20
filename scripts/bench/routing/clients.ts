/** Clients at the entry nodes: an open loop that never waits for answers, and a closed one of so many that always have one query under way. */
import type { Random } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import { DATABASE } from './engines.ts'
import { PlainBalancer, type PlainStrategy } from './plain-balancer.ts'
import type { SimulatedMesh } from './simulated-mesh.ts'
import type { SimulatedNode } from './simulated-node.ts'

export interface Sample {
  readonly startedMs: number
  /** Infinity: an error. */
  readonly tookMs: number
  /** Where it ran; null: nowhere. */
  readonly peerId: string | null
}

const TIMEOUT_MS = 30_000

export class Clients {
  readonly samples: Sample[] = []
  /** By error code. */
  readonly errors: Record<string, number> = {}
  readonly #mesh: SimulatedMesh
  readonly #hints: string
  /** One for each entry, as a node decides for itself. */
  readonly #balancers: ReadonlyMap<SimulatedNode, PlainBalancer> | null
  #asked = 0

  /** `plain`: no node decides anything. */
  constructor(mesh: SimulatedMesh, { hints = '', plain = null }: { readonly hints?: string; readonly plain?: PlainStrategy | null } = {}) {
    this.#mesh = mesh
    this.#hints = hints
    this.#balancers = plain === null ? null : new Map(mesh.nodes.map((node) => [node, new PlainBalancer(mesh, plain, mesh.random)]))
  }

  /** Poisson arrivals from `fromMs` to `untilMs`, each at one of `entries`. */
  open({ entries, perSecond, fromMs, untilMs, random }: { readonly entries: readonly SimulatedNode[]; readonly perSecond: number; readonly fromMs: number; readonly untilMs: number; readonly random: Random }): void {
    const { time } = this.#mesh
    const next = (): void => {
      if (time.nowMs() >= untilMs) return
      this.#ask(entries[Math.floor(random() * entries.length)] as SimulatedNode).catch((error: unknown) => { time.fail(error) })
      time.setTimer(-1000 / perSecond * Math.log(1 - random()), next)
    }
    time.setTimer(fromMs - time.nowMs(), next)
  }

  closed({ entries, clients, fromMs, untilMs }: { readonly entries: readonly SimulatedNode[]; readonly clients: number; readonly fromMs: number; readonly untilMs: number }): void {
    const { time } = this.#mesh
    const repeat = async (entry: SimulatedNode): Promise<void> => {
      while (time.nowMs() < untilMs) {
        const isAnswered = await this.#ask(entry)
        // Who is refused tries again, but not at once.
        if (!isAnswered) await new Promise<void>((resolve) => { time.setTimer(10, resolve) })
      }
    }
    for (let i = 0; i < clients; i++) {
      const entry = entries[i % entries.length] as SimulatedNode
      time.setTimer(fromMs - time.nowMs() + i, () => { repeat(entry).catch((error: unknown) => { time.fail(error) }) })
    }
  }

  async #ask(entry: SimulatedNode): Promise<boolean> {
    const { time } = this.#mesh
    const startedMs = time.nowMs()
    const balancer = this.#balancers?.get(entry)
    if (balancer !== undefined) {
      const peerId = await balancer.run(entry)
      this.samples.push({ startedMs, tookMs: time.nowMs() - startedMs, peerId })
      return true
    }
    try {
      const response = await entry.service.handle({
        database: DATABASE, sql: `SELECT * FROM flights WHERE id = ${this.#asked++}`, parameters: [], access: 'unknown', priority: 'normal', timeoutMs: TIMEOUT_MS, visited: [], explain: false,
        lastResort: false, finalPeerId: '', hints: this.#hints,
      }, { remote: { kind: 'local-client' }, signal: new AbortController().signal })
      for await (const batch of response.batches) void batch
      this.samples.push({ startedMs, tookMs: time.nowMs() - startedMs, peerId: response.route?.executedBy.peerId ?? null })
      return true
    } catch (error) {
      if (!(error instanceof MeshError)) {
        time.fail(error)
        return false
      }
      this.errors[error.code] = (this.errors[error.code] ?? 0) + 1
      this.samples.push({ startedMs, tookMs: Infinity, peerId: null })
      return false
    }
  }
}

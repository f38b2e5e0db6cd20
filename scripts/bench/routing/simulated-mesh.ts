/** Nodes, the network between them, and what goes over it beside queries: load snapshots, datagrams with digests, pings. */
import type { LoadSnapshot } from '../../../src/core/load/types.ts'
import type { LoadDigest } from '../../../src/core/membership/types.ts'
import type { Site } from '../../../src/core/routing/types.ts'
import type { StrategyName } from '../../../src/core/routing/strategies/registry.ts'
import { createRandom, type Random, shuffle } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import { parseNodeOptions } from '../../../src/node/options.ts'
import type { QueryRequest, QueryResponse, QueryTrailer } from '../../../src/query/types.ts'
import { CpuBoundEngine } from './engines.ts'
import { type BenchEngine, SimulatedNode, type Surroundings } from './simulated-node.ts'
import { VirtualTime } from './virtual-time.ts'

export interface SimulatedMeshInit {
  readonly seed: number
  readonly nodes: ReadonlyArray<{ readonly site?: Site; readonly createEngine: ((time: VirtualTime, random: Random) => BenchEngine) | null }>
  readonly strategy?: StrategyName
  readonly hedgeAfterMs?: number
  /** Default: that of a node. */
  readonly loadIntervalMs?: number
  /** False: load travels by snapshots alone, neither on answers nor on datagrams. */
  readonly digests?: boolean
  /** CPU that carrying a query to a peer costs at each of both ends. */
  readonly carryCpuMs?: number
}

const ONE_WAY_MS = 0.25
const JITTER_MS = 0.1
/** Until a snapshot has reached everybody by gossip. */
const GOSSIP_MS = 10
const RACK: Site = { datacenter: 'default', rack: 'default' }

export class SimulatedMesh implements Surroundings {
  readonly time = new VirtualTime()
  readonly random: Random
  readonly nodes: readonly SimulatedNode[]
  readonly #byId: ReadonlyMap<string, SimulatedNode>
  readonly #hasDigests: boolean
  readonly #carryCpuMs: number

  constructor({ seed, nodes, strategy, hedgeAfterMs, loadIntervalMs, digests = true, carryCpuMs = 0 }: SimulatedMeshInit) {
    this.random = createRandom(seed)
    this.#hasDigests = digests
    this.#carryCpuMs = carryCpuMs
    const defaults = parseNodeOptions({}, '/')
    const options = {
      ...defaults,
      ...(strategy === undefined ? {} : { strategy }), ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }), ...(loadIntervalMs === undefined ? {} : { loadIntervalMs }),
    }
    this.nodes = nodes.map(({ site = RACK, createEngine }, index) => new SimulatedNode({
      peerId: `node${index + 1}`, site, engine: createEngine?.(this.time, this.#stream()) ?? null, options, time: this.time, random: this.#stream(), surroundings: this,
    }))
    this.#byId = new Map(this.nodes.map((node) => [node.peerId, node]))
    for (const node of this.nodes) {
      // In an order of its own for each, as members are met.
      node.meet(shuffle(this.random, [...this.nodes]))
      // Nodes are not started all at once.
      this.time.setTimer(this.random() * options.loadIntervalMs, () => { node.start() })
      this.#exchangeDatagrams(node, options.membership.probeIntervalMs)
    }
  }

  async send(from: SimulatedNode, toPeerId: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResponse> {
    const to = this.#node(toPeerId)
    this.#spend(from)
    return await new Promise<QueryResponse>((resolve, reject) => {
      const controller = new AbortController()
      let isOver = false
      const end = (): boolean => {
        if (isOver) return false
        isOver = true
        deadline.cancel()
        signal.removeEventListener('abort', onAbort)
        return true
      }
      // As ClientQuery: the caller hears at once, the answering side when the word has come there.
      const stop = (error: MeshError): void => {
        if (!end()) return
        this.time.setTimer(this.#oneWayMs(), () => { controller.abort(error) })
        reject(error)
      }
      const onAbort = (): void => { stop(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query')) }
      signal.addEventListener('abort', onAbort)
      const deadline = this.time.setTimer(request.timeoutMs, () => { stop(new MeshError('ERR_QUERY_TIMEOUT', `no complete answer within ${Math.round(request.timeoutMs)} ms`)) })
      this.time.setTimer(this.#oneWayMs(), () => {
        this.#spend(to)
        this.#serve(to, from.peerId, request, controller.signal).then(
          (response) => {
            this.time.setTimer(this.#oneWayMs(), () => {
              // As ClientConnection: a small answer comes with its end, which carries the load.
              const load = response.trailer()?.load ?? null
              if (load !== null && this.#hasDigests && !isOver) from.handleDigest(toPeerId, load)
              if (end()) resolve(response)
            })
          },
          (error: unknown) => {
            this.time.setTimer(this.#oneWayMs(), () => { if (end()) reject(error instanceof Error ? error : new Error(String(error))) })
          },
        )
      })
    })
  }

  /** For a baseline: the way there, the work, the way back. */
  async carry(from: SimulatedNode, to: SimulatedNode, work: () => Promise<void>): Promise<void> {
    if (from !== to) {
      this.#spend(from)
      await this.#pass()
      this.#spend(to)
    }
    await work()
    if (from !== to) await this.#pass()
  }

  #pass(): Promise<void> {
    return new Promise((resolve) => { this.time.setTimer(this.#oneWayMs(), resolve) })
  }

  /** The answering side: pulls the answer to its end, then sends it. */
  async #serve(node: SimulatedNode, fromPeerId: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResponse> {
    const response = await node.service.handle(request, { remote: { kind: 'peer', peerId: fromPeerId }, signal })
    const batches = []
    for await (const batch of response.batches) batches.push(batch)
    const trailer: QueryTrailer | null = response.trailer()
    return { ...response, batches: arrived(batches), trailer: () => trailer }
  }

  publish(from: SimulatedNode, snapshot: LoadSnapshot): void {
    for (const node of this.nodes) if (node !== from) this.time.setTimer(GOSSIP_MS * (0.5 + this.random()), () => { node.handleSnapshot(snapshot) })
  }

  ping(): Promise<number> {
    const rttMs = this.#oneWayMs() + this.#oneWayMs()
    return new Promise((resolve) => { this.time.setTimer(rttMs, () => { resolve(rttMs) }) })
  }

  /** SWIM's pings, in rounds: the digest rides on the ping and on its ack. */
  #exchangeDatagrams(node: SimulatedNode, intervalMs: number): void {
    let round: SimulatedNode[] = []
    const probeNext = (): void => {
      this.time.setTimer(intervalMs, probeNext)
      if (round.length === 0) round = shuffle(this.random, this.nodes.filter((other) => other !== node))
      const to = round.pop()
      if (to === undefined) return
      const [thereMs, backMs] = [this.#oneWayMs(), this.#oneWayMs()]
      const ping = node.datagramLoad
      this.time.setTimer(thereMs, () => {
        this.#tell(to, node, ping)
        const ack = to.datagramLoad
        this.time.setTimer(backMs, () => {
          this.#tell(node, to, ack)
          node.handleRtt(to.peerId, thereMs + backMs)
        })
      })
    }
    this.time.setTimer(this.random() * intervalMs, probeNext)
  }

  #tell(node: SimulatedNode, about: SimulatedNode, digest: LoadDigest): void {
    if (this.#hasDigests) node.handleDigest(about.peerId, digest)
  }

  #spend({ engine }: SimulatedNode): void {
    if (engine instanceof CpuBoundEngine) engine.spend(this.#carryCpuMs)
  }

  #node(peerId: string): SimulatedNode {
    const node = this.#byId.get(peerId)
    if (node === undefined) throw new Error(`there is no ${peerId}`)
    return node
  }

  #oneWayMs(): number {
    return ONE_WAY_MS - JITTER_MS * Math.log(1 - this.random())
  }

  #stream(): Random {
    return createRandom(Math.floor(this.random() * 2 ** 32))
  }
}

async function* arrived<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  yield* items
}

/**
 * The baselines: a balancer as there are many, which knows nothing but whom it has sent what. It takes the next server (round robin), or the one with
 * fewest of its queries under way (least connections, the first of equals from a random start), and the query runs there at once: no gate,
 * no ejection, no retries, no news of anybody's load.
 */
import type { Random } from '../../../src/core/time/random.ts'
import type { SimulatedMesh } from './simulated-mesh.ts'
import type { SimulatedNode } from './simulated-node.ts'

export type PlainStrategy = 'plain round robin' | 'plain least connections'

export class PlainBalancer {
  readonly #mesh: SimulatedMesh
  readonly #strategy: PlainStrategy
  readonly #random: Random
  readonly #servers: readonly SimulatedNode[]
  readonly #inFlight = new Map<SimulatedNode, number>()
  #cursor: number

  constructor(mesh: SimulatedMesh, strategy: PlainStrategy, random: Random) {
    this.#mesh = mesh
    this.#strategy = strategy
    this.#random = random
    this.#servers = mesh.nodes.filter(({ engine }) => engine !== null)
    this.#cursor = Math.floor(random() * this.#servers.length)
  }

  /** Answers where it ran. */
  async run(entry: SimulatedNode): Promise<string> {
    const server = this.#choose()
    this.#inFlight.set(server, (this.#inFlight.get(server) ?? 0) + 1)
    await this.#mesh.carry(entry, server, async () => { await server.engine?.execute({ sql: '', parameters: [], signal: new AbortController().signal }) })
    this.#inFlight.set(server, (this.#inFlight.get(server) ?? 0) - 1)
    return server.peerId
  }

  #choose(): SimulatedNode {
    const servers = this.#servers
    if (this.#strategy === 'plain round robin') return servers[this.#cursor++ % servers.length] as SimulatedNode
    const start = Math.floor(this.#random() * servers.length)
    let chosen = servers[start] as SimulatedNode
    for (let step = 1; step < servers.length; step++) {
      const server = servers[(start + step) % servers.length] as SimulatedNode
      if ((this.#inFlight.get(server) ?? 0) < (this.#inFlight.get(chosen) ?? 0)) chosen = server
    }
    return chosen
  }
}

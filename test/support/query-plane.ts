/** A query server and client joined by streams in memory, a virtual clock, and handlers that answer from a list. */
import type { Clock, Timer } from '../../src/ports/clock.ts'
import type { EngineBatch } from '../../src/ports/query-engine.ts'
import { QueryConnections, type QueryConnectionsOptions } from '../../src/query/client.ts'
import { QueryServer, type QueryServerOptions } from '../../src/query/server.ts'
import type { QueryHandler, QueryRequest, QueryResponse, RouteReport } from '../../src/query/types.ts'
import { type MemoryByteStream, memoryStreamPair, type MemoryStreamOptions } from './memory-byte-stream.ts'

export class VirtualClock implements Clock {
  #nowMs = 0
  #timers = new Set<{ atMs: number; callback: () => void }>()

  get pending(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs).sort((left, right) => left.atMs - right.atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = due.atMs
      due.callback()
    }
    this.#nowMs = untilMs
  }
}

export const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** Turns the event loop until the condition holds; a condition that never does is a failed test. */
export async function until(what: string, holds: () => boolean, turnsMax = 20_000): Promise<void> {
  for (let turns = 0; turns < turnsMax; turns++) {
    if (holds()) return
    await turn()
  }
  throw new Error(`never came: ${what}`)
}

/** Lets everything that needs no time happen. */
export async function settle(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i++) await turn()
}

export function request(overrides: Partial<QueryRequest> = {}): QueryRequest {
  return { database: 'd', sql: 'SELECT 1', parameters: [], access: 'read', priority: 'normal', timeoutMs: 5000, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '', ...overrides }
}

export function localRoute(name = 'server'): RouteReport {
  return {
    decision: 'local', executedBy: { peerId: name, name }, latencyMs: null, reason: 'served here', strategy: 'nearest', failedAttempts: [], candidates: [], decisionUs: 1,
  }
}

export interface Counted {
  pulled: number
  released: boolean
}

/** A response over batches made on demand, which counts what is pulled. */
export function respond(batches: Iterable<EngineBatch> | AsyncIterable<EngineBatch>, counted: Counted = { pulled: 0, released: false }): QueryResponse {
  let trailer: ReturnType<QueryResponse['trailer']> = null
  async function* pull(): AsyncGenerator<EngineBatch, void, void> {
    let rows = 0
    try {
      for await (const batch of batches) {
        counted.pulled++
        rows += batch.rows
        yield batch
      }
      trailer = { rows, engineMs: 1, load: { cpuPercent: 12.5, memoryPercent: 40, inFlight: 3, overloaded: false, drill: false, sequence: 7 } }
    } finally {
      counted.released = true
    }
  }
  return { format: 'raw', header: Uint8Array.of(1, 2, 3), route: localRoute(), batches: pull(), trailer: () => trailer }
}

export function* batchesOf(count: number, bytes: number, rows = 10): Generator<EngineBatch, void, void> {
  for (let i = 0; i < count; i++) yield { rows, bytes: new Uint8Array(bytes).fill(i) }
}

export interface Plane {
  readonly clock: VirtualClock
  readonly server: QueryServer
  readonly client: QueryConnections
  /** Client ends, in the order of opening. */
  readonly streams: MemoryByteStream[]
  readonly opened: () => number
}

export function createPlane(handler: QueryHandler, options: {
  readonly server?: Partial<QueryServerOptions>
  readonly client?: Partial<QueryConnectionsOptions>
  readonly stream?: MemoryStreamOptions
} = {}): Plane {
  const clock = new VirtualClock()
  const server = new QueryServer({ handler, clock, ...options.server })
  const streams: MemoryByteStream[] = []
  const client = new QueryConnections({
    clock,
    open: () => {
      const { a, b } = memoryStreamPair(options.stream)
      streams.push(a)
      server.accept(b)
      return Promise.resolve(a)
    },
    ...options.client,
  })
  return { clock, server, client, streams, opened: () => streams.length }
}

export async function readAll(response: QueryResponse): Promise<EngineBatch[]> {
  const batches: EngineBatch[] = []
  for await (const batch of response.batches) batches.push(batch)
  return batches
}

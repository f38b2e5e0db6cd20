/**
 * A query on its way along a chain of peers: failover to the next under one deadline and one budget, and for reads, where it is asked for, a hedge
 * at a second peer when the first is slow. The first row decides: until it has gone on to the client another peer may take over, after it
 * nobody may.
 *
 * A write goes on to another peer only when the first one promises that it was not started.
 */
import type { Hedging } from '../core/routing/hedging.ts'
import type { RetryBudget } from '../core/routing/retry-budget.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import type { FailedAttempt, QueryRequest, QueryResponse, QueryWatch } from '../query/types.ts'

/** How an attempt ended, as far as it says something about the peer. */
export type AttemptOutcome = 'answered' | 'refused' | 'broken' | 'cancelled'

export interface AttemptEnd {
  readonly database: string
  readonly access: QueryRequest['access']
  readonly outcome: AttemptOutcome
  /** From the dispatch to the first batch, or to the failure. */
  readonly firstRowMs: number
  /** False also for an answer that is an error. */
  readonly hasResult: boolean
}

export interface ForwardingParts {
  readonly self: { readonly peerId: string }
  readonly peerName: (peerId: string) => string
  /** Sends a query to a member. */
  readonly forward: (peerId: string, request: QueryRequest, options: { readonly signal: AbortSignal }) => Promise<QueryResponse>
  /** Where a query to it had better go through a third node; null: directly. */
  readonly routeTo: (peerId: string) => { readonly via: string } | null
  readonly onDispatch: (peerId: string, request: Pick<QueryRequest, 'database' | 'access'>) => void
  /** Once for each dispatch. */
  readonly onOutcome: (peerId: string, attempt: AttemptEnd) => void
  /** An answer has come to its end, or was left there: from the dispatch to its first batch and to that end. */
  readonly onDelivered: (peerId: string, traffic: { readonly roundTripMs: number; readonly bytes: number; readonly durationMs: number }) => void
  readonly retryBudget: RetryBudget
  readonly hedging: Hedging
  readonly clock: Clock
}

export interface ForwardingCounters {
  failovers: number
  retryBudgetExhausted: number
  hedges: number
  /** Hedges that answered first. */
  hedgesWon: number
  hedgesThrottled: number
  /** Attempts that went through a relay. */
  twoHop: number
}

export interface ForwardInput {
  /** The chosen peer first, at least one. */
  readonly chain: readonly string[]
  readonly request: QueryRequest
  readonly signal: AbortSignal
  readonly deadlineMs: number
  /** Whether a peer that refused for its load is asked once more, as a last resort, when all have failed. */
  readonly asksAgain: boolean
  /** There is no other place for it: the first one is to take it, overloaded or not. */
  readonly hasNoBetter: boolean
  readonly watch?: QueryWatch | undefined
}

export type Forwarded =
  | { readonly kind: 'answered'; readonly peerId: string; readonly response: QueryResponse; readonly failed: readonly FailedAttempt[]; readonly isHedge: boolean; /** The relay; null where it went directly. */ readonly via: string | null }
  /** Nobody took it, and nobody started it. */
  | { readonly kind: 'exhausted'; readonly failed: readonly FailedAttempt[] }

/** Refusals and breaks before the first row after which another peer may do better. */
const movesOn: ReadonlySet<string> = new Set([
  'ERR_PEER_UNREACHABLE', 'ERR_QUERY_BROKEN', 'ERR_OVERLOADED', 'ERR_NOT_SERVING', 'ERR_NOT_PRIMARY', 'ERR_DRAINING', 'ERR_QUORUM_LOST', 'ERR_HOP_LIMIT',
  'ERR_TOO_STALE', 'ERR_PROTOCOL', 'ERR_INTERNAL',
])

/** A read that broke so many peers is not given to another one: it may be what broke them. */
const breaksMax = 2

interface Step {
  readonly peerId: string
  readonly lastResort: boolean
}

interface Attempt extends Step {
  readonly isHedge: boolean
  readonly via: string | null
  readonly controller: AbortController
  readonly settled: Promise<Settled>
}

interface Settled {
  readonly attempt: Attempt
  readonly result: QueryResponse | Error
}

export class Forwarding {
  readonly #parts: ForwardingParts
  /** Attempts waiting for a peer's first row, so that the peer's failure ends them at once instead of at the deadline. */
  readonly #waiting = new Map<string, Set<AbortController>>()
  readonly counters: ForwardingCounters = { failovers: 0, retryBudgetExhausted: 0, hedges: 0, hedgesWon: 0, hedgesThrottled: 0, twoHop: 0 }

  constructor(parts: ForwardingParts) {
    this.#parts = parts
  }

  /** A member failed: whoever waits for its first row moves on to the next peer. */
  handlePeerDown(peerId: string): void {
    for (const attempt of this.#waiting.get(peerId) ?? []) {
      attempt.abort(new MeshError('ERR_PEER_UNREACHABLE', `${this.#parts.peerName(peerId)} failed while the query waited for its first row`, { details: { started: 'unknown' } }))
    }
  }

  /** @throws MeshError ERR_QUERY_TIMEOUT, ERR_QUERY_AMBIGUOUS, ERR_NO_HEALTHY_PEER, and whatever an engine answers */
  async along(input: ForwardInput): Promise<Forwarded> {
    const { clock, retryBudget, hedging } = this.#parts
    const { request, signal, deadlineMs } = input
    const steps: Step[] = input.chain.map((peerId) => ({ peerId, lastResort: input.hasNoBetter }))
    const failed: FailedAttempt[] = []
    const running = new Set<Attempt>()
    let breaks = 0
    let hedgeDelayMs = request.access === 'read' ? hedging.delayMs : null
    const startedMs = clock.nowMs()
    retryBudget.recordRequest(startedMs)
    if (hedgeDelayMs !== null) hedging.handleRequest()
    const start = (step: Step, isHedge: boolean): void => {
      const timeoutMs = Math.floor(deadlineMs - clock.nowMs())
      if (timeoutMs <= 0) throw new MeshError('ERR_QUERY_TIMEOUT', 'the deadline passed before a node answered', { details: { attempts: failed.length } })
      running.add(this.#start(step, { ...request, timeoutMs, visited: [...request.visited, this.#parts.self.peerId], lastResort: step.lastResort }, { signal, isHedge, watch: input.watch }))
    }
    try {
      for (;;) {
        if (running.size === 0) {
          let step = steps.shift()
          // Without a retry left it goes back to whom it was refused by for load alone: waiting there costs the mesh no more than giving up.
          if (step !== undefined && failed.length > 0 && !step.lastResort && !this.#mayRetry()) step = steps.find(({ lastResort }) => lastResort)
          if (step === undefined) return { kind: 'exhausted', failed }
          if (step.lastResort) steps.splice(0, steps.indexOf(step) + 1)
          start(step, false)
        }
        const settled = await this.#nextOf(running, hedgeDelayMs)
        if (settled === null) {
          hedgeDelayMs = null
          const [next] = steps
          if (next === undefined || next.lastResort) continue
          if (!hedging.tryHedge()) {
            this.counters.hedgesThrottled++
            continue
          }
          this.counters.hedges++
          steps.shift()
          start(next, true)
          continue
        }
        const { attempt, result } = settled
        running.delete(attempt)
        if (!(result instanceof Error)) {
          if (request.access === 'read') hedging.handleAnswer(clock.nowMs() - startedMs)
          if (attempt.isHedge) this.counters.hedgesWon++
          return { kind: 'answered', peerId: attempt.peerId, response: result, failed, isHedge: attempt.isHedge, via: attempt.via }
        }
        failed.push(this.#judge(attempt, result, request, signal))
        if (isBreak(result) && ++breaks === breaksMax) {
          throw new MeshError('ERR_NO_HEALTHY_PEER', `the connections to ${breaksMax} nodes broke while they had the query, so it is not given to another: ${describeFailed(failed)}`, { details: { attempts: failed.length }, nextStep: 'Look at the logs of those nodes before you send this query again.' })
        }
        if (failed.at(-1)?.code === 'ERR_OVERLOADED' && !attempt.lastResort && input.asksAgain) steps.push({ peerId: attempt.peerId, lastResort: true })
      }
    } finally {
      // Another one answered first, or nobody is to: their engines stop, also when an answer is on its way.
      for (const { controller } of running) controller.abort(new MeshError('ERR_QUERY_CANCELLED', 'another node answered first'))
    }
  }

  #mayRetry(): boolean {
    if (this.#parts.retryBudget.tryRetry(this.#parts.clock.nowMs())) {
      this.counters.failovers++
      return true
    }
    this.counters.retryBudgetExhausted++
    return false
  }

  /** A failure that lets the query move on. @throws what does not, and what must not */
  #judge({ peerId }: Attempt, error: Error, request: QueryRequest, signal: AbortSignal): FailedAttempt {
    const name = this.#parts.peerName(peerId)
    if (!(error instanceof MeshError) || !movesOn.has(error.code) || signal.aborted) throw error
    if (request.access === 'unknown' && error.code === 'ERR_NOT_PRIMARY') throw error
    // Only what promises that nothing was executed lets a write, or what may be one, go to another peer.
    if (request.access !== 'read' && error.details['started'] !== 'no') {
      throw new MeshError('ERR_QUERY_AMBIGUOUS', `the connection to ${name} broke while the write was under way: ${error.message}`, { cause: error })
    }
    return { peerId, name, code: error.code, message: error.message }
  }

  /** The first attempt that settles; null when the hedge is due before. */
  async #nextOf(running: ReadonlySet<Attempt>, hedgeDelayMs: number | null): Promise<Settled | null> {
    const [only] = running
    if (running.size === 1 && hedgeDelayMs === null && only !== undefined) return await only.settled
    const waits: Array<Promise<Settled | null>> = [...running].map(({ settled }) => settled)
    if (hedgeDelayMs === null) return await Promise.race(waits)
    let timer: Timer | null = null
    waits.push(new Promise((resolve) => { timer = this.#parts.clock.setTimer(hedgeDelayMs, () => { resolve(null) }) }))
    try {
      return await Promise.race(waits)
    } finally {
      (timer as Timer | null)?.cancel()
    }
  }

  #start(step: Step, request: QueryRequest, { signal, isHedge, watch }: { readonly signal: AbortSignal; readonly isHedge: boolean; readonly watch: QueryWatch | undefined }): Attempt {
    const controller = new AbortController()
    const via = this.#parts.routeTo(step.peerId)?.via ?? null
    watch?.handleAttempt(step.peerId)
    const span = watch?.startSpan('forward', 'client', {
      'reedbase.peer.id': step.peerId, 'reedbase.peer.name': this.#parts.peerName(step.peerId), 'reedbase.hedge': isHedge, ...(via === null ? {} : { 'reedbase.via': this.#parts.peerName(via) }),
    }) ?? null
    const attempt: Attempt = {
      ...step, isHedge, via, controller,
      settled: this.#run(step.peerId, span === null ? request : { ...request, traceparent: span.traceparent }, { signal, controller, via }).then(
        (result) => {
          // Up to its first batch; the rest of the result is its reader's time.
          span?.end()
          return { attempt, result }
        },
        (error: unknown) => {
          span?.end(error)
          return { attempt, result: error instanceof Error ? error : new Error(String(error)) }
        },
      ),
    }
    return attempt
  }

  /** One peer, up to and including its first batch. */
  async #run(peerId: string, request: QueryRequest, { signal, controller, via }: { readonly signal: AbortSignal; readonly controller: AbortController; readonly via: string | null }): Promise<QueryResponse> {
    const { clock, onDispatch, onOutcome, onDelivered } = this.#parts
    const abort = (): void => controller.abort(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    const waiting = this.#waiting.get(peerId) ?? new Set()
    this.#waiting.set(peerId, waiting.add(controller))
    const startedMs = clock.nowMs()
    onDispatch(peerId, request)
    try {
      if (via !== null) this.counters.twoHop++
      const response = await this.#parts.forward(via ?? peerId, via === null ? request : { ...request, finalPeerId: peerId }, { signal: controller.signal })
      const iterator = response.batches[Symbol.asyncIterator]()
      const first = await iterator.next()
      const roundTripMs = clock.nowMs() - startedMs
      onOutcome(peerId, { database: request.database, access: request.access, outcome: 'answered', firstRowMs: roundTripMs, hasResult: true })
      const ended = (bytes: number): void => {
        signal.removeEventListener('abort', abort)
        onDelivered(peerId, { roundTripMs, bytes, durationMs: clock.nowMs() - startedMs })
      }
      return { ...response, trailer: () => response.trailer(), batches: new ResumedBatches(iterator, first, ended) }
    } catch (error) {
      signal.removeEventListener('abort', abort)
      // The reason of an abort is what the caller must learn, whatever the stream made of it.
      const reason: unknown = controller.signal.aborted && controller.signal.reason instanceof MeshError ? controller.signal.reason : error
      onOutcome(peerId, { database: request.database, access: request.access, outcome: outcomeOf(reason, signal), firstRowMs: clock.nowMs() - startedMs, hasResult: false })
      throw reason
    } finally {
      waiting.delete(controller)
      if (waiting.size === 0) this.#waiting.delete(peerId)
    }
  }
}

/** The rest of an iteration whose first step has been taken. */
class ResumedBatches extends PassedBatches {
  readonly #ended: (bytes: number) => void
  #bytes = 0

  constructor(iterator: AsyncIterator<EngineBatch>, first: IteratorResult<EngineBatch>, ended: (bytes: number) => void) {
    super(resumed(iterator, first))
    this.#ended = ended
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#bytes += batch.bytes.length
    return batch
  }

  protected override handleEnded(): void {
    this.#ended(this.#bytes)
  }
}

function resumed(iterator: AsyncIterator<EngineBatch>, first: IteratorResult<EngineBatch>): AsyncIterable<EngineBatch> {
  let taken: IteratorResult<EngineBatch> | null = first
  const next = (): Promise<IteratorResult<EngineBatch>> => {
    if (taken === null) return iterator.next()
    const step = Promise.resolve(taken)
    taken = null
    return step
  }
  const left = async (): Promise<IteratorResult<EngineBatch>> => await iterator.return?.() ?? { done: true, value: undefined }
  return { [Symbol.asyncIterator]: () => ({ next, return: left }) }
}

export function describeFailed(failed: readonly FailedAttempt[]): string {
  return failed.map((attempt) => `${attempt.name}: ${attempt.message} (${attempt.code})`).join('; ')
}

/** What it amounts to when nobody could answer. */
export function combinedCode(failed: readonly FailedAttempt[]): 'ERR_NO_PRIMARY' | 'ERR_QUORUM_LOST' | 'ERR_OVERLOADED' | 'ERR_NO_HEALTHY_PEER' {
  if (failed.every(({ code }) => code === 'ERR_OVERLOADED')) return 'ERR_OVERLOADED'
  if (failed.every(({ code }) => code === 'ERR_NOT_PRIMARY')) return 'ERR_NO_PRIMARY'
  return failed.every(({ code }) => code === 'ERR_QUORUM_LOST') ? 'ERR_QUORUM_LOST' : 'ERR_NO_HEALTHY_PEER'
}

/** The peer had the query, and then it or the way to it was gone. */
function isBreak(error: Error): boolean {
  return error instanceof MeshError && (error.code === 'ERR_PEER_UNREACHABLE' || error.code === 'ERR_QUERY_BROKEN') && error.details['started'] !== 'no'
}

/** A faulty statement is the client's, and a peer that says so has answered. */
function outcomeOf(reason: unknown, signal: AbortSignal): AttemptOutcome {
  if (signal.aborted) return 'cancelled'
  if (!(reason instanceof MeshError)) return 'broken'
  switch (reason.code) {
    case 'ERR_QUERY_CANCELLED': return 'cancelled'
    case 'ERR_PEER_UNREACHABLE':
    case 'ERR_QUERY_BROKEN':
    case 'ERR_QUERY_TIMEOUT':
    case 'ERR_PROTOCOL':
    case 'ERR_INTERNAL': return 'broken'
    case 'ERR_OVERLOADED':
    case 'ERR_DRAINING':
    case 'ERR_NOT_SERVING':
    case 'ERR_NOT_PRIMARY':
    case 'ERR_TOO_STALE':
    case 'ERR_HOP_LIMIT':
    case 'ERR_QUORUM_LOST': return 'refused'
    default: return 'answered'
  }
}

/** Engines that only take time: sleeping ones, any number at once, and CPU-bound ones that share their cores. */
import type { Random } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import type { Timer } from '../../../src/ports/clock.ts'
import type { Access, EngineBatch, EngineRequest, EngineResult, QueryEngine } from '../../../src/ports/query-engine.ts'
import type { VirtualTime } from './virtual-time.ts'

export const DATABASE = 'flights'

const HEADER = new Uint8Array(0)
const BATCH: EngineBatch = { bytes: new Uint8Array(100), rows: 1 }

async function* oneBatch(): AsyncGenerator<EngineBatch, void, void> {
  yield BATCH
}

/** `serviceMs` draws how long a query takes that starts now. */
export type ServiceTime = (nowMs: number) => number

abstract class TimedEngine implements QueryEngine {
  readonly database = DATABASE
  readonly kind = 'test'
  readonly role = 'replica'
  started = 0
  protected readonly time: VirtualTime
  readonly #serviceMs: ServiceTime

  constructor(time: VirtualTime, serviceMs: ServiceTime) {
    this.time = time
    this.#serviceMs = serviceMs
  }

  isReady(): boolean {
    return true
  }

  classify(): Promise<Access> {
    return Promise.resolve('read')
  }

  execute({ signal }: EngineRequest): Promise<EngineResult> {
    this.started++
    return new Promise((resolve, reject) => {
      const stop = this.work(this.#serviceMs(this.time.nowMs()), () => {
        signal.removeEventListener('abort', onAbort)
        resolve({ format: 'raw', header: HEADER, batches: oneBatch() })
      })
      const onAbort = (): void => {
        stop()
        reject(new MeshError('ERR_QUERY_CANCELLED', 'the query was cancelled'))
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** 0–100, since the last call. */
  abstract readCpuPercent(): number
  /** Answers how to stop it. */
  protected abstract work(ms: number, done: () => void): () => void
}

export class SleepingEngine extends TimedEngine {
  readCpuPercent(): number {
    return 5
  }

  protected override work(ms: number, done: () => void): () => void {
    const timer = this.time.setTimer(ms, done)
    return () => { timer.cancel() }
  }
}

interface Job {
  /** On the engine's own measure of work done for each. */
  endsAt: number
  done: () => void
}

/**
 * Processor sharing: with more queries than cores each gets its part of them. Work that is no query, as carrying one to a peer, takes its
 * part in the same way, and nobody waits for it.
 */
export class CpuBoundEngine extends TimedEngine {
  readonly #cores: number
  readonly #jobs = new Set<Job>()
  /** Milliseconds of CPU that each job has had since the start. */
  #servedMs = 0
  #updatedAtMs = 0
  #usedMs = 0
  #readUsedMs = 0
  #readAtMs = 0
  #timer: Timer | null = null

  constructor(time: VirtualTime, serviceMs: ServiceTime, cores: number) {
    super(time, serviceMs)
    this.#cores = cores
  }

  override readCpuPercent(): number {
    this.#update()
    const elapsedMs = this.time.nowMs() - this.#readAtMs
    const percent = elapsedMs <= 0 ? 0 : 100 * (this.#usedMs - this.#readUsedMs) / (elapsedMs * this.#cores)
    this.#readAtMs = this.time.nowMs()
    this.#readUsedMs = this.#usedMs
    return Math.min(100, percent)
  }

  /** Work beside the queries. */
  spend(ms: number): void {
    if (ms > 0) this.work(ms, () => undefined)
  }

  protected override work(ms: number, done: () => void): () => void {
    this.#update()
    const job: Job = { endsAt: this.#servedMs + ms, done }
    this.#jobs.add(job)
    this.#rearm()
    return () => {
      this.#update()
      this.#jobs.delete(job)
      this.#rearm()
    }
  }

  #speed(): number {
    return Math.min(1, this.#cores / this.#jobs.size)
  }

  #update(): void {
    const elapsedMs = this.time.nowMs() - this.#updatedAtMs
    this.#updatedAtMs = this.time.nowMs()
    if (this.#jobs.size === 0) return
    this.#servedMs += elapsedMs * this.#speed()
    this.#usedMs += elapsedMs * Math.min(this.#cores, this.#jobs.size)
  }

  #rearm(): void {
    this.#timer?.cancel()
    this.#timer = null
    let next: Job | null = null
    for (const job of this.#jobs) if (next === null || job.endsAt < next.endsAt) next = job
    if (next === null) return
    const due = next
    this.#timer = this.time.setTimer(Math.max(0, due.endsAt - this.#servedMs) / this.#speed(), () => {
      this.#update()
      this.#jobs.delete(due)
      this.#rearm()
      due.done()
    })
  }
}

/** With a median of `medianMs`; `sigma` 0 is constant. */
export function lognormal(random: Random, medianMs: number, sigma: number): number {
  if (sigma === 0) return medianMs
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return medianMs * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random()))
}

/**
 * Joining: dial the seeds, sync with each that answers. A node that reaches none runs on alone and keeps trying, with exponential
 * backoff and jitter; one that later loses sight of everybody tries its seeds again.
 */
import type { Random } from '../core/time/random.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

const firstRetryMs = 500
const dialTimeoutMs = 5_000

export interface SeedsParts {
  readonly seeds: readonly string[]
  readonly retryMsMax: number
  /** Dials and proves the identity; resolves with the PeerId. */
  readonly dial: (address: string, signal: AbortSignal) => Promise<string>
  readonly sync: (peerId: string) => Promise<boolean>
  readonly knowsOthers: () => boolean
  readonly selfPeerId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class Seeds {
  readonly #parts: SeedsParts
  readonly #stop = new AbortController()
  #retry: Timer | null = null
  #failedRounds = 0

  constructor(parts: SeedsParts) {
    this.#parts = parts
  }

  /** Resolves after the first round, whatever came of it. */
  async join(): Promise<void> {
    const { seeds, log, knowsOthers } = this.#parts
    if (seeds.length === 0) return
    const answers = await Promise.all(seeds.map((seed) => this.#joinThrough(seed)))
    if (this.#stop.signal.aborted) return
    this.#failedRounds = answers.includes(true) ? 0 : this.#failedRounds + 1
    if (!knowsOthers()) log.warn({ seeds, failedRounds: this.#failedRounds }, 'no seed answered; this node runs on alone and keeps trying')
    this.#armRetry()
  }

  stop(): void {
    this.#stop.abort()
    this.#retry?.cancel()
  }

  #armRetry(): void {
    const { retryMsMax, random, clock, knowsOthers } = this.#parts
    const backoffMs = knowsOthers() ? retryMsMax : Math.min(retryMsMax, firstRetryMs * 2 ** Math.min(16, this.#failedRounds))
    this.#retry = clock.setTimer(backoffMs * (0.75 + 0.5 * random()), () => {
      if (this.#stop.signal.aborted) return
      if (knowsOthers()) this.#armRetry()
      else void this.join()
    })
  }

  async #joinThrough(seed: string): Promise<boolean> {
    const { dial, sync, log, selfPeerId } = this.#parts
    try {
      const peerId = await dial(seed, AbortSignal.any([this.#stop.signal, AbortSignal.timeout(dialTimeoutMs)]))
      if (peerId === selfPeerId) return false
      const synced = await sync(peerId)
      log.info({ seed, peerId }, synced ? `joined through seed ${seed}` : `seed ${seed} answered the dial but not the sync`)
      return synced
    } catch (error) {
      if (this.#stop.signal.aborted) return false
      const known = error instanceof MeshError ? error : null
      log.warn({ seed, code: known?.code, nextStep: known?.nextStep }, `seed ${seed} is not reachable: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
  }
}

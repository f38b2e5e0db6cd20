/**
 * Bounds how fast a token can be guessed: after ten wrong ones within a minute an address is not listened to for the rest of that minute, not even
 * with the right one, since telling it apart is what guessing needs. A session goes on, as its signature is beyond guessing; and so does the right
 * token from loopback, where a proxy may stand in front of everybody: nobody could keep all others out by guessing.
 */
import { MeshError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { sourceOf } from './client-address.ts'
import type { HttpObserver } from './http-observer.ts'
import { isLoopback } from './protection.ts'

export const WRONG_TOKENS_MAX = 10
export const TOKEN_WINDOW_MS = 60_000
/** Beyond them, the one that began first is forgotten. */
export const TOKEN_ADDRESSES_MAX = 1_024

interface Attempts {
  readonly sinceMs: number
  wrong: number
}

export interface TokenAttemptsParts {
  readonly clock: Pick<Clock, 'nowMs' | 'setTimer'>
  readonly log: Pick<Log, 'warn'>
  readonly observer: Pick<HttpObserver, 'handleToken'>
}

export class TokenAttempts {
  readonly #parts: TokenAttemptsParts
  /** By address, the one whose minute began first at the front. */
  readonly #attempts = new Map<string, Attempts>()
  /** Until it fires, wrong tokens are only counted. */
  #quiet: Timer | null = null
  #untold = 0
  #lastAddress = ''

  constructor(parts: TokenAttemptsParts) {
    this.#parts = parts
  }

  get addresses(): number {
    return this.#attempts.size
  }

  /**
   * `check` throws ERR_TOKEN for a wrong one.
   * @throws MeshError ERR_TOKEN, ERR_TOKEN_THROTTLED
   */
  judge(remoteAddress: string, check: () => void): void {
    const nowMs = this.#parts.clock.nowMs()
    const source = sourceOf(remoteAddress)
    const attempts = this.#of(source, nowMs)
    const isThrottled = attempts !== null && attempts.wrong >= WRONG_TOKENS_MAX
    if (isThrottled && !isLoopback(source)) throw this.#throttle(attempts, nowMs)
    try {
      check()
    } catch (error) {
      if (!(error instanceof MeshError && error.code === 'ERR_TOKEN')) throw error
      if (isThrottled) throw this.#throttle(attempts, nowMs)
      this.#handleWrong(source, attempts, nowMs)
      throw error
    }
  }

  close(): void {
    this.#quiet?.cancel()
    this.#quiet = null
  }

  #of(source: string, nowMs: number): Attempts | null {
    const attempts = this.#attempts.get(source)
    if (attempts === undefined) return null
    if (nowMs - attempts.sinceMs < TOKEN_WINDOW_MS) return attempts
    this.#attempts.delete(source)
    return null
  }

  #throttle({ sinceMs }: Attempts, nowMs: number): MeshError {
    this.#parts.observer.handleToken('throttled')
    const retryAfterSeconds = Math.ceil((sinceMs + TOKEN_WINDOW_MS - nowMs) / 1_000)
    return new MeshError('ERR_TOKEN_THROTTLED', `${WRONG_TOKENS_MAX} wrong tokens came from this address within a minute`, { details: { retryAfterSeconds } })
  }

  #handleWrong(source: string, attempts: Attempts | null, nowMs: number): void {
    this.#parts.observer.handleToken('wrong')
    if (attempts !== null) attempts.wrong++
    else {
      const [oldest] = this.#attempts.keys()
      if (this.#attempts.size >= TOKEN_ADDRESSES_MAX && oldest !== undefined) this.#attempts.delete(oldest)
      this.#attempts.set(source, { sinceMs: nowMs, wrong: 1 })
    }
    this.#untold++
    this.#lastAddress = source
    if (this.#quiet === null) this.#tell()
  }

  /** The first at once, what comes within the next minute together. */
  #tell(): void {
    this.#parts.log.warn({ remoteAddress: this.#lastAddress, wrongTokens: this.#untold }, 'wrong tokens over HTTP; the address is that of the last one')
    this.#untold = 0
    this.#quiet = this.#parts.clock.setTimer(TOKEN_WINDOW_MS, () => {
      this.#quiet = null
      if (this.#untold > 0) this.#tell()
    })
  }
}

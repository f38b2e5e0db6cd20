import type { Clock } from '../../ports/clock.ts'

export interface Deadline {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Made only when the time is up. */
  readonly timeoutError: () => Error
}

/**
 * Runs work that ends by itself, by its deadline, or by the caller's signal, whichever is first. The work is given a signal that fires in
 * the latter two cases; its promise is settled at once then, whatever the work does.
 */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal } = deadline
  signal?.throwIfAborted()
  const controller = new AbortController()
  const aborted = Promise.withResolvers<never>()
  controller.signal.addEventListener('abort', () => { aborted.reject(toError(controller.signal.reason)) }, { once: true })
  const forward = (): void => { controller.abort(signal?.reason) }
  signal?.addEventListener('abort', forward, { once: true })
  const timer = deadline.clock.setTimer(deadline.timeoutMs, () => { controller.abort(deadline.timeoutError()) })
  try {
    return await Promise.race([work(controller.signal), aborted.promise])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', forward)
  }
}

export function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

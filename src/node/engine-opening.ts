/**
 * Opening a database within a time: a file of a server that is gone answers neither with its content nor with an error, and what asked for it can be
 * left alone but not called off. It keeps one of the process's few threads until it ends, so there is a bound on how many are left alone.
 */
import { handleAbandoned, abandonedWork } from '../adapters/system/abandoned-work.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { QueryEngine } from '../ports/query-engine.ts'

/** A file whose last writes are recovered takes its time, and the start of a node can wait for it. */
export const START_OPEN_TIMEOUT_MS = 300_000
export const REGISTER_OPEN_TIMEOUT_MS = 60_000
const tellMs = 10_000
/** Of the 16 threads that files and engines share. */
const abandonedMax = 4

export interface EngineOpening {
  readonly database: string
  readonly open: () => Promise<QueryEngine>
  readonly timeoutMs: number
  /** Whoever asked has gone, or the node stops: nobody waits any longer. */
  readonly signal?: AbortSignal | undefined
  readonly clock: Clock
  readonly log: Log
}

/**
 * What opens after its time is closed again.
 * @throws MeshError ERR_DATABASE_PATH, what `open` throws, the signal's reason
 */
export async function openInTime({ database, open, timeoutMs, signal, clock, log }: EngineOpening): Promise<QueryEngine> {
  signal?.throwIfAborted()
  if (abandonedWork() >= abandonedMax) {
    throw new MeshError('ERR_DATABASE_PATH', `Database ${database}: ${abandonedMax} databases that were to be opened here have not answered yet, and each holds a thread.`, { nextStep: 'Make their files answer, or restart the node.', details: { database } })
  }
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const handleAbort = (): void => { reject(signal?.reason) }
  signal?.addEventListener('abort', handleAbort, { once: true })
  const timers = [
    clock.setTimer(Math.min(tellMs, timeoutMs / 2), () => { log.warn({ database }, `${database} has not opened yet; a file that does not answer is waited for ${timeoutMs / 1000} s in all`) }),
    clock.setTimer(timeoutMs, () => {
      reject(new MeshError('ERR_DATABASE_PATH', `Database ${database} did not open within ${timeoutMs / 1000} s.`, {
        nextStep: 'Check that its files can be read, with cat for one: a server of files that is gone does not answer. What takes long to open can be in the configuration file when the node starts, which waits 5 minutes.', details: { database },
      }))
    }),
  ]
  const opening = open()
  try {
    return await Promise.race([opening, ended])
  } catch (error) {
    handleAbandoned(opening.then((engine) => engine.close(), () => undefined))
    throw error
  } finally {
    for (const timer of timers) timer.cancel()
    signal?.removeEventListener('abort', handleAbort)
  }
}

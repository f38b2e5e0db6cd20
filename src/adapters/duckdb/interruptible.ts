import duckdb from '@duckdb/node-bindings'

const REPEAT_MS = 10

/**
 * Runs a call on a connection, interrupting it when the signal aborts. The engine clears a pending interrupt as a query begins, and a call may
 * still be waiting for a thread, so that one interrupt can be lost: it is repeated until the call settles.
 */
export async function interruptible<T>(connection: duckdb.Connection, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    duckdb.interrupt(connection)
    timer = setInterval(() => duckdb.interrupt(connection), REPEAT_MS)
  }
  if (signal.aborted) throw signal.reason
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await call()
  } finally {
    signal.removeEventListener('abort', onAbort)
    clearInterval(timer)
  }
}

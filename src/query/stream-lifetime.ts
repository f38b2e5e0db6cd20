import type { ByteStream } from '../ports/peer-streams.ts'

/**
 * Ends our side when the far side has ended its own. On this protocol a half-closed stream is of no use, and over a local socket it is all
 * that a killed client leaves behind: without this its queries would run on.
 */
export function closeWithFarSide(stream: ByteStream): void {
  stream.onEnd(() => {
    stream.close().catch((error: unknown) => stream.abort(error instanceof Error ? error : new Error(String(error))))
  })
}

/** Opens a stream, and does not wait for an opener that is deaf to its signal; a stream that comes too late is aborted. */
export function openWithin(open: (signal: AbortSignal) => Promise<ByteStream>, signal: AbortSignal): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    open(signal).then((stream) => {
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) stream.abort(signal.reason as Error)
      else resolve(stream)
    }, (error: unknown) => {
      signal.removeEventListener('abort', onAbort)
      reject(error as Error)
    })
  })
}

import type { ByteStream } from '../ports/peer-streams.ts'

/** Streams of both adapters can tell that the far side has ended; the port itself does not ask for it. */
type StreamWithEnd = ByteStream & { onEnd?(handler: () => void): void }

/**
 * Ends our side when the far side has ended its own. On this protocol a half-closed stream is of no use, and over a local socket it is all
 * that a killed client leaves behind: without this its queries would run on.
 */
export function closeWithFarSide(stream: ByteStream): void {
  const withEnd: StreamWithEnd = stream
  withEnd.onEnd?.(() => {
    stream.close().catch((error: unknown) => stream.abort(error instanceof Error ? error : new Error(String(error))))
  })
}

/** The first line of a local connection names its protocol, as multistream-select does; the answer is the same line, or `unsupported`. */
import type { Socket } from 'node:net'
import type { Clock } from '../../ports/clock.ts'

export const PROTOCOL_LINE_BYTES_MAX = 256
export const PROTOCOL_LINE_TIMEOUT_MS = 5000
export const UNSUPPORTED = 'unsupported'

/**
 * Reads one line and leaves the socket paused with whatever came behind it.
 * @throws Error when the line is too long, too late, or the socket closes before it
 */
export function readLine(socket: Socket, clock: Clock, timeoutMs: number = PROTOCOL_LINE_TIMEOUT_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const finish = (error: Error | null, line = ''): void => {
      timer.cancel()
      socket.removeListener('data', onData)
      socket.removeListener('close', onEarlyEnd)
      socket.removeListener('end', onEarlyEnd)
      socket.removeListener('error', finish)
      socket.pause()
      if (error === null) resolve(line)
      else reject(error)
    }
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk.subarray(0, PROTOCOL_LINE_BYTES_MAX + 1)])
      const end = received.indexOf(10)
      const beforeBytes = received.length - Math.min(chunk.length, PROTOCOL_LINE_BYTES_MAX + 1)
      if (end >= 0 && end < PROTOCOL_LINE_BYTES_MAX) {
        finish(null, received.toString('utf8', 0, end))
        const rest = chunk.subarray(end + 1 - beforeBytes)
        if (rest.length > 0) socket.unshift(rest)
      } else if (received.length > PROTOCOL_LINE_BYTES_MAX) finish(new Error(`no line within ${PROTOCOL_LINE_BYTES_MAX} bytes`))
    }
    const onEarlyEnd = (): void => finish(new Error('the connection ended before its first line'))
    const timer = clock.setTimer(timeoutMs, () => finish(new Error(`no line within ${timeoutMs} ms`)))
    socket.on('data', onData)
    socket.once('close', onEarlyEnd)
    socket.once('end', onEarlyEnd)
    socket.once('error', finish)
    socket.resume()
  })
}

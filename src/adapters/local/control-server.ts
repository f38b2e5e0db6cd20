/** The node's side of `/reedbase/control/1.0`: one call a connection, answered by lines. */
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ByteStream } from '../../ports/peer-streams.ts'
import { CONTROL_LINE_BYTES_MAX, type ControlReply, type ControlRequest } from '../../wire/control.ts'
import { systemClock } from '../system/clock.ts'
import { parseControlRequest } from './control-request.ts'
import { LineReader } from './line-reader.ts'

/** An async iterable is answered with `event` lines, anything else, awaited, with one `result`. The signal aborts when the caller is gone. */
export type ControlHandler = (request: ControlRequest, signal: AbortSignal) => unknown

export interface ServeControlOptions {
  /** A caller that reads nothing for so long is cut off. Default 30,000. */
  readonly stallMs?: number
  /** From the connection to its request. Default 5,000. */
  readonly requestTimeoutMs?: number
  readonly clock?: Clock
  readonly log?: Log
}

export const MESSAGE_CHARACTERS_MAX = 1000
/** Well below a line, which also holds commas and the reply around it. */
const partBytesTarget = CONTROL_LINE_BYTES_MAX / 2

/** Serves one connection. Whatever the other side sends, this never throws. */
export function serveControl(stream: ByteStream, handler: ControlHandler, options: ServeControlOptions = {}): void {
  const clock = options.clock ?? systemClock
  const requestTimeoutMs = options.requestTimeoutMs ?? 5000
  const stallMs = options.stallMs ?? 30_000
  const gone = new AbortController()
  const timer = clock.setTimer(requestTimeoutMs, () => stream.abort(new MeshError('ERR_PROTOCOL', `no request within ${requestTimeoutMs} ms`)))
  let asked = false

  const finish = (error: MeshError | null): void => {
    if (gone.signal.aborted) return
    if (error !== null) stream.send(encodeReply(errorReply(error)))
    stream.close().catch((reason: unknown) => options.log?.debug({ error: String(reason) }, 'closing a control connection failed'))
  }
  /** The last resort: nobody awaits what ends a call, so that an error in it would end the process. */
  const breakOff = (reason: unknown): void => {
    options.log?.error({ err: reason }, 'the end of a control call could not be sent')
    stream.abort(new MeshError('ERR_INTERNAL', 'the end of a control call could not be sent', { cause: reason }))
  }
  const answer = async (line: string): Promise<void> => {
    const answering = handler(parseControlRequest(line), gone.signal)
    if (!isAsyncIterable(answering)) {
      for (const reply of repliesOf(await answering)) await write(reply)
      return
    }
    for await (const event of answering) {
      if (gone.signal.aborted) return
      await write({ event })
    }
  }
  /** Nothing is pulled from an event stream while its reader is behind; the stream's own bound says when events are lost. */
  const write = async (reply: ControlReply): Promise<void> => {
    if (gone.signal.aborted || stream.send(encodeReply(reply))) return
    const stall = clock.setTimer(stallMs, () => stream.abort(new MeshError('ERR_EVENTS_LOST', `the caller read nothing for ${stallMs} ms`)))
    try {
      await stream.drained()
    } finally {
      stall.cancel()
    }
  }
  const reader = new LineReader(CONTROL_LINE_BYTES_MAX, (line) => {
    // One call a connection: what follows is not read as another.
    if (asked) return
    asked = true
    timer.cancel()
    answer(line).then(() => finish(null), (error: unknown) => {
      if (gone.signal.aborted) return
      if (!(error instanceof MeshError)) options.log?.error({ err: error }, 'a control call failed by a fault of this program')
      finish(error instanceof MeshError ? error : new MeshError('ERR_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error }))
    }).catch(breakOff)
  })
  stream.onClose(() => {
    timer.cancel()
    gone.abort()
  })
  // A caller that has ended its side is gone: the protocol has no use for half a connection.
  stream.onEnd(() => {
    finish(null)
    gone.abort()
  })
  stream.onBytes((bytes) => {
    if (!reader.push(bytes)) stream.abort(new MeshError('ERR_PROTOCOL', `a control line exceeds ${CONTROL_LINE_BYTES_MAX} bytes`))
  })
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** A list that no line can hold, such as the members of a large mesh, in as many as it takes. */
function* repliesOf(result: unknown): Generator<ControlReply, void, void> {
  if (!Array.isArray(result)) return yield { result }
  const list = result as readonly unknown[]
  let bytes = 0
  let from = 0
  for (const [index, item] of list.entries()) {
    const itemBytes = Buffer.byteLength(JSON.stringify(item))
    if (bytes + itemBytes > partBytesTarget && index > from) {
      yield { part: list.slice(from, index) }
      from = index
      bytes = 0
    }
    bytes += itemBytes
  }
  yield { result: list.slice(from) }
}

/** Texts may echo what was sent, and shall not grow with it. */
function errorReply(error: MeshError): ControlReply {
  const details = Object.fromEntries(Object.entries(error.details).map(([name, value]) => [name, typeof value === 'string' ? shorten(value) : value]))
  return { error: { code: error.code, message: shorten(error.message), nextStep: shorten(error.nextStep), details } }
}

function shorten(text: string): string {
  return text.length <= MESSAGE_CHARACTERS_MAX ? text : `${text.slice(0, MESSAGE_CHARACTERS_MAX)}…`
}

/** @throws MeshError ERR_PROTOCOL when the reply exceeds a line */
function encodeReply(reply: ControlReply): Uint8Array {
  const bytes = Buffer.from(`${JSON.stringify(reply)}\n`, 'utf8')
  if (bytes.length <= CONTROL_LINE_BYTES_MAX) return bytes
  throw new MeshError('ERR_PROTOCOL', `the answer takes ${bytes.length} bytes; a control line has at most ${CONTROL_LINE_BYTES_MAX}`, {
    nextStep: 'Narrow the question, for instance to one database.',
  })
}

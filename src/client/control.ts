/** Calls to the node beside us over `/reedbase/control/1.0`. */
import { setTimeout as delay } from 'node:timers/promises'
import { isDataFolderLocked } from '../adapters/files/data-folder.ts'
import { LineReader } from '../adapters/local/line-reader.ts'
import { isErrorCode, MeshError } from '../errors.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { CONTROL_LINE_BYTES_MAX, CONTROL_PROTOCOL, type ControlReply, type ControlRequest } from '../wire/control.ts'
import { defaultDataDir, findLocalNode, openLocal, silenceInit, silenceText } from './local-node.ts'

export interface ControlTarget {
  /** The node's data folder. Default `.reedbase`. */
  readonly dataDir?: string
}

/** Reading stops above this many unread lines and goes on below it: the node then keeps its events itself, up to its own bound. */
const unreadLinesMax = 256
/** Items of an answer that comes in parts: no mesh has so many members. */
const listItemsMax = 1_000_000
const goneCheckMs = 50
/** For the answer to a question, all of which the node has in memory. */
const replyWaitMs = 10_000

/**
 * What the node answers: one payload for a question, one after the other for `events`. Leaving the loop or aborting ends the call.
 * @throws MeshError ERR_NO_NODE, ERR_PROTOCOL, and what the node itself throws
 */
export async function* callControl(target: ControlTarget, request: ControlRequest, signal?: AbortSignal): AsyncGenerator<unknown, void, void> {
  const stream = await openLocal(await findLocalNode(target.dataDir), CONTROL_PROTOCOL, signal)
  const lines = readLines(stream)
  const parts: unknown[] = []
  const onAbort = (): void => stream.abort(new MeshError('ERR_QUERY_CANCELLED', 'the call was cancelled'))
  signal?.addEventListener('abort', onAbort)
  try {
    stream.send(Buffer.from(`${JSON.stringify(request)}\n`))
    for await (const line of lines) {
      const reply = parseReply(line)
      if ('error' in reply) throw toError(reply.error)
      if ('part' in reply) {
        if (parts.length + reply.part.length > listItemsMax) throw new MeshError('ERR_PROTOCOL', `the node answered with a list of more than ${listItemsMax} items`)
        for (const item of reply.part) parts.push(item)
      } else if ('event' in reply) yield reply.event
      else yield parts.length > 0 && Array.isArray(reply.result) ? [...parts, ...reply.result as readonly unknown[]] : reply.result
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    await stream.close()
  }
}

/** @throws MeshError as `callControl`, and ERR_NO_NODE when the node went away before it answered */
export async function callControlOnce(target: ControlTarget, request: ControlRequest, signal?: AbortSignal): Promise<unknown> {
  const silence = AbortSignal.timeout(replyWaitMs)
  try {
    for await (const payload of callControl(target, request, signal === undefined ? silence : AbortSignal.any([signal, silence]))) return payload
  } catch (error) {
    if (!silence.aborted || signal?.aborted === true) throw error
    const node = await findLocalNode(target.dataDir)
    throw new MeshError('ERR_NO_NODE', silenceText(node), silenceInit(node, error))
  }
  throw new MeshError('ERR_NO_NODE', 'the node ended the call without an answer')
}

/**
 * Resolves when no process holds the data folder any more: it is the last thing that a stopping node lets go.
 * @throws the reason of `signal`, MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function untilGone(target: ControlTarget, signal: AbortSignal): Promise<void> {
  while (await isDataFolderLocked(target.dataDir ?? defaultDataDir)) await delay(goneCheckMs, undefined, { signal })
}

/**
 * After its answers have ended: a node that stops first takes away the note of where it is found; one that was killed leaves it behind.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function isStillNoted(target: ControlTarget): Promise<boolean> {
  try {
    await findLocalNode(target.dataDir)
    return true
  } catch (error) {
    if (error instanceof MeshError && error.code === 'ERR_NO_NODE') return false
    throw error
  }
}

function parseReply(line: string): ControlReply {
  try {
    const reply: unknown = JSON.parse(line)
    if (typeof reply === 'object' && reply !== null && ('result' in reply || 'event' in reply || 'error' in reply || ('part' in reply && Array.isArray(reply.part)))) return reply as ControlReply
  } catch (error) {
    throw new MeshError('ERR_PROTOCOL', 'the node answered with a line that is not JSON', { cause: error })
  }
  throw new MeshError('ERR_PROTOCOL', 'the node answered with a line that is no reply')
}

function toError(error: Extract<ControlReply, { error: unknown }>['error']): MeshError {
  const code = isErrorCode(error.code) ? error.code : 'ERR_PROTOCOL'
  return new MeshError(code, error.message, { nextStep: error.nextStep, details: error.details })
}

/** Lines until the far side ends. Bounded by pausing the stream. */
async function* readLines(stream: ByteStream): AsyncGenerator<string, void, void> {
  const unread: string[] = []
  let ended = false
  let failure: Error | null = null
  let wake: (() => void) | null = null
  const end = (error: Error | null): void => {
    if (!ended) failure = error
    ended = true
    wake?.()
  }
  const reader = new LineReader(CONTROL_LINE_BYTES_MAX, (line) => {
    unread.push(line)
    wake?.()
  })
  stream.onEnd(() => end(null))
  stream.onClose(end)
  stream.onBytes((bytes) => {
    if (!reader.push(bytes)) {
      const tooLong = new MeshError('ERR_PROTOCOL', `the node sent a line of more than ${CONTROL_LINE_BYTES_MAX} bytes`)
      end(tooLong)
      stream.abort(tooLong)
    }
    if (unread.length >= unreadLinesMax) stream.pause()
  })
  for (;;) {
    const line = unread.shift()
    if (line !== undefined) {
      yield line
      if (unread.length === 0) stream.resume()
    } else if (failure !== null) throw failure as Error
    else if (ended) return
    else {
      await new Promise<void>((resolve) => { wake = resolve })
      wake = null
    }
  }
}

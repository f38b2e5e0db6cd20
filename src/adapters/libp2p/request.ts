/**
 * One question, one answer, on a stream of its own: `u32 big-endian length | bytes` each way, then the end. For what is rare (push-pull
 * sync, goodbye): opening a stream costs a negotiation, so nothing frequent goes this way.
 */
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Libp2pByteStream } from './byte-stream.ts'
import { withDeadline } from './deadline.ts'
import type { MeshCounters } from './counters.ts'

const LENGTH_BYTES = 4
const bufferBytesMin = 4_096
const emptyBuffer = new Uint8Array(0)

export function frameMessage(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + bytes.length)
  new DataView(frame.buffer).setUint32(0, bytes.length)
  frame.set(bytes, LENGTH_BYTES)
  return frame
}

export type FrameStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * Collects one message. A length above the bound is refused before anything is allocated for it, and so are bytes after the message. Chunks
 * are copied and not kept: one of a single byte weighs a hundred times that. The buffer at most doubles with what has arrived.
 */
export class FrameReader {
  readonly #bytesMax: number
  readonly #head = new Uint8Array(LENGTH_BYTES)
  #headHeld = 0
  #buffer = emptyBuffer
  #held = 0
  #length: number | null = null

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  push(bytes: Uint8Array): FrameStep {
    let body = bytes
    if (this.#length === null) {
      const headBytes = bytes.subarray(0, LENGTH_BYTES - this.#headHeld)
      this.#head.set(headBytes, this.#headHeld)
      this.#headHeld += headBytes.length
      if (this.#headHeld < LENGTH_BYTES) return { kind: 'more' }
      this.#length = new DataView(this.#head.buffer).getUint32(0)
      if (this.#length > this.#bytesMax) return { kind: 'refused', reason: `a message of ${this.#length} bytes exceeds the limit of ${this.#bytesMax}` }
      body = bytes.subarray(headBytes.length)
    }
    const held = this.#held + body.length
    if (held > this.#length) return { kind: 'refused', reason: 'bytes follow the message' }
    this.#reserve(held, this.#length)
    this.#buffer.set(body, this.#held)
    this.#held = held
    return held < this.#length ? { kind: 'more' } : { kind: 'message', bytes: this.#buffer.subarray(0, held) }
  }

  #reserve(held: number, length: number): void {
    if (held <= this.#buffer.length) return
    const grown = new Uint8Array(Math.min(length, Math.max(2 * held, bufferBytesMin)))
    grown.set(this.#buffer.subarray(0, this.#held))
    this.#buffer = grown
  }
}

export interface RequestOptions {
  readonly timeoutMs: number
  readonly responseBytesMax: number
  readonly signal?: AbortSignal
}

export type RequestHandler = (from: string, bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array

/** @throws MeshError ERR_PEER_UNREACHABLE, ERR_PROTOCOL (answer too long or not framed) */
export async function sendRequest(
  open: (signal: AbortSignal) => Promise<Libp2pByteStream>, clock: Clock, peerId: string, bytes: Uint8Array, options: RequestOptions,
): Promise<Uint8Array> {
  let stream: Libp2pByteStream | null = null
  try {
    return await withDeadline({
      clock,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${peerId} did not answer within ${Math.round(options.timeoutMs)} ms.`, { details: { peerId } }),
    }, async (signal) => {
      const opened = await open(signal)
      stream = opened
      if (signal.aborted) opened.abort(new Error('The request was given up while its stream was being opened.'))
      const answer = readMessage(opened, options.responseBytesMax)
      opened.send(frameMessage(bytes))
      void opened.close()
      return await answer
    })
  } catch (error) {
    abortIfOpen(stream, error)
    throw error
  }
}

function abortIfOpen(stream: Libp2pByteStream | null, error: unknown): void {
  stream?.abort(error instanceof Error ? error : new Error('The request was given up.'))
}

function readMessage(stream: Libp2pByteStream, bytesMax: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const reader = new FrameReader(bytesMax)
  let settled = false
  const peerId = stream.remote.kind === 'peer' ? stream.remote.peerId : ''
  const refuse = (reason: string): void => {
    settled = true
    const error = new MeshError('ERR_PROTOCOL', `${peerId} sent an answer that the protocol does not allow: ${reason}.`, { details: { peerId } })
    reject(error)
    stream.abort(error)
  }
  stream.onBytes((bytes) => {
    if (settled) return
    const step = reader.push(bytes)
    if (step.kind === 'refused') refuse(step.reason)
    if (step.kind === 'message') {
      settled = true
      resolve(step.bytes)
    }
  })
  stream.onEnd(() => { if (!settled) refuse('it ended before the message was complete') })
  stream.onClose((error) => { reject(error ?? new MeshError('ERR_PEER_UNREACHABLE', `${peerId} ended without an answer.`, { details: { peerId } })) })
  return promise
}

export interface RequestServer {
  readonly requestBytesMax: number
  readonly timeoutMs: number
  readonly clock: Clock
  readonly counters: MeshCounters
  readonly handler: RequestHandler
}

/** Answers one request. What does not fit the protocol, a failing handler and a slow peer all end in a reset stream and a count. */
export function serveRequest(stream: Libp2pByteStream, server: RequestServer): void {
  const reader = new FrameReader(server.requestBytesMax)
  const from = stream.remote.kind === 'peer' ? stream.remote.peerId : ''
  let done = false
  const refuse = (error: Error): void => {
    if (done) return
    done = true
    timer.cancel()
    server.counters.requestsRefused += 1
    stream.abort(error)
  }
  const timer = server.clock.setTimer(server.timeoutMs, () => { refuse(new Error('The request was not complete in time.')) })
  stream.onClose((error) => {
    timer.cancel()
    if (error !== null) refuse(error)
  })
  stream.onBytes((bytes) => {
    if (done) return
    const step = reader.push(bytes)
    if (step.kind === 'refused') refuse(new Error(step.reason))
    if (step.kind !== 'message') return
    server.counters.requests += 1
    stream.pause()
    answer(step.bytes).catch((error: unknown) => { refuse(error instanceof Error ? error : new Error(String(error))) })
  })

  const answer = async (bytes: Uint8Array): Promise<void> => {
    const response = await server.handler(from, bytes)
    if (done) return
    stream.resume()
    stream.send(frameMessage(response))
    await stream.close()
    done = true
    timer.cancel()
  }
}

/**
 * Compressed batches: which codecs there are, a sender's decisions batch by batch, and what a receiver makes of what it gets. The compressing itself is
 * zlib's, on libuv's threads, few at a time: DuckDB and name look-ups need them, too.
 */
import type * as Zlib from 'node:zlib'
import { BatchCompression, COMPRESSED_BYTES_MIN, type CompressionMode, type LinkRate, LinkRates, mayPay } from '../core/latency/compression.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import type { ResultReceiver } from './client-query.ts'
import { BATCH_BYTES_MAX, WINDOW_BYTES } from './limits.ts'
import { PassedBatches } from './passed-batches.ts'

export type Codec = 'zstd' | 'deflate'

/** Positions are what travels: bit and number of each. Append only. */
const codecs: readonly Codec[] = ['zstd', 'deflate']
/** From Node 22.15 on. */
const hasZstd = process.versions['zstd'] !== undefined
/** What this process can do, the better first. */
const own: readonly Codec[] = hasZstd ? codecs : ['deflate']
const jobsMax = 2
/** zlib goes back to the event loop for each piece of output of this size. */
const pieceBytesMax = 1 << 20

export const OWN_COMPRESSIONS: number = own.reduce((bits, codec) => bits | (1 << codecs.indexOf(codec)), 0)

/** 0: none. */
export function numberOfCodec(codec: Codec | null): number {
  return codec === null ? 0 : codecs.indexOf(codec) + 1
}

/** Undefined for one that is not known, or that was not offered. */
export function codecOfNumber(number: number, offered: number): Codec | null | undefined {
  if (number === 0) return null
  const codec = codecs[number - 1]
  return codec !== undefined && (offered & (1 << (number - 1))) !== 0 ? codec : undefined
}

/** The best that both can do. */
function codecFor(offered: number): Codec | null {
  return own.find((codec) => (offered & (1 << codecs.indexOf(codec))) !== 0) ?? null
}

export interface CompressionCounters {
  compressedBatches: number
  compressedBytesIn: number
  compressedBytesOut: number
  decompressedBatches: number
  /** Batches from others that did not give what they claimed. */
  malformedBatches: number
}

/** Of one node: what it learns of its links, and what it has done. */
export class Compression {
  readonly mode: CompressionMode
  readonly #clock: Clock
  readonly #rttMs: (peerId: string) => number | null
  readonly #outbound = new LinkRates()
  readonly #inbound = new LinkRates()
  readonly counters: CompressionCounters = { compressedBatches: 0, compressedBytesIn: 0, compressedBytesOut: 0, decompressedBatches: 0, malformedBatches: 0 }

  /** `rttMs`: the shortest round trip of late to a peer; null where there was none. */
  constructor(mode: CompressionMode, clock: Clock, rttMs: (peerId: string) => number | null = () => null) {
    this.mode = mode
    this.#clock = clock
    this.#rttMs = rttMs
  }

  /** For a request to that peer. */
  receiver(target: string): ResultReceiver {
    const link = this.#inbound.link(target)
    const isOffered = mayPay(this.mode, { bytesPerSecond: link.bytesPerSecond(this.#clock.nowMs()), rttMs: this.#rttMs(target) })
    return new Receiver(isOffered ? OWN_COMPRESSIONS : 0, { link, clock: this.#clock, counters: this.counters })
  }

  /** For the result of a request that offers these; null when nothing of it is to be compressed. */
  sender(offered: number, remote: StreamRemote): CompressingSender | null {
    // A client on this host has no slow link to it, only slow readers.
    if (remote.kind !== 'peer' || !mayPay(this.mode, { bytesPerSecond: null, rttMs: this.#rttMs(remote.peerId) })) return null
    const codec = codecFor(offered)
    return codec === null ? null : new CompressingSender({ codec, mode: this.mode, link: this.#outbound.link(remote.peerId), clock: this.#clock, counters: this.counters })
  }
}

interface SenderOptions {
  readonly codec: Codec
  readonly mode: CompressionMode
  readonly link: LinkRate
  readonly clock: Clock
  readonly counters: CompressionCounters
}

/** Of one result. */
export class CompressingSender {
  readonly #options: SenderOptions
  readonly #decision: BatchCompression
  #sentBytes = 0

  constructor(options: SenderOptions) {
    this.#options = options
    this.#decision = new BatchCompression(options.mode)
  }

  get codec(): Codec {
    return this.#options.codec
  }

  /** Whether `compress` is to be called for it. A relay leaves alone what is compressed already. */
  isDue(batch: EngineBatch): boolean {
    const { link, clock } = this.#options
    return batch.bytes.length >= COMPRESSED_BYTES_MIN && batch.rawBytes === undefined && batch.bytes.length <= BATCH_BYTES_MAX && this.#decision.decide(batch.bytes.length, link.bytesPerSecond(clock.nowMs()))
  }

  /** The batch as it is to be sent. */
  async compress(batch: EngineBatch): Promise<EngineBatch> {
    const { codec, link, clock, counters } = this.#options
    const startedMs = clock.nowMs()
    const bytes = await inTurn(() => compressed(codec, batch.bytes))
    const nowMs = clock.nowMs()
    if (!this.#decision.handleCompressed(batch.bytes.length, bytes.length, nowMs - startedMs, link.bytesPerSecond(nowMs))) return batch
    counters.compressedBatches++
    counters.compressedBytesIn += batch.bytes.length
    counters.compressedBytesOut += bytes.length
    return { bytes, rows: batch.rows, rawBytes: batch.bytes.length }
  }

  /** A batch has gone out on a bulk stream, so long after it was there. The receiver's window swallows the first ones at any speed. */
  handleSent(bytes: number, waitedMs: number): void {
    this.#sentBytes += bytes
    if (this.#sentBytes > WINDOW_BYTES) this.#options.link.handleTransfer(this.#options.clock.nowMs(), bytes, waitedMs)
  }
}

interface ReceiverOptions {
  readonly link: LinkRate
  readonly clock: Clock
  readonly counters: CompressionCounters
}

class Receiver implements ResultReceiver {
  readonly compressions: number
  readonly #options: ReceiverOptions

  constructor(compressions: number, options: ReceiverOptions) {
    this.compressions = compressions
    this.#options = options
  }

  receive(batches: AsyncIterableIterator<EngineBatch, undefined>, codec: Codec | null): AsyncIterableIterator<EngineBatch, undefined> {
    return new ReceivedBatches(batches, codec, this.#options)
  }
}

class ReceivedBatches extends PassedBatches {
  readonly #codec: Codec | null
  readonly #options: ReceiverOptions
  #askedMs = 0
  #isFirst = true

  constructor(batches: AsyncIterable<EngineBatch>, codec: Codec | null, options: ReceiverOptions) {
    super(batches)
    this.#codec = codec
    this.#options = options
  }

  protected override handleAsked(): void {
    this.#askedMs = this.#options.clock.nowMs()
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch | Promise<EngineBatch> {
    const { link, clock, counters } = this.#options
    // The first one's time is that of its engine and of the streams.
    if (!this.#isFirst) link.handleTransfer(clock.nowMs(), batch.bytes.length, clock.nowMs() - this.#askedMs)
    this.#isFirst = false
    return batch.rawBytes === undefined ? batch : restored(this.#codec, batch, batch.rawBytes, counters)
  }
}

/** @throws MeshError ERR_PROTOCOL: a batch that is not what it says, or larger, is not unpacked any further */
async function restored(codec: Codec | null, { rows, bytes }: EngineBatch, rawBytes: number, counters: CompressionCounters): Promise<EngineBatch> {
  let raw: Uint8Array | null = null
  let cause: unknown
  if (codec !== null && rawBytes <= BATCH_BYTES_MAX) {
    try {
      raw = await inTurn(() => decompressed(codec, bytes, rawBytes))
    } catch (error) {
      cause = error
    }
  }
  if (raw?.length !== rawBytes) {
    counters.malformedBatches++
    throw new MeshError('ERR_PROTOCOL', `a compressed batch of ${bytes.length} bytes does not give the ${rawBytes} bytes that it claims`, { cause })
  }
  counters.decompressedBatches++
  return { rows, bytes: raw }
}

/** When the first batch needs it: loading takes milliseconds, and the command line never needs it. */
let zlibOnceNeeded: Promise<typeof Zlib> | null = null
function loadZlib(): Promise<typeof Zlib> {
  return (zlibOnceNeeded ??= import('node:zlib'))
}

async function compressed(codec: Codec, bytes: Uint8Array): Promise<Uint8Array> {
  const zlib = await loadZlib()
  const chunkSize = Math.min(pieceBytesMax, bytes.length + 1024)
  return await new Promise((resolve, reject) => {
    const done = (error: Error | null, result: Uint8Array): void => { if (error === null) resolve(result); else reject(error) }
    if (codec === 'zstd') zlib.zstdCompress(bytes, { chunkSize, params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }, done)
    else zlib.deflateRaw(bytes, { chunkSize, level: 1 }, done)
  })
}

async function decompressed(codec: Codec, bytes: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const zlib = await loadZlib()
  const options = { chunkSize: Math.max(64, Math.min(pieceBytesMax, rawBytes)), maxOutputLength: Math.max(1, rawBytes) }
  return await new Promise((resolve, reject) => {
    const done = (error: Error | null, result: Uint8Array): void => { if (error === null) resolve(result); else reject(error) }
    if (codec === 'zstd') zlib.zstdDecompress(bytes, options, done)
    else zlib.inflateRaw(bytes, options, done)
  })
}

let jobs = 0
/** As many as results that are being sent or read, at most. */
const waiting: Array<() => void> = []

async function inTurn<T>(job: () => Promise<T>): Promise<T> {
  if (jobs < jobsMax) jobs++
  else await new Promise<void>((resolve) => { waiting.push(resolve) })
  try {
    return await job()
  } finally {
    const next = waiting.shift()
    if (next === undefined) jobs--
    else next()
  }
}

/** Bounds of the query protocol. Both ends hold them on their own; none is trusted to the other side. */
import { decodeLimits } from '../wire/query-decoders.ts'

/** What a Response frame carries of a result before the rest moves to a bulk stream. */
export const INLINE_BYTES_MAX = 64 << 10
/** And in so many batches: a receiver that finds more gives up the stream. */
export const INLINE_BATCHES_MAX = decodeLimits.limits.response.parts
/** How long a result may trickle before its head is sent without waiting for its end. */
export const HEAD_DELAY_MS = 20
/** Fragment of a batch on a bulk stream that shares its connection: large enough that encryption and multiplexing cost little. */
export const FRAGMENT_BYTES = 256 << 10
/** On a stream that has its connection to itself: most batches then are one fragment, which nobody has to put together again. */
export const FRAGMENT_ALONE_BYTES = 1 << 20
/**
 * What a bulk stream with a connection to itself delivers in one turn of the event loop. Beside results of 64 MB on loopback, small queries took at the
 * median 1.9 ms without this bound, 0.5 ms with it, and 0.25 ms with half of it, which cost a third of the bulk throughput.
 */
export const TURN_BYTES_MAX = 128 << 10
/** Small batches are joined up to this before a send on a bulk stream. */
export const BULK_SEND_BYTES = 64 << 10
/**
 * Small frames are joined up to this before a send on a multiplexed stream. Less overlaps the work of both sides better, more costs less a
 * query: with 64 queries of 100 bytes under way, 5 to 6 KiB carried a quarter more than one send for all; 2 KiB carried less.
 */
export const SESSION_SEND_BYTES = 6 << 10
/** A batch as an engine makes it; fragments are rejoined up to this. */
export const BATCH_BYTES_MAX = 64 << 20
/** An honest sender makes a quarter of it at most. The fragments of a batch are credited as they come, so that only their number bounds what they take. */
export const BATCH_FRAGMENTS_MAX = 1024
/** Of credit, that a batch or fragment costs at least: what has hardly any data takes memory all the same until it is read. */
export const BATCH_CREDIT_BYTES_MIN = 64
/** Batch bytes on the way to one consumer. */
export const WINDOW_BYTES = 2 << 20
/** A sender whose transport takes nothing more keeps this much, then stops reading requests. */
export const QUEUED_BYTES_MAX = 4 << 20
/** Requests that one stream may have at a server at a time, in bytes. */
export const REQUEST_BYTES_MAX = 64 << 20
/** Without credit or a writable stream for this long, the consumer is taken for gone. */
export const STALL_MS = 30_000
/** From the opening of a stream to its first frame. */
export const HELLO_TIMEOUT_MS = 10_000
/** One that waits at the server takes some kilobytes; `REQUEST_BYTES_MAX` bounds those that are larger. */
export const IN_FLIGHT_PER_STREAM_MAX = 16_384
export const BULK_STREAMS_MAX = 8
export const BULK_WAITERS_MAX = 1024
/** Streams of one protocol that a connection may open to a server: the multiplexed one, the bulk ones, and some being replaced. */
export const STREAMS_PER_CONNECTION_MAX = 2 * BULK_STREAMS_MAX + 4

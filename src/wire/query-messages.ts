/** The query plane's own shapes to and from frames. Decoders return null for what the protocol does not allow; they never throw. */
import type { LoadDigest } from '../core/membership/types.ts'
import type { CandidateExplanation, Priority } from '../core/routing/types.ts'
import { isErrorCode, MeshError } from '../errors.ts'
import type { EngineBatch, QueryValue, ResultFormat } from '../ports/query-engine.ts'
import { Frame, Route, type End, type Failure, type Load, type Request, type Value } from './generated/query.ts'
import { FRAME_BYTES_MAX } from './framing.ts'
import { cleanShownName } from './name-forms.ts'
import { ProtobufWriter } from './protobuf-writer.ts'
import { decodeFrequentFrame, decodeLimits } from './query-decoders.ts'
import { decodeValue, encodeValue } from './query-values.ts'
import { serviceTimeCode, serviceTimeMs } from './service-time-code.ts'
import { readTraceparent } from './traceparent.ts'

export const QUERY_WIRE_VERSION = 1
export const SESSION_TOKEN_BYTES = 16
export const TRANSACTION_ID_BYTES = 16
const messageCharactersMax = 16_384
const detailsMax = 64
/** A PeerId has 52. */
const finalPeerIdCharactersMax = 128

/** For the three frames that carry queries and results; one at a time, as nothing here awaits. */
const writer = new ProtobufWriter()
const noValues: readonly Value[] = []
const { parameters: parametersMax, visited: visitedMax } = decodeLimits.limits.request
/** As query.proto numbers them; test/unit/wire/query-messages.test.ts holds the two together. */
const field = { request: 1, response: 2, batch: 3 } as const

/** Positions are what travels: append only. */
const accesses = ['read', 'write', 'unknown'] as const
const priorities: readonly Priority[] = ['critical', 'high', 'normal', 'low']
/** 0 is none. */
const steps = ['begin', 'statement', 'commit', 'rollback'] as const
const formats: readonly ResultFormat[] = ['arrow', 'columns', 'raw']
const decisions = ['local', 'forward', 'local-overloaded'] as const
const verdicts: ReadonlyArray<CandidateExplanation['verdict']> = [
  'chosen', 'fallback', 'does-not-serve', 'not-ready', 'not-primary', 'not-alive', 'unhealthy', 'overloaded', 'stale-load', 'too-many-in-flight', 'spare', 'degraded',
  'ejected', 'too-stale', 'other-zone', 'pinned-elsewhere', 'slow',
]

/** A deadline further away is no deadline. */
export const TIMEOUT_MS_MAX = 24 * 3_600_000

/** Shapes of query/types.ts, repeated by structure: `wire` lies below `query`. */
export interface WireRequest {
  readonly database: string
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  readonly access: 'read' | 'write' | 'unknown'
  readonly priority: Priority
  readonly timeoutMs: number
  readonly visited: readonly string[]
  readonly explain: boolean
  readonly lastResort: boolean
  readonly finalPeerId: string
  readonly hints: string
  readonly compressions?: number | undefined
  readonly traceparent?: string | undefined
  readonly transaction?: { readonly id: string; readonly step: 'begin' | 'statement' | 'commit' | 'rollback' } | undefined
}

export interface WireRoute {
  readonly decision: 'local' | 'forward' | 'local-overloaded'
  readonly executedBy: { readonly peerId: string; readonly name: string }
  readonly latencyMs: number | null
  readonly reason: string
  readonly strategy: string
  readonly failedAttempts: ReadonlyArray<{ readonly peerId: string; readonly name: string; readonly code: string; readonly message: string }>
  readonly candidates: readonly CandidateExplanation[]
  readonly decisionUs: number
}

export interface WireTrailer {
  readonly rows: number
  readonly engineMs: number
  readonly load: LoadDigest | null
}

export function encodeFrame(frame: Frame): Uint8Array {
  return Frame.encode(frame)
}

/** Null when the bytes are not a frame. */
export function decodeFrame(bytes: Uint8Array): Frame | null {
  const frequent = decodeFrequentFrame(bytes)
  if (frequent !== undefined) return frequent
  try {
    return Frame.decode(bytes, decodeLimits)
  } catch {
    return null
  }
}

/**
 * @throws MeshError ERR_QUERY_TOO_LARGE when SQL and parameters exceed a frame
 * @throws MeshError ERR_OPTION_INVALID when a parameter has no form on the wire
 */
export function encodeRequest(id: number, request: WireRequest, timeoutMs: number, inlineBytes: number, compressions = request.compressions ?? 0): Uint8Array {
  const { parameters, visited } = request
  // Beyond these the other side would give up the whole stream, and all other queries on it.
  if (parameters.length > parametersMax) throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement has ${parameters.length} parameters; at most ${parametersMax} fit a request`)
  if (visited.length > visitedMax) throw new MeshError('ERR_PROTOCOL', `the query has been through ${visited.length} nodes; at most ${visitedMax} are told`, { details: { started: 'no' } })
  // Before the writer is touched: a value may have no form, and a program's own getters may send a query meanwhile.
  const values = parameters.length === 0 ? noValues : encodeValues(parameters)
  const frame = writer.start(field.request)
  writer.uint32(1, id)
  writer.string(2, request.database)
  writer.string(3, request.sql)
  for (let i = 0; i < values.length; i++) writeValue(values[i] as Value)
  const access = accesses.indexOf(request.access)
  if (access > 0) writer.uint32(5, access)
  const priority = priorities.indexOf(request.priority)
  if (priority > 0) writer.uint32(6, priority)
  writer.double(7, timeoutMs)
  for (const peerId of request.visited) writer.string(8, peerId)
  if (request.explain) writer.uint32(9, 1)
  if (inlineBytes > 0) writer.uint32(10, inlineBytes)
  if (request.lastResort) writer.uint32(11, 1)
  if (request.finalPeerId !== '') writer.string(12, request.finalPeerId)
  if (request.hints !== '') writer.string(13, request.hints)
  if (request.transaction !== undefined) {
    writer.bytes(14, Buffer.from(request.transaction.id, 'hex'))
    writer.uint32(15, 1 + steps.indexOf(request.transaction.step))
  }
  if (compressions > 0) writer.uint32(16, compressions)
  if (request.traceparent !== undefined) writer.string(17, request.traceparent)
  writer.end(frame)
  const bytes = writer.finish()
  if (bytes.length > FRAME_BYTES_MAX) {
    throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement with its parameters takes ${bytes.length} bytes; at most ${FRAME_BYTES_MAX} fit a request`)
  }
  return bytes
}

export function decodeRequest(wire: Request): WireRequest | null {
  const access = accesses[wire.access]
  const priority = priorities[wire.priority]
  if (access === undefined || priority === undefined || !(wire.timeoutMs > 0 && wire.timeoutMs <= TIMEOUT_MS_MAX) || wire.database === '' || wire.finalPeerId.length > finalPeerIdCharactersMax) return null
  const step = steps[wire.transactionStep - 1]
  if (wire.transaction.length !== (wire.transactionStep === 0 ? 0 : TRANSACTION_ID_BYTES) || (step === undefined) !== (wire.transactionStep === 0)) return null
  const parameters: QueryValue[] = []
  for (const value of wire.parameters) {
    const decoded = decodeValue(value)
    if (decoded === undefined) return null
    parameters.push(decoded)
  }
  return {
    database: wire.database, sql: wire.sql, parameters, access, priority, timeoutMs: wire.timeoutMs, visited: wire.visited, explain: wire.explain,
    lastResort: wire.lastResort, finalPeerId: wire.finalPeerId, hints: wire.hints,
    compressions: wire.compressions,
    // What is none is no reason to refuse a query, and starts no trace either.
    ...(wire.traceparent !== undefined && readTraceparent(wire.traceparent) !== null ? { traceparent: wire.traceparent } : {}),
    transaction: step === undefined ? undefined : { id: Buffer.from(wire.transaction).toString('hex'), step },
  }
}

/**
 * Why a request that `decodeRequest` did not take is refused rather than the whole stream: a later version has kinds of values that this one
 * does not know, and its other queries shall go on. Null when more is wrong with it.
 */
export function refusalOfValues(wire: Request): MeshError | null {
  const index = wire.parameters.findIndex((value) => decodeValue(value) === undefined)
  if (index < 0 || decodeRequest({ ...wire, parameters: [] }) === null) return null
  return new MeshError('ERR_PROTOCOL', `parameter ${index + 1} is of a kind that this node does not know, or beyond its bounds`, {
    nextStep: 'Update the node, or write the value as text and cast it in the statement.', details: { parameter: index + 1 },
  })
}

export interface WireResponse {
  readonly format: ResultFormat
  readonly header: Uint8Array
  readonly route: WireRoute | null
  /** Of compressed batches; absent or 0: none is. */
  readonly compression?: number
}

/** Head and first batches; with `end`, the whole result. */
export function encodeResponse(id: number, response: WireResponse, parts: readonly EngineBatch[], end: End | null): Uint8Array {
  const frame = writer.start(field.response)
  writer.uint32(1, id)
  const format = formats.indexOf(response.format)
  if (format > 0) writer.uint32(2, format)
  if (response.header.length > 0) writer.bytes(3, response.header)
  if (response.route !== null) writer.bytes(4, Route.encode(encodeRoute(response.route)))
  for (const { rows, bytes, rawBytes } of parts) {
    const part = writer.begin(5)
    if (rows > 0) writer.uint32(1, rows)
    if (bytes.length > 0) writer.bytes(2, bytes)
    if (rawBytes !== undefined) writer.uint32(3, rawBytes)
    writer.end(part)
  }
  if (end !== null) {
    const nested = writer.begin(6)
    writeEnd(end)
    writer.end(nested)
  }
  if (response.compression !== undefined && response.compression > 0) writer.uint32(7, response.compression)
  writer.end(frame)
  return writer.finish()
}

function encodeValues(parameters: readonly QueryValue[]): readonly Value[] {
  const values: Value[] = []
  // By index: a hole is not skipped, but refused as undefined.
  for (let i = 0; i < parameters.length; i++) values.push(encodeValue(parameters[i] as QueryValue, i))
  return values
}

function writeValue(value: Value): void {
  const nested = writer.begin(4)
  if (value.isNull === true) writer.uint32(1, 1)
  else if (value.boolean !== undefined) writer.uint32(2, value.boolean ? 1 : 0)
  else if (value.number !== undefined) writer.double(3, value.number)
  else if (value.integer !== undefined) writer.string(4, value.integer)
  else if (value.text !== undefined) writer.string(5, value.text)
  else if (value.blob !== undefined) writer.bytes(6, value.blob)
  else if (value.dateMs !== undefined) writer.double(7, value.dateMs)
  else if (value.compound !== undefined) writer.bytes(8, value.compound)
  writer.end(nested)
}

function writeEnd(end: End): void {
  writer.uint32(1, end.id)
  writer.double(2, end.rows)
  writer.double(3, end.engineMs)
  if (end.load !== undefined) {
    const { load } = end
    const nested = writer.begin(4)
    writer.double(1, load.cpuPercent)
    writer.double(2, load.memoryPercent)
    writer.uint32(3, load.inFlight)
    if (load.overloaded) writer.uint32(4, 1)
    if (load.drill) writer.uint32(5, 1)
    writer.double(6, load.sequence)
    if (load.serviceCode > 0) writer.uint32(7, load.serviceCode)
    writer.end(nested)
  }
  if (end.inFlight > 0) writer.uint32(5, end.inFlight)
}

export function encodeBatch(id: number, rows: number, data: Uint8Array, more: boolean, rawBytes?: number): Uint8Array {
  const frame = writer.start(field.batch)
  writer.uint32(1, id)
  if (rows > 0) writer.uint32(2, rows)
  if (data.length > 0) writer.bytes(3, data)
  if (more) writer.uint32(4, 1)
  if (rawBytes !== undefined) writer.uint32(5, rawBytes)
  writer.end(frame)
  return writer.finish()
}

/** A batch frame up to its data, which follows as it is: what is large need not be copied to be framed. */
export function encodeBatchHead(id: number, rows: number, dataBytes: number, more: boolean, rawBytes?: number): Uint8Array {
  writer.reset()
  writer.uint32(1, id)
  if (rows > 0) writer.uint32(2, rows)
  if (more) writer.uint32(4, 1)
  if (rawBytes !== undefined) writer.uint32(5, rawBytes)
  writer.announce(3, dataBytes)
  const batch = writer.finish()
  writer.announce(field.batch, batch.length + dataBytes)
  return Buffer.concat([writer.finish(), batch])
}

export function decodeFormat(format: number): ResultFormat | null {
  return formats[format] ?? null
}

export function encodeRoute(route: WireRoute): Route {
  return {
    decision: decisions.indexOf(route.decision),
    executedByPeerId: route.executedBy.peerId,
    executedByName: route.executedBy.name,
    ...(route.latencyMs === null ? {} : { latencyMs: route.latencyMs }),
    reason: route.reason,
    strategy: route.strategy,
    failedAttempts: route.failedAttempts.map(({ peerId, name, code, message }) => ({ peerId, name, code, message })),
    candidates: route.candidates.map((candidate) => ({
      peerId: candidate.peerId,
      name: candidate.name,
      inFlight: candidate.inFlight,
      verdict: verdicts.indexOf(candidate.verdict),
      ...(candidate.latencyMs === null ? {} : { latencyMs: candidate.latencyMs }),
      ...(candidate.cpuPercent === null ? {} : { cpuPercent: candidate.cpuPercent }),
      ...(candidate.memoryPercent === null ? {} : { memoryPercent: candidate.memoryPercent }),
      ...(candidate.score === null ? {} : { score: candidate.score }),
    })),
    decisionUs: route.decisionUs,
  }
}

export function decodeRoute(wire: Route): WireRoute | null {
  const decision = decisions[wire.decision]
  if (decision === undefined) return null
  const candidates: CandidateExplanation[] = []
  for (const candidate of wire.candidates) {
    const verdict = verdicts[candidate.verdict]
    if (verdict === undefined) return null
    candidates.push({
      peerId: candidate.peerId,
      name: cleanShownName(candidate.name),
      latencyMs: candidate.latencyMs ?? null,
      cpuPercent: candidate.cpuPercent ?? null,
      memoryPercent: candidate.memoryPercent ?? null,
      inFlight: candidate.inFlight,
      score: candidate.score ?? null,
      verdict,
    })
  }
  return {
    decision,
    executedBy: { peerId: wire.executedByPeerId, name: cleanShownName(wire.executedByName) },
    latencyMs: wire.latencyMs ?? null,
    reason: wire.reason,
    strategy: wire.strategy,
    failedAttempts: wire.failedAttempts.map((attempt) => ({ ...attempt, name: cleanShownName(attempt.name) })),
    candidates,
    decisionUs: wire.decisionUs,
  }
}

export function encodeEnd(id: number, trailer: WireTrailer, inFlight: number): End {
  const end: End = { id, rows: trailer.rows, engineMs: trailer.engineMs, inFlight }
  if (trailer.load !== null) end.load = encodeLoad(trailer.load)
  return end
}

export function decodeTrailer(end: End): WireTrailer {
  return { rows: end.rows, engineMs: end.engineMs, load: end.load === undefined ? null : decodeLoad(end.load) }
}

function encodeLoad({ cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceMs }: LoadDigest): Load {
  return { cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceCode: serviceTimeCode(serviceMs) }
}

function decodeLoad({ cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceCode }: Load): LoadDigest {
  const serviceMs = serviceTimeMs(serviceCode)
  // Not by spreading: V8 then calls its runtime for the field, which took 2 % of the time of who asks small queries.
  if (serviceMs === null) return { cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence }
  return { cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceMs }
}

/** `started` false promises that nothing was executed. */
export function encodeFailure(id: number, error: MeshError, started: boolean): Uint8Array {
  return encodeFrame({
    failure: {
      id,
      code: error.code,
      message: error.message.slice(0, messageCharactersMax),
      nextStep: error.nextStep.slice(0, messageCharactersMax),
      details: JSON.stringify(error.details).slice(0, messageCharactersMax),
      started,
    },
  })
}

/** An error as it was at the other side; `details.started` is 'no' when it promises that nothing was executed. */
export function decodeFailure(failure: Failure): MeshError {
  const details = decodeDetails(failure.details)
  if (!failure.started) details.started = 'no'
  else delete details.started
  if (isErrorCode(failure.code)) return new MeshError(failure.code, failure.message, { nextStep: failure.nextStep, details })
  return new MeshError('ERR_PROTOCOL', `${failure.message} (unknown error code ${failure.code.slice(0, 64)})`, { details })
}

export function decodeDetails(json: string): Record<string, string | number | boolean | null> {
  const details: Record<string, string | number | boolean | null> = {}
  let parsed: unknown = null
  try {
    parsed = json === '' ? null : JSON.parse(json)
  } catch {
    // Cut off at its bound or garbled: an error without its details is still the error.
    return details
  }
  if (typeof parsed !== 'object' || parsed === null) return details
  for (const [name, value] of Object.entries(parsed).slice(0, detailsMax)) {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') details[name] = value
  }
  return details
}

/** Anything thrown, as the project's error. */
export function toMeshError(error: unknown): MeshError {
  if (error instanceof MeshError) return error
  return new MeshError('ERR_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })
}

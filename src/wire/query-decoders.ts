/**
 * Decoders of the frames that every query has: Request, Response and End, into the same objects as the generated ones make, at a third of
 * their cost (docs/PERFORMANCE.md). All other frames are left to those. A new field of query.proto is one line here, in the message's switch;
 * test/property/query-decoders.test.ts reads query.proto and fails until it is there.
 *
 * As in the generated decoders a field is known by its number alone, so that one of another wire type gives a value that is no good and then
 * refused or, like any other, judged by who reads it. Null for what is cut, overstated or more than the bounds allow.
 */
import { type End, type Frame, type Load, type Part, type Request, type Response, Route, type Value } from './generated/query.ts'
import { ProtobufReader } from './protobuf-reader.ts'

/** One for all: a frame is decoded in one go. */
const reader = new ProtobufReader()
const noBytes = new Uint8Array(0)

/** How often a repeated field may be there. */
export const decodeLimits = { limits: { request: { parameters: 65_535, visited: 8 }, response: { parts: 4096, route: { candidates: 4096, failedAttempts: 64 } } } }
const { parameters: parametersMax, visited: visitedMax } = decodeLimits.limits.request
const { parts: partsMax, route: routeLimits } = decodeLimits.limits.response

const lengthDelimited = 2
const framePart = { request: (1 << 3) | lengthDelimited, response: (2 << 3) | lengthDelimited, end: (4 << 3) | lengthDelimited }

/** `undefined` when the frame is of another kind, or has more than one part. */
export function decodeFrequentFrame(bytes: Uint8Array): Frame | null | undefined {
  const part = bytes[0]
  if (part !== framePart.request && part !== framePart.response && part !== framePart.end) return undefined
  reader.begin(bytes)
  try {
    reader.uint32()
    const outer = reader.enter()
    if (!reader.isLast(outer)) return undefined
    const frame: Frame = part === framePart.request ? { request: readRequest() } : part === framePart.response ? { response: readResponse() } : { end: readEnd() }
    return reader.isBroken ? null : frame
  } finally {
    reader.finish()
  }
}

function readRequest(): Request {
  const request: Request = {
    id: 0, database: '', sql: '', parameters: [], access: 0, priority: 0, timeoutMs: 0, visited: [], explain: false, credit: 0, lastResort: false, finalPeerId: '', hints: '',
    transaction: noBytes, transactionStep: 0,
  }
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: request.id = reader.uint32(); break
      case 2: request.database = reader.string(); break
      case 3: request.sql = reader.string(); break
      case 4: if (request.parameters.push(readValue()) > parametersMax) reader.refuse(); break
      case 5: request.access = reader.uint32(); break
      case 6: request.priority = reader.uint32(); break
      case 7: request.timeoutMs = reader.double(); break
      case 8: if (request.visited.push(reader.string()) > visitedMax) reader.refuse(); break
      case 9: request.explain = reader.bool(); break
      case 10: request.credit = reader.uint32(); break
      case 11: request.lastResort = reader.bool(); break
      case 12: request.finalPeerId = reader.string(); break
      case 13: request.hints = reader.string(); break
      case 14: request.transaction = reader.bytes(); break
      case 15: request.transactionStep = reader.uint32(); break
      case 16: request.compressions = reader.uint32(); break
      case 17: request.traceparent = reader.string(); break
      default: reader.skip(tag)
    }
  }
  return request
}

function readValue(): Value {
  const outer = reader.enter()
  const value: Value = {}
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: value.isNull = reader.bool(); break
      case 2: value.boolean = reader.bool(); break
      case 3: value.number = reader.double(); break
      case 4: value.integer = reader.string(); break
      case 5: value.text = reader.string(); break
      case 6: value.blob = reader.bytes(); break
      case 7: value.dateMs = reader.double(); break
      case 8: value.compound = reader.bytes(); break
      default: reader.skip(tag)
    }
  }
  reader.leave(outer)
  return value
}

function readResponse(): Response {
  const response: Response = { id: 0, format: 0, header: noBytes, parts: [] }
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: response.id = reader.uint32(); break
      case 2: response.format = reader.uint32(); break
      case 3: response.header = reader.bytes(); break
      case 4: readRoute(response); break
      case 5: if (response.parts.push(readPart()) > partsMax) reader.refuse(); break
      case 6: response.end = readNestedEnd(); break
      case 7: response.compression = reader.uint32(); break
      default: reader.skip(tag)
    }
  }
  return response
}

/** What only clients get, and not with every answer of a hop, is left to the generated decoder. */
function readRoute(response: Response): void {
  try {
    response.route = Route.decode(reader.bytes(), { limits: routeLimits })
  } catch {
    reader.refuse()
  }
}

function readPart(): Part {
  const outer = reader.enter()
  const part: Part = { rows: 0, data: noBytes }
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: part.rows = reader.uint32(); break
      case 2: part.data = reader.bytes(); break
      case 3: part.rawBytes = reader.uint32(); break
      default: reader.skip(tag)
    }
  }
  reader.leave(outer)
  return part
}

function readNestedEnd(): End {
  const outer = reader.enter()
  const end = readEnd()
  reader.leave(outer)
  return end
}

function readEnd(): End {
  const end: End = { id: 0, rows: 0, engineMs: 0, inFlight: 0 }
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: end.id = reader.uint32(); break
      case 2: end.rows = reader.double(); break
      case 3: end.engineMs = reader.double(); break
      case 4: end.load = readLoad(); break
      case 5: end.inFlight = reader.uint32(); break
      default: reader.skip(tag)
    }
  }
  return end
}

function readLoad(): Load {
  const outer = reader.enter()
  const load: Load = { cpuPercent: 0, memoryPercent: 0, inFlight: 0, overloaded: false, drill: false, sequence: 0, serviceCode: 0 }
  while (reader.hasMore) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1: load.cpuPercent = reader.double(); break
      case 2: load.memoryPercent = reader.double(); break
      case 3: load.inFlight = reader.uint32(); break
      case 4: load.overloaded = reader.bool(); break
      case 5: load.drill = reader.bool(); break
      case 6: load.sequence = reader.double(); break
      case 7: load.serviceCode = reader.uint32(); break
      default: reader.skip(tag)
    }
  }
  reader.leave(outer)
  return load
}

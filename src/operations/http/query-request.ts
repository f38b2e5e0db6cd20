/** The body of POST /api/v1/query and /api/v1/explain. */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { toRequest } from '../../client/request.ts'
import { type PlainValue, typed } from '../../core/values/query-value.ts'
import { MeshError } from '../../errors.ts'
import type { HttpOptions } from '../../node/options.ts'
import type { QueryValue } from '../../ports/query-engine.ts'
import type { QueryRequest } from '../../query/types.ts'

const timeoutMsDefault = 30_000
/** A body of a megabyte can have as many problems. */
const problemCharactersMax = 1_000

/** Of arrays and objects in a parameter. */
const depthMax = 64
/** Names the text of a number that JavaScript cannot hold, where it stood. Nobody else can know it, though it would help them to nothing. */
const exactKey = `exact ${randomUUID()}`
/** Strings, so that what is in them stays; and numbers with a fraction, an exponent or 16 digits, which alone can lose some. */
const exactTokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.[\d.eE+-]*|[eE][\d+-]*|(?<=\d{16}))/g

const wishes = z.strictObject({
  localOnly: z.boolean().optional(), preferRemote: z.boolean().optional(), zone: z.string().optional(), maxStalenessMs: z.number().nonnegative().optional(), strategy: z.string().optional(),
})
const asked = {
  database: z.string().min(1), sql: z.string().min(1), parameters: z.array(z.unknown()).optional(), priority: z.enum(['critical', 'high', 'normal', 'low']).optional(),
  route: z.union([z.string(), wishes]).optional(), session: z.string().optional(),
}
const querySchema = z.strictObject({ ...asked, timeoutMs: z.number().int().min(1).optional(), explain: z.boolean().optional() })
const explainSchema = z.strictObject(asked)

/** @throws MeshError ERR_REQUEST_INVALID, ERR_OPTION_INVALID */
export function readQuery(body: unknown, { timeoutMsMax }: Pick<HttpOptions, 'timeoutMsMax'>): QueryRequest {
  const { database, sql, timeoutMs = Math.min(timeoutMsDefault, timeoutMsMax), ...rest } = parse(querySchema, body)
  if (timeoutMs > timeoutMsMax) throw new MeshError('ERR_REQUEST_INVALID', `timeoutMs is ${timeoutMs}; this node allows ${timeoutMsMax} over HTTP`, { nextStep: 'Ask for less time, or raise http.timeoutMax.' })
  return toRequest(sql, { database, timeoutMs, ...optional(rest) })
}

/** @throws MeshError ERR_REQUEST_INVALID, ERR_OPTION_INVALID */
export function readExplain(body: unknown): QueryRequest {
  const { database, sql, ...rest } = parse(explainSchema, body)
  return toRequest(sql, { database, ...optional(rest) })
}

type Given = Partial<z.infer<typeof querySchema>>

/** `exactOptionalPropertyTypes` tells absent from undefined, zod does not. */
function optional({ parameters, priority, route, session, explain }: Given): Partial<Parameters<typeof toRequest>[1]> {
  return {
    ...(parameters === undefined ? {} : { parameters: parameters.map((given, index) => parameterOf(given, index)) }),
    ...(priority === undefined ? {} : { priority }),
    ...(route === undefined ? {} : { route: typeof route === 'string' ? route : Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined)) }),
    ...(session === undefined ? {} : { session }),
    ...(explain === undefined ? {} : { explain }),
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const outcome = schema.safeParse(body)
  if (outcome.success) return outcome.data
  const problems = outcome.error.issues.map(({ path, message }) => (path.length === 0 ? `the body: ${message}` : `${path.join('.')}: ${message}`))
  throw new MeshError('ERR_REQUEST_INVALID', problems.join('; ').slice(0, problemCharactersMax))
}

/**
 * JSON with every digit: a whole number beyond 2^53 comes out as a bigint among parameters. Not by a reviver, which takes a second for a megabyte of
 * numbers, and the node stands still for so long.
 * @throws MeshError ERR_REQUEST_INVALID
 */
export function parseBody(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown
    return /\d[.eE]|\d{16}/.test(text) ? JSON.parse(text.replace(exactTokens, (token) => (token.startsWith('"') || isHeld(token) ? token : `{"${exactKey}":"${token}"}`))) : value
  } catch (error) {
    throw new MeshError('ERR_REQUEST_INVALID', `the body is no JSON: ${(error as Error).message}`, { cause: error })
  }
}

function isHeld(token: string): boolean {
  const value = Number(token)
  return Number.isSafeInteger(value) || String(value) === token
}

function exactOf(value: unknown): string | null {
  const text = typeof value === 'object' && value !== null && Object.hasOwn(value, exactKey) ? (value as Readonly<Record<string, unknown>>)[exactKey] : null
  return typeof text === 'string' ? text : null
}

function checkDepth(depth: number): void {
  if (depth > depthMax) throw new MeshError('ERR_REQUEST_INVALID', `a parameter has more than ${depthMax} levels`)
}

/** A value as JSON has it, or `{ "type": "DATE", "value": "2024-05-06" }` where its type is to be named. @throws MeshError ERR_REQUEST_INVALID */
function parameterOf(given: unknown, index: number, depth = 0): QueryValue {
  checkDepth(depth)
  const exact = exactOf(given)
  if (exact !== null) return /^-?\d+$/.test(exact) ? BigInt(exact) : Number(exact)
  if (Array.isArray(given)) return given.map((item) => parameterOf(item, index, depth + 1))
  if (typeof given !== 'object' || given === null) return given as null | boolean | number | string
  const { type, value, ...others } = given as Readonly<Record<string, unknown>>
  if (typeof type !== 'string' || value === undefined || Object.keys(others).length > 0) throw new MeshError('ERR_REQUEST_INVALID', `parameters.${index}: an object names a type and a value: {"type": "DATE", "value": "2024-05-06"}`)
  return typed(type, plainOf(value))
}

/** The engine takes numbers as text wherever their type is named. */
function plainOf(value: unknown, depth = 0): PlainValue {
  checkDepth(depth)
  const exact = exactOf(value)
  if (exact !== null) return exact
  if (Array.isArray(value)) return value.map((item) => plainOf(item, depth + 1))
  if (typeof value !== 'object' || value === null) return value as PlainValue
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainOf(inner, depth + 1)]))
}

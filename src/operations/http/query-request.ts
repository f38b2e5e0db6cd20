/** The body of POST /api/v1/query and /api/v1/explain. */
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

/** A number that JavaScript cannot hold, as it stood in the JSON. */
class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

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
    ...(parameters === undefined ? {} : { parameters: parameters.map(parameterOf) }),
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
 * JSON with every digit: a whole number beyond 2^53 comes out as a bigint among parameters.
 * @throws MeshError ERR_REQUEST_INVALID
 */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => (
      typeof value === 'number' && !Number.isSafeInteger(value) && context?.source !== undefined && context.source !== String(value) ? new ExactNumber(context.source) : value))
  } catch (error) {
    throw new MeshError('ERR_REQUEST_INVALID', `the body is no JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** A value as JSON has it, or `{ "type": "DATE", "value": "2024-05-06" }` where its type is to be named. @throws MeshError ERR_REQUEST_INVALID */
function parameterOf(given: unknown, index: number): QueryValue {
  if (given instanceof ExactNumber) return /^-?\d+$/.test(given.text) ? BigInt(given.text) : Number(given.text)
  if (Array.isArray(given)) return given.map((item) => parameterOf(item, index))
  if (typeof given !== 'object' || given === null) return given as null | boolean | number | string
  const { type, value, ...others } = given as Readonly<Record<string, unknown>>
  if (typeof type !== 'string' || value === undefined || Object.keys(others).length > 0) throw new MeshError('ERR_REQUEST_INVALID', `parameters.${index}: an object names a type and a value: {"type": "DATE", "value": "2024-05-06"}`)
  return typed(type, plainOf(value))
}

/** The engine takes numbers as text wherever their type is named. */
function plainOf(value: unknown): PlainValue {
  if (value instanceof ExactNumber) return value.text
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object' || value === null) return value as PlainValue
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainOf(inner)]))
}

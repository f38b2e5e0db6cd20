/** What makes two reads the same one. */
import { isList, TypedValue, type QueryValue } from '../values/query-value.ts'

export interface ReadIdentity {
  readonly database: string
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  /** Who may see the result: '' for all; the id of a session or transaction whose view of the data differs from that of others. */
  readonly scope: string
}

const keyCharactersMax = 64 << 10
const digits = '0123456789abcdef'

/**
 * A text that is equal for two reads exactly if all their parts are: each part comes with its type and length, so that none can pass for
 * two. Null for a read whose key would be longer than 64 Ki characters: keys are kept, and compared whole.
 */
export function resultKey({ database, sql, parameters, scope }: ReadIdentity): string | null {
  if (sql.length > keyCharactersMax) return null
  let key = `${database.length}:${database}${scope.length}:${scope}${sql.length}:${sql}`
  for (const parameter of parameters) {
    const part = encode(parameter)
    if (part === null || key.length + part.length > keyCharactersMax) return null
    key += part
  }
  return key
}

/** The engine tells apart what JavaScript's `===` may not: -0 and 0, 1 and 1n, the text of a number and the number. */
function encode(value: QueryValue): string | null {
  if (value === null) return 'z;'
  if (typeof value === 'boolean') return value ? 't;' : 'f;'
  if (typeof value === 'number') return Object.is(value, -0) ? 'n-0;' : `n${value};`
  if (typeof value === 'bigint') return `i${value};`
  if (typeof value === 'string') return `s${value.length}:${value}`
  if (isDate(value)) return `d${value.getTime()};`
  if (value instanceof TypedValue) {
    const part = encode(value.value)
    return part === null ? null : `y${value.type.length}:${value.type}${part}`
  }
  if (!(value instanceof Uint8Array)) return isList(value) ? joined(`l${value.length}:`, value) : joined(`o${Object.keys(value).length}:`, Object.entries(value).flat())
  if (2 * value.length > keyCharactersMax) return null
  let hex = ''
  for (const byte of value) hex += `${digits.charAt(byte >> 4)}${digits.charAt(byte & 15)}`
  return `b${value.length}:${hex}`
}

/** The order of a struct's fields is part of its type. */
function joined(head: string, values: readonly QueryValue[]): string | null {
  let key = head
  for (const value of values) {
    const part = encode(value)
    if (part === null || key.length + part.length > keyCharactersMax) return null
    key += part
  }
  return key
}

/** Without the class, which is a clock to src/core. A struct has no functions for fields. */
function isDate(value: object): value is Date {
  return 'getTime' in value && typeof value.getTime === 'function'
}

import { typed, type PlainValue } from '../../core/values/query-value.ts'
import { MeshError } from '../../errors.ts'
import type { QueryValue } from '../../ports/query-engine.ts'

/**
 * The value of a `--param`. A JSON number, true, false, null or quoted string is what it says; anything else is a text as it stands, so
 * `--param 5` is a number, `--param '"5"'` and `--param five` are texts. Whole numbers beyond 2^53 keep every digit.
 *
 * A type behind `::` names it, as in SQL: `12.340::DECIMAL(18,3)`, `2024-05-06::DATE`, `[1, 2]::BIGINT[]`, `null::DATE`. Only the names of types end a
 * parameter so: `fe80::1` is a text, and `"fe80::date"` in JSON's quotes as well.
 *
 * @throws MeshError ERR_OPTION_INVALID for a list, struct, map or union that is no JSON
 */
export function parseParameter(text: string): QueryValue {
  const at = text.lastIndexOf('::')
  const type = at < 0 ? '' : text.slice(at + 2)
  return isTypeName(type) ? typed(type, typedValue(text.slice(0, at), type)) : untyped(text)
}

function untyped(text: string): QueryValue {
  if (/^-?(?:0|[1-9]\d*)$/.test(text)) {
    const value = Number(text)
    return Number.isSafeInteger(value) ? value : BigInt(text)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return text
  }
  return typeof parsed === 'object' && parsed !== null ? text : (parsed as QueryValue)
}

/** Of both engines; which one it is, the node knows. */
const TYPE_NAMES: ReadonlySet<string> = new Set([
  'BOOLEAN', 'BOOL', 'TINYINT', 'SMALLINT', 'INTEGER', 'INT', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT', 'BIGNUM', 'FLOAT', 'REAL', 'DOUBLE', 'DOUBLE PRECISION',
  'DECIMAL', 'NUMERIC', 'VARCHAR', 'TEXT', 'JSON', 'JSONB', 'BLOB', 'BYTEA', 'BIT', 'UUID', 'DATE', 'TIME', 'TIME_NS', 'TIME WITH TIME ZONE', 'TIME WITHOUT TIME ZONE', 'TIMETZ', 'INTERVAL',
  'TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMP WITHOUT TIME ZONE', 'TIMESTAMPTZ', 'STRUCT', 'MAP', 'UNION', 'ENUM',
])
const TYPE = /^([A-Za-z_]+(?: [A-Za-z]+)*)(\(.*\))?((?:\[\d*\])*)$/s

function isTypeName(text: string): boolean {
  const words = TYPE.exec(text)?.[1]
  return words !== undefined && TYPE_NAMES.has(words.toUpperCase())
}

function typedValue(text: string, type: string): PlainValue {
  if (text === 'null') return null
  const isNested = type.endsWith(']') || /^(?:STRUCT|MAP|UNION)\b/i.test(type)
  if (!isNested && !text.startsWith('"')) return text
  try {
    return JSON.parse(text, keepDigits) as PlainValue
  } catch {
    // A text that merely begins with a quotation mark is what it is.
    if (!isNested) return text
    throw new MeshError('ERR_OPTION_INVALID', `--param ${text}::${type} is no JSON`, { nextStep: `Write lists and structs as JSON: --param '[1, 2]::BIGINT[]', --param '{"a": "2024-05-06"}::STRUCT(a DATE)'.` })
  }
}

/** The engine takes numbers as text wherever their type is named, and JavaScript's have fewer digits. */
function keepDigits(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? context.source : value
}

/** Parameters as the engine's own values, of exactly the type that is named, or of the one that their JavaScript type says. */
import duckdb from '@duckdb/node-bindings'
import {
  BIGINT, BLOB, BOOLEAN, DOUBLE, DuckDBArrayType, DuckDBDecimalType, DuckDBListType, DuckDBMapType, DuckDBStructType, DuckDBTypeId, DuckDBUnionType, HUGEINT, INTEGER, LIST,
  SQLNULL, TIMESTAMPTZ, UHUGEINT, VARCHAR, type DuckDBType,
} from '@duckdb/node-api'
import { isList, isStruct, TypedValue, type PlainValue, type QueryValue } from '../../core/values/query-value.ts'
import { exactText, type TextKind } from './parameter-text.ts'
import { sqlTypeName } from './result-fields.ts'
import { parseTypeName } from './type-name.ts'

/** What is wrong with a value, in words that follow "parameter 1", and what to do. */
export class UnfitValue extends Error {
  readonly nextStep: string

  constructor(message: string, nextStep: string) {
    super(message)
    this.nextStep = nextStep
  }
}

/** Made once for all items of a list: an enumeration's takes as long as it has values. */
const logicalTypes = new WeakMap<DuckDBType, duckdb.LogicalType>()

function logicalTypeOf(type: DuckDBType): duckdb.LogicalType {
  let logical = logicalTypes.get(type)
  if (logical === undefined) logicalTypes.set(type, logical = type.toLogicalType().logical_type)
  return logical
}

/** @throws UnfitValue */
export function engineValue(value: QueryValue): duckdb.Value {
  if (value instanceof TypedValue) return convert(namedType(value), value.value)
  return convert(inferType(value), value)
}

function namedType({ type: name }: TypedValue): DuckDBType {
  const type = parseTypeName(name)
  if (type === null) {
    throw new UnfitValue(`names the type ${JSON.stringify(name.slice(0, 200))}, of which no value can be made here`, "Name it as DuckDB's typeof() does; for a type made by CREATE TYPE, GEOMETRY or VARIANT pass text or a blob without a type and cast it in the statement.")
  }
  return type
}

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const INT128_MAX = 2n ** 127n - 1n

/** Of equal types, or widened as far as nothing is lost. @throws UnfitValue */
function inferType(value: QueryValue): DuckDBType {
  if (value === null) return SQLNULL
  if (typeof value === 'boolean') return BOOLEAN
  if (typeof value === 'number') return !Number.isSafeInteger(value) || Object.is(value, -0) ? DOUBLE : value >= -0x8000_0000 && value <= 0x7fff_ffff ? INTEGER : BIGINT
  if (typeof value === 'bigint') return value > INT128_MAX ? UHUGEINT : value >= INT64_MIN && value <= INT64_MAX ? BIGINT : HUGEINT
  if (typeof value === 'string') return VARCHAR
  if (value instanceof Uint8Array) return BLOB
  if (value instanceof Date) return TIMESTAMPTZ
  if (value instanceof TypedValue) return namedType(value)
  if (isList(value)) {
    let type: DuckDBType = SQLNULL
    for (const item of value) type = unite(type, inferType(item))
    return LIST(type)
  }
  const fields = Object.entries(value)
  if (fields.length === 0) throw new UnfitValue('holds a struct without fields, which the engine does not know', 'Pass null, or a struct with fields.')
  return new DuckDBStructType(fields.map(([name]) => name), fields.map(([, field]) => inferType(field)))
}

const WIDENING: readonly DuckDBTypeId[] = [DuckDBTypeId.INTEGER, DuckDBTypeId.BIGINT, DuckDBTypeId.HUGEINT]

function unite(left: DuckDBType, right: DuckDBType): DuckDBType {
  if (left === right || right.typeId === DuckDBTypeId.SQLNULL) return left
  if (left.typeId === DuckDBTypeId.SQLNULL) return right
  const widths = [WIDENING.indexOf(left.typeId), WIDENING.indexOf(right.typeId)] as const
  if (widths[0] >= 0 && widths[1] >= 0) return widths[0] >= widths[1] ? left : right
  // A JavaScript number is a double, whole or not; a bigint beside it would lose digits.
  if (left.typeId === DuckDBTypeId.DOUBLE && right.typeId === DuckDBTypeId.INTEGER) return left
  if (right.typeId === DuckDBTypeId.DOUBLE && left.typeId === DuckDBTypeId.INTEGER) return right
  if (left instanceof DuckDBListType && right instanceof DuckDBListType) return LIST(unite(left.valueType, right.valueType))
  if (left instanceof DuckDBStructType && right instanceof DuckDBStructType && left.entryNames.length === right.entryNames.length) {
    const types = left.entryNames.map((name, index) => {
      const other = right.entryTypes[right.entryNames.indexOf(name)]
      return other === undefined ? null : unite(left.entryTypes[index] as DuckDBType, other)
    })
    if (!types.includes(null)) return new DuckDBStructType(left.entryNames, types as DuckDBType[])
  }
  if (sqlTypeName(left) === sqlTypeName(right)) return left
  throw new UnfitValue(`holds a list whose items have different types, ${sqlTypeName(left)} and ${sqlTypeName(right)}`, "Name one: typed('DOUBLE[]', [1, 2.5]).")
}

/** @throws UnfitValue */
function convert(type: DuckDBType, value: QueryValue): duckdb.Value {
  if (value instanceof TypedValue) return convert(type, value.value)
  if (value === null) return type.typeId === DuckDBTypeId.SQLNULL ? duckdb.create_null_value() : cast(type, duckdb.create_null_value(), null)
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return listOf(type, value)
  if (type instanceof DuckDBStructType) return structOf(type, value)
  if (type instanceof DuckDBMapType) return mapOf(type, value)
  if (type instanceof DuckDBUnionType) return unionOf(type, value)
  if (type instanceof DuckDBDecimalType) return duckdb.create_decimal({ width: type.width, scale: type.scale, value: unscaled(type, value) })
  const range = INTEGER_RANGES[type.typeId]
  if (range !== undefined) return range.create(integer(type, value, range))
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      if (value === true || value === 'true') return duckdb.create_bool(true)
      if (value === false || value === 'false') return duckdb.create_bool(false)
      throw unfit(type, value)
    case DuckDBTypeId.FLOAT:
      return duckdb.create_float(real(type, value))
    case DuckDBTypeId.DOUBLE:
      return duckdb.create_double(real(type, value))
    case DuckDBTypeId.BLOB:
      return duckdb.create_blob(bytes(type, value))
    case DuckDBTypeId.VARCHAR:
      if (typeof value !== 'string' || type.alias === 'JSON' && !isJson(value)) throw unfit(type, value)
      return type.alias === undefined ? duckdb.create_varchar(value) : cast(type, duckdb.create_varchar(value), value)
    case DuckDBTypeId.SQLNULL:
      throw unfit(type, value)
    default:
  }
  if (value instanceof Date) return duckdb.create_timestamp_tz({ micros: BigInt(dateMs(value)) * 1000n })
  if (typeof value === 'bigint' && type.typeId === DuckDBTypeId.BIGNUM) return cast(type, duckdb.create_varchar(value.toString()), value)
  return cast(type, duckdb.create_varchar(castableText(type, value)), value)
}

function castableText(type: DuckDBType, value: QueryValue): string {
  const kind = TEXT_KINDS[type.typeId]
  const text = typeof value === 'string' ? (kind === undefined ? value : exactText(kind, value)) : null
  if (text === null) throw unfit(type, value)
  return text
}

/** The engine takes any text for JSON when it is cast to it as a value. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const TEXT_KINDS: Readonly<Partial<Record<DuckDBTypeId, TextKind>>> = {
  [DuckDBTypeId.DATE]: { form: 'date' },
  [DuckDBTypeId.TIME]: { form: 'time', digits: 6 },
  [DuckDBTypeId.TIME_NS]: { form: 'time', digits: 9 },
  [DuckDBTypeId.TIME_TZ]: { form: 'zoned-time', digits: 6 },
  [DuckDBTypeId.TIMESTAMP_S]: { form: 'timestamp', digits: 0 },
  [DuckDBTypeId.TIMESTAMP_MS]: { form: 'timestamp', digits: 3 },
  [DuckDBTypeId.TIMESTAMP]: { form: 'timestamp', digits: 6 },
  [DuckDBTypeId.TIMESTAMP_NS]: { form: 'timestamp', digits: 9 },
  [DuckDBTypeId.TIMESTAMP_TZ]: { form: 'zoned-timestamp', digits: 6 },
  [DuckDBTypeId.INTERVAL]: { form: 'interval' },
  [DuckDBTypeId.BIGNUM]: { form: 'integer' },
}

/** The engine's own cast: items of a list are brought to its type. The interface has no other cast, and no other way to a NULL with a type. */
function cast(type: DuckDBType, from: duckdb.Value, value: QueryValue): duckdb.Value {
  try {
    return duckdb.get_list_child(duckdb.create_list_value(logicalTypeOf(type), [from]), 0)
  } catch {
    throw unfit(type, value)
  }
}

function listOf(type: DuckDBListType | DuckDBArrayType, value: QueryValue): duckdb.Value {
  if (!isList(value)) throw unfit(type, value)
  const { valueType } = type
  if (type instanceof DuckDBListType && value.length >= WHOLE_LIST_ITEMS_MIN) {
    const text = listText(valueType, value)
    if (text !== null) return cast(type, duckdb.create_varchar(text), value)
  }
  const items = value.map((item) => convert(valueType, item))
  const logical = logicalTypeOf(valueType)
  if (type instanceof DuckDBListType) return duckdb.create_list_value(logical, items)
  if (items.length !== type.length) throw new UnfitValue(`is an array of ${items.length} items where ${sqlTypeName(type)} takes ${type.length}`, 'Give as many items as the type says.')
  return duckdb.create_array_value(logical, items)
}

/** From here on a list is one text that the engine reads: its interface takes a microsecond or more for each value made one by one. */
const WHOLE_LIST_ITEMS_MIN = 32

/** Null unless every item is of a type, and in a form, whose text means the same within a list. */
function listText(type: DuckDBType, items: readonly QueryValue[]): string | null {
  const range = INTEGER_RANGES[type.typeId]
  if (range === undefined && TEXT_KINDS[type.typeId] === undefined && type.typeId !== DuckDBTypeId.UUID && type.typeId !== DuckDBTypeId.DOUBLE) return null
  const texts = new Array<string>(items.length)
  for (const [index, item] of items.entries()) {
    const plain = item instanceof TypedValue ? item.value : item
    let text: string
    if (plain === null) text = 'NULL'
    else if (range !== undefined) text = integer(type, plain, range).toString()
    else if (type.typeId === DuckDBTypeId.DOUBLE) text = Object.is(plain, -0) ? '-0' : String(real(type, plain))
    else if (plain instanceof Date || typeof plain === 'bigint') return null
    else text = castableText(type, plain)
    if (!/^[-+:. 0-9A-Za-z]+$/.test(text) || text !== 'NULL' && /^null$/i.test(text)) return null
    texts[index] = text
  }
  return `[${texts.join(', ')}]`
}

function structOf(type: DuckDBStructType, value: QueryValue): duckdb.Value {
  if (!isStruct(value)) throw unfit(type, value)
  const items = type.entryNames.map((name, index) => {
    if (!Object.hasOwn(value, name)) throw new UnfitValue(`is a struct without the field ${JSON.stringify(name)} of its type`, 'Give every field; null where there is no value.')
    return convert(type.entryTypes[index] as DuckDBType, value[name] as QueryValue)
  })
  if (Object.keys(value).length !== items.length) throw new UnfitValue('is a struct with fields that its type does not have', 'Give the fields of the type only.')
  return duckdb.create_struct_value(logicalTypeOf(type), items)
}

/** As results give it: an object whose field names are the keys as text. */
function mapOf(type: DuckDBMapType, value: QueryValue): duckdb.Value {
  if (!isStruct(value)) throw unfit(type, value)
  const entries = Object.entries(value)
  return duckdb.create_map_value(
    logicalTypeOf(type),
    entries.map(([key]) => convert(type.keyType, keyOf(type, key))),
    entries.map(([, item]) => convert(type.valueType, item)),
  )
}

function keyOf({ keyType }: DuckDBMapType, key: string): PlainValue {
  const isNested = keyType instanceof DuckDBListType || keyType instanceof DuckDBArrayType || keyType instanceof DuckDBStructType || keyType instanceof DuckDBMapType
  if (!isNested) return key
  try {
    return JSON.parse(key) as PlainValue
  } catch {
    throw new UnfitValue(`has a key of a map that is no JSON, where ${sqlTypeName(keyType)} is asked for`, 'Write keys that are lists or structs as JSON.')
  }
}

/** The first member whose values look like this one: a result does not say which it was. */
function unionOf(type: DuckDBUnionType, value: QueryValue): duckdb.Value {
  for (const [index, member] of type.memberTypes.entries()) {
    if (!looksLike(member, value)) continue
    try {
      return duckdb.create_union_value(logicalTypeOf(type), index, convert(member, value))
    } catch (error) {
      if (!(error instanceof UnfitValue)) throw error
    }
  }
  throw unfit(type, value)
}

const NUMBERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT, DuckDBTypeId.SMALLINT, DuckDBTypeId.INTEGER, DuckDBTypeId.UTINYINT, DuckDBTypeId.USMALLINT, DuckDBTypeId.UINTEGER, DuckDBTypeId.FLOAT, DuckDBTypeId.DOUBLE,
])

/** By what `ResultValue` has for the type. */
function looksLike(type: DuckDBType, value: QueryValue): boolean {
  if (type instanceof DuckDBUnionType) return true
  if (NUMBERS.has(type.typeId)) return typeof value === 'number'
  if (type.typeId === DuckDBTypeId.BIGINT || type.typeId === DuckDBTypeId.UBIGINT) return typeof value === 'bigint'
  if (type.typeId === DuckDBTypeId.BOOLEAN) return typeof value === 'boolean'
  if (type.typeId === DuckDBTypeId.BLOB) return value instanceof Uint8Array
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return Array.isArray(value)
  if (type instanceof DuckDBStructType || type instanceof DuckDBMapType) return isStruct(value)
  return typeof value === 'string'
}

interface IntegerRange {
  readonly min: bigint
  readonly max: bigint
  create(value: bigint): duckdb.Value
}

function signed(bits: bigint, create: (value: bigint) => duckdb.Value): IntegerRange {
  return { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n, create }
}

function unsigned(bits: bigint, create: (value: bigint) => duckdb.Value): IntegerRange {
  return { min: 0n, max: (1n << bits) - 1n, create }
}

const INTEGER_RANGES: Readonly<Partial<Record<DuckDBTypeId, IntegerRange>>> = {
  [DuckDBTypeId.TINYINT]: signed(8n, (value) => duckdb.create_int8(Number(value))),
  [DuckDBTypeId.SMALLINT]: signed(16n, (value) => duckdb.create_int16(Number(value))),
  [DuckDBTypeId.INTEGER]: signed(32n, (value) => duckdb.create_int32(Number(value))),
  [DuckDBTypeId.BIGINT]: signed(64n, (value) => duckdb.create_int64(value)),
  [DuckDBTypeId.HUGEINT]: signed(128n, (value) => duckdb.create_hugeint(value)),
  [DuckDBTypeId.UTINYINT]: unsigned(8n, (value) => duckdb.create_uint8(Number(value))),
  [DuckDBTypeId.USMALLINT]: unsigned(16n, (value) => duckdb.create_uint16(Number(value))),
  [DuckDBTypeId.UINTEGER]: unsigned(32n, (value) => duckdb.create_uint32(Number(value))),
  [DuckDBTypeId.UBIGINT]: unsigned(64n, (value) => duckdb.create_uint64(value)),
  [DuckDBTypeId.UHUGEINT]: unsigned(128n, (value) => duckdb.create_uhugeint(value)),
}

function integer(type: DuckDBType, value: QueryValue, { min, max }: IntegerRange): bigint {
  let whole: bigint
  if (typeof value === 'bigint') whole = value
  else if (typeof value === 'number' && Number.isSafeInteger(value)) whole = BigInt(value)
  else if (typeof value === 'string' && /^-?[0-9]{1,39}$/.test(value)) whole = BigInt(value)
  else throw unfit(type, value)
  if (whole < min || whole > max) throw new UnfitValue(`is out of the range of ${type.toString()}`, `It takes ${min} to ${max}; name a wider type.`)
  return whole
}

/** Digits that the type has no place for are refused, not rounded away. */
function unscaled(type: DuckDBDecimalType, value: QueryValue): bigint {
  const text = typeof value === 'bigint' || typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  const match = typeof text === 'string' ? /^(-?)([0-9]{1,64})(?:\.([0-9]{1,64}))?$/.exec(text) : null
  if (match === null) throw unfit(type, value)
  const [, sign, whole, fraction = ''] = match
  const kept = fraction.replace(/0+$/, '')
  const digits = BigInt(`${whole}${kept.padEnd(type.scale, '0')}`)
  if (kept.length > type.scale || digits >= 10n ** BigInt(type.width)) throw new UnfitValue(`does not fit ${type.toString()} without loss`, 'Name a wider type, or round it first.')
  return sign === '-' ? -digits : digits
}

function real(type: DuckDBType, value: QueryValue): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && /^-?(?:(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?|Infinity)$|^NaN$/.test(value)) return Number(value)
  throw unfit(type, value)
}

/** As text they are `\x` and hexadecimal digits, as the CLI writes them. */
function bytes(type: DuckDBType, value: QueryValue): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string' && /^\\x(?:[0-9a-fA-F]{2})*$/.test(value)) return Buffer.from(value.slice(2), 'hex')
  throw unfit(type, value)
}

function dateMs(value: Date): number {
  const ms = value.getTime()
  if (Number.isNaN(ms)) throw new UnfitValue('is an invalid date', 'Check it before: its getTime() is NaN.')
  return ms
}

function unfit(type: DuckDBType, value: QueryValue): UnfitValue {
  const shown = value === null ? 'null' : typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : value instanceof Uint8Array ? 'a blob' : typeof value === 'object' ? (isList(value) ? 'a list' : 'an object') : `${typeof value} ${String(value)}`
  return new UnfitValue(`is ${shown}, which is no value of the type ${sqlTypeName(type).slice(0, 200)}`, 'Write it as a result gives a value of that type.')
}

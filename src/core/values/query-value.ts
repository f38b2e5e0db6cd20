/**
 * Values that a statement takes. JavaScript has fewer types than an engine: where the type matters beyond what a value says by itself, it
 * is named, in the words in which a result names it. So a value that a result gave goes back as it came: `typed(column.type, value)`.
 */
import { MeshError } from '../../errors.ts'

/** What results give. */
export type PlainValue = null | boolean | number | bigint | string | Uint8Array | readonly PlainValue[] | { readonly [field: string]: PlainValue }

/**
 * A prepared parameter as the client library takes it. `bigint` is a 64- or 128-bit integer, `Date` a timestamp with zone,
 * `Uint8Array` a blob, an array a list of one item type, a plain object a struct; every other type is a `typed()` value.
 */
export type QueryValue = null | boolean | number | bigint | string | Uint8Array | Date | TypedValue | readonly QueryValue[] | { readonly [field: string]: QueryValue }

/** Levels of lists and structs within each other. */
export const VALUE_DEPTH_MAX = 32
/** Values within one parameter, itself and every list and struct in it counted. */
export const VALUE_COUNT_MAX = 1 << 17
export const TYPE_NAME_CHARACTERS_MAX = 16 << 10

/** A value with the engine's name of its type. Made by `typed()`. */
export class TypedValue {
  readonly type: string
  readonly value: PlainValue

  constructor(type: string, value: PlainValue) {
    this.type = type
    this.value = value
    Object.freeze(this)
  }
}

/**
 * A parameter of exactly this type, e.g. `typed('DECIMAL(18,3)', '12.340')`. The type is spelled as `ResultColumn.type` has it, the value as
 * `ResultValue` is: DECIMAL, DATE, TIME, TIMESTAMP, INTERVAL and UUID as text, lists as arrays, structs and maps as plain objects.
 * The engine judges both when the query runs (ERR_SQL).
 * @throws MeshError ERR_OPTION_INVALID when the type is no text of 1 to 16,384 characters
 */
export function typed(type: string, value: PlainValue): TypedValue {
  if (typeof type !== 'string' || type.trim() === '' || type.length > TYPE_NAME_CHARACTERS_MAX) {
    throw new MeshError('ERR_OPTION_INVALID', `the type of a parameter is a text of 1 to ${TYPE_NAME_CHARACTERS_MAX} characters`, { nextStep: "Name it as a result does: typed('DECIMAL(18,3)', '12.340')." })
  }
  return new TypedValue(type, value)
}

/** A list. `Array.isArray` alone does not narrow a readonly array. */
export function isList(value: QueryValue): value is readonly QueryValue[] {
  return Array.isArray(value)
}

/** An object written as `{ … }`, which is a struct; not an instance of a class. */
export function isStruct(value: unknown): value is { readonly [field: string]: QueryValue } {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Another realm's plain object has a prototype of its own that has none.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A field may be called `__proto__`; assigning that would change the object instead of filling it. */
export function setField<V>(object: Record<string, V>, name: string, value: V): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

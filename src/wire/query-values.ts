/** Parameters on the wire: each JavaScript type has a field of its own, so that a value comes out as it went in. */
import { MeshError } from '../errors.ts'
import type { QueryValue } from '../ports/query-engine.ts'
import { decodeCompound, encodeCompound, isCompound, UnencodableValue } from './compound-values.ts'
import type { Value } from './generated/query.ts'

/** 128 bits have 39 decimal digits. */
const integerPattern = /^-?[0-9]{1,39}$/
const integerMin = -(1n << 127n)
const integerMax = (1n << 128n) - 1n

/**
 * A bigint must fit 128 bits (signed or unsigned), a Date must be valid.
 * @throws MeshError ERR_OPTION_INVALID
 */
export function encodeValue(value: QueryValue, index: number): Value {
  if (value === null) return { isNull: true }
  if (typeof value === 'string') return { text: value }
  if (typeof value === 'number') return { number: value }
  if (typeof value === 'boolean') return { boolean: value }
  if (typeof value === 'bigint') {
    if (value < integerMin || value > integerMax) throw invalid(index, 'is an integer of more than 128 bits')
    return { integer: value.toString() }
  }
  if (value instanceof Uint8Array) return { blob: value as Uint8Array<ArrayBuffer> }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(index, 'is an invalid Date')
    return { dateMs: value.getTime() }
  }
  if (isCompound(value)) return { compound: compound(value, index) }
  throw invalid(index, `has type ${typeof value}, which no parameter can have`)
}

function compound(value: QueryValue, index: number): Uint8Array<ArrayBuffer> {
  try {
    return encodeCompound(value)
  } catch (error) {
    throw error instanceof UnencodableValue ? invalid(index, error.message) : error
  }
}

/** Null in `value` is a value; `undefined` is returned for what no value encodes to, so that whatever is decoded can be encoded again. */
export function decodeValue(value: Value): QueryValue | undefined {
  if (value.isNull === true) return null
  if (value.text !== undefined) return value.text
  if (value.number !== undefined) return value.number
  if (value.boolean !== undefined) return value.boolean
  if (value.integer !== undefined) return decodeInteger(value.integer)
  // A plain array: what came over a socket may be a Buffer, which engines and programs need not know.
  if (value.blob !== undefined) return new Uint8Array(value.blob.buffer, value.blob.byteOffset, value.blob.byteLength)
  if (value.dateMs !== undefined) {
    const date = new Date(value.dateMs)
    return Number.isNaN(date.getTime()) ? undefined : date
  }
  if (value.compound !== undefined) return decodeCompound(value.compound)
  return undefined
}

/** Only what `encodeValue` takes: a node that forwards it has to write it again. */
function decodeInteger(digits: string): bigint | undefined {
  if (!integerPattern.test(digits)) return undefined
  const integer = BigInt(digits)
  return integer < integerMin || integer > integerMax ? undefined : integer
}

function invalid(index: number, what: string): MeshError {
  return new MeshError('ERR_OPTION_INVALID', `parameter ${index + 1} ${what}`, {
    nextStep: "Pass null, a boolean, number, bigint, string, Date, Uint8Array, an array or plain object of such, or typed('DATE', '2024-05-06').",
    details: { parameter: index + 1 },
  })
}

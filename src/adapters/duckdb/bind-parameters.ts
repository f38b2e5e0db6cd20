import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import type { QueryValue } from '../../ports/query-engine.ts'
import { engineValue, UnfitValue } from './parameter-values.ts'

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const INT128_MIN = -(2n ** 127n)
const INT128_MAX = 2n ** 127n - 1n
const UINT128_MAX = 2n ** 128n - 1n

/** By the value's type: a whole number is an integer when it is a safe one, otherwise a double; a Date is a timestamp with zone. @throws MeshError ERR_SQL */
export function bindParameters(statement: duckdb.PreparedStatement, parameters: readonly QueryValue[]): void {
  const expected = duckdb.nparams(statement)
  if (expected !== parameters.length) {
    throw new MeshError('ERR_SQL', `the statement takes ${expected} parameters and was given ${parameters.length}`, { details: { kind: 'Parameter', expected, given: parameters.length }, nextStep: 'Give one value for each ? or $n.' })
  }
  parameters.forEach((value, index) => bind(statement, index + 1, value))
}

function bind(statement: duckdb.PreparedStatement, index: number, value: QueryValue): void {
  if (value === null) duckdb.bind_null(statement, index)
  else if (typeof value === 'boolean') duckdb.bind_boolean(statement, index, value)
  else if (typeof value === 'number') bindNumber(statement, index, value)
  else if (typeof value === 'bigint') bindBigint(statement, index, value)
  else if (typeof value === 'string') duckdb.bind_varchar(statement, index, value)
  else if (value instanceof Date) bindDate(statement, index, value)
  else if (value instanceof Uint8Array) duckdb.bind_blob(statement, index, value)
  else bindMade(statement, index, value)
}

function bindMade(statement: duckdb.PreparedStatement, index: number, value: QueryValue): void {
  try {
    duckdb.bind_value(statement, index, engineValue(value))
  } catch (error) {
    throw error instanceof UnfitValue ? new MeshError('ERR_SQL', `parameter ${index} ${error.message}`, { nextStep: error.nextStep, details: { kind: 'Parameter', parameter: index } }) : error
  }
}

function bindNumber(statement: duckdb.PreparedStatement, index: number, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) duckdb.bind_double(statement, index, value)
  else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) duckdb.bind_int32(statement, index, value)
  else duckdb.bind_int64(statement, index, BigInt(value))
}

function bindBigint(statement: duckdb.PreparedStatement, index: number, value: bigint): void {
  if (value >= INT64_MIN && value <= INT64_MAX) duckdb.bind_int64(statement, index, value)
  else if (value >= INT128_MIN && value <= INT128_MAX) duckdb.bind_hugeint(statement, index, value)
  else if (value > 0n && value <= UINT128_MAX) duckdb.bind_uhugeint(statement, index, value)
  else throw new MeshError('ERR_SQL', `parameter ${index} is an integer of more than 128 bits`, { details: { kind: 'Parameter', parameter: index } })
}

function bindDate(statement: duckdb.PreparedStatement, index: number, value: Date): void {
  if (Number.isNaN(value.getTime())) throw new MeshError('ERR_SQL', `parameter ${index} is an invalid date`, { details: { kind: 'Parameter', parameter: index } })
  duckdb.bind_timestamp_tz(statement, index, { micros: BigInt(value.getTime()) * 1000n })
}

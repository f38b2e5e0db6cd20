/** DuckDB's types as column layouts. What Arrow has a layout for keeps it; the rest travels as the text that the engine would print. */
import duckdb from '@duckdb/node-bindings'
import {
  DuckDBArrayType, DuckDBDecimalType, DuckDBEnumType, DuckDBListType, DuckDBLogicalType, DuckDBMapType, DuckDBStructType, DuckDBTypeId, DuckDBUnionType,
  quotedIdentifier, type DuckDBType,
} from '@duckdb/node-api'
import type { ColumnField, Layout } from '../../wire/results/column-field.ts'

/** A column with the engine's type, which the builder of its values needs. */
export interface EngineField extends ColumnField {
  readonly type: DuckDBType
  readonly children: readonly EngineField[]
}

/** An enumeration with more text than this is named without its values. */
const ENUM_NAME_CHARACTERS_MAX = 4096

export function resultFields(result: duckdb.Result): EngineField[] {
  const fields: EngineField[] = []
  for (let i = 0; i < duckdb.column_count(result); i++) {
    fields.push(engineField(duckdb.column_name(result, i), DuckDBLogicalType.create(duckdb.column_logical_type(result, i)).asType()))
  }
  return fields
}

function engineField(name: string, type: DuckDBType): EngineField {
  return { name, type, layout: layoutOf(type), sqlType: sqlTypeName(type), children: childrenOf(type) }
}

function childrenOf(type: DuckDBType): EngineField[] {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return [engineField('item', type.valueType)]
  if (type instanceof DuckDBStructType) return type.entryNames.map((name, index) => engineField(name, type.entryTypes[index] as DuckDBType))
  if (type instanceof DuckDBUnionType) return type.memberTags.map((tag, index) => engineField(tag, type.memberTypes[index] as DuckDBType))
  if (type instanceof DuckDBMapType) return [engineField('entries', new DuckDBStructType(['key', 'value'], [type.keyType, type.valueType]))]
  return []
}

/** As DuckDB's `typeof()` names it. */
export function sqlTypeName(type: DuckDBType): string {
  if (type.alias !== undefined && type.alias !== '') return type.alias
  if (type instanceof DuckDBListType) return `${sqlTypeName(type.valueType)}[]`
  if (type instanceof DuckDBArrayType) return `${sqlTypeName(type.valueType)}[${type.length}]`
  if (type instanceof DuckDBMapType) return `MAP(${sqlTypeName(type.keyType)}, ${sqlTypeName(type.valueType)})`
  if (type instanceof DuckDBStructType) return `STRUCT(${members(type.entryNames, type.entryTypes)})`
  if (type instanceof DuckDBUnionType) return `UNION(${members(type.memberTags, type.memberTypes)})`
  if (type instanceof DuckDBEnumType) {
    const name = type.toString()
    return name.length > ENUM_NAME_CHARACTERS_MAX ? 'ENUM' : name
  }
  if (type.typeId === DuckDBTypeId.SQLNULL) return 'NULL'
  return type.toString()
}

function members(names: readonly string[], types: readonly DuckDBType[]): string {
  return names.map((name, index) => `${/^[a-z_][a-z0-9_]*$/.test(name) ? name : quotedIdentifier(name)} ${sqlTypeName(types[index] as DuckDBType)}`).join(', ')
}

const INTEGERS: Readonly<Partial<Record<DuckDBTypeId, Layout>>> = {
  [DuckDBTypeId.TINYINT]: { kind: 'int', bits: 8, signed: true },
  [DuckDBTypeId.SMALLINT]: { kind: 'int', bits: 16, signed: true },
  [DuckDBTypeId.INTEGER]: { kind: 'int', bits: 32, signed: true },
  [DuckDBTypeId.BIGINT]: { kind: 'int', bits: 64, signed: true },
  [DuckDBTypeId.UTINYINT]: { kind: 'int', bits: 8, signed: false },
  [DuckDBTypeId.USMALLINT]: { kind: 'int', bits: 16, signed: false },
  [DuckDBTypeId.UINTEGER]: { kind: 'int', bits: 32, signed: false },
  [DuckDBTypeId.UBIGINT]: { kind: 'int', bits: 64, signed: false },
}

function layoutOf(type: DuckDBType): Layout {
  const integer = INTEGERS[type.typeId]
  if (integer !== undefined) return integer
  if (type instanceof DuckDBDecimalType) return { kind: 'decimal', precision: type.width, scale: type.scale }
  if (type instanceof DuckDBArrayType) return { kind: 'fixed-list', size: type.length }
  switch (type.typeId) {
    case DuckDBTypeId.SQLNULL:
      return { kind: 'null' }
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'bool' }
    case DuckDBTypeId.FLOAT:
      return { kind: 'float', bits: 32 }
    case DuckDBTypeId.DOUBLE:
      return { kind: 'float', bits: 64 }
    case DuckDBTypeId.BLOB:
    case DuckDBTypeId.GEOMETRY:
      return { kind: 'binary' }
    case DuckDBTypeId.DATE:
      return { kind: 'date' }
    case DuckDBTypeId.TIME:
      return { kind: 'time', unit: 'microsecond' }
    case DuckDBTypeId.TIME_NS:
      return { kind: 'time', unit: 'nanosecond' }
    case DuckDBTypeId.TIMESTAMP_S:
      return { kind: 'timestamp', unit: 'second', zoned: false }
    case DuckDBTypeId.TIMESTAMP_MS:
      return { kind: 'timestamp', unit: 'millisecond', zoned: false }
    case DuckDBTypeId.TIMESTAMP:
      return { kind: 'timestamp', unit: 'microsecond', zoned: false }
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp', unit: 'microsecond', zoned: true }
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'timestamp', unit: 'nanosecond', zoned: false }
    case DuckDBTypeId.LIST:
      return { kind: 'list' }
    case DuckDBTypeId.STRUCT:
      return { kind: 'struct' }
    case DuckDBTypeId.MAP:
      return { kind: 'map' }
    case DuckDBTypeId.UNION:
      return { kind: 'union' }
    default:
      // HUGEINT exceeds Arrow's 38 digits and INTERVAL's microseconds its nanoseconds; UUID, ENUM, BIT, TIMETZ, BIGNUM and VARIANT have no layout.
      return { kind: 'utf8' }
  }
}

/**
 * Columns built straight from DuckDB's vectors: fixed-width values are copied as bytes, strings into one buffer with positions; no JavaScript
 * value is made on the way, save for the rare types that travel as the engine's text.
 *
 * A vector's memory is the engine's. It is valid while its chunk is held, so that everything here copies.
 */
import type duckdb from '@duckdb/node-bindings'
import { DuckDBDecimalType, DuckDBEnumType, DuckDBTypeId } from '@duckdb/node-api'
import { fixedWidthBytes, type ColumnData } from '../../wire/results/column-field.ts'
import { BoolBuilder, DecimalBuilder, FixedBuilder, NullBuilder } from './fixed-builders.ts'
import type { Rows } from './growing-buffers.ts'
import { ArrayBuilder, ListBuilder, StructBuilder, UnionBuilder } from './nested-builders.ts'
import type { EngineField } from './result-fields.ts'
import { StringBuilder } from './string-builder.ts'
import { EnumBuilder, TextBuilder } from './text-builders.ts'
import { variantText } from './variant-text.ts'

export interface ColumnBuilder {
  /** Held so far, without what the next `append` will add. */
  readonly bytes: number
  append(vector: duckdb.Vector, rows: Rows): void
  /** What `append` of these rows would add, roughly but never far below. */
  estimateBytes(vector: duckdb.Vector, rows: Rows): number
  /** Starts anew. What it hands over is valid until the next `append`. */
  take(): ColumnData
}

export function createColumnBuilder(field: EngineField): ColumnBuilder {
  const { layout, type } = field
  switch (layout.kind) {
    case 'null':
      return new NullBuilder()
    case 'bool':
      return new BoolBuilder()
    case 'decimal':
      return new DecimalBuilder(decimalWidthBytes(type))
    case 'int':
    case 'float':
    case 'date':
    case 'time':
    case 'timestamp':
      return new FixedBuilder(fixedWidthBytes(layout))
    case 'binary':
      return new StringBuilder()
    case 'utf8':
      if (type.typeId === DuckDBTypeId.VARCHAR) return new StringBuilder()
      if (type instanceof DuckDBEnumType) return new EnumBuilder(type)
      return new TextBuilder(type.typeId === DuckDBTypeId.VARIANT ? variantText : String)
    case 'list':
    case 'map':
      return new ListBuilder(createColumnBuilder(field.children[0] as EngineField))
    case 'fixed-list':
      return new ArrayBuilder(createColumnBuilder(field.children[0] as EngineField), layout.size)
    case 'struct':
      return new StructBuilder(field.children.map(createColumnBuilder))
    case 'union':
      return new UnionBuilder(field.children.map(createColumnBuilder))
  }
}

function decimalWidthBytes(type: EngineField['type']): 2 | 4 | 8 | 16 {
  const width = type instanceof DuckDBDecimalType ? type.width : 38
  return width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
}

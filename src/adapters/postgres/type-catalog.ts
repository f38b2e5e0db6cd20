/** Types of result columns: the built-in ones by heart, others by the server's catalogue. */
import type { ColumnField, Layout } from '../../wire/results/column-field.ts'
import { LruMap } from '../duckdb/lru-map.ts'
import type { CatalogQuery } from './function-catalog.ts'

export interface PostgresType {
  /** As `format_type` writes it, without a modifier. */
  readonly name: string
  readonly layout: Layout
  /** Of an array's items; null otherwise. */
  readonly item: PostgresType | null
  /** Between an array's items. */
  readonly delimiter: string
}

/** A column as the server describes it. */
export interface DescribedColumn {
  readonly name: string
  readonly dataTypeID: number
  readonly dataTypeModifier: number
}

const ENTRIES_MAX = 4096
const UTF8: Layout = { kind: 'utf8' }
const scalar = (name: string, layout: Layout): PostgresType => ({ name, layout, item: null, delimiter: ',' })

/** pg_type.dat of PostgreSQL: OID, array's OID, name, layout. Those numbers are fixed. */
const BUILT_IN: ReadonlyArray<readonly [oid: number, arrayOid: number, type: PostgresType]> = [
  [16, 1000, scalar('boolean', { kind: 'bool' })], [17, 1001, scalar('bytea', { kind: 'binary' })], [18, 1002, scalar('"char"', UTF8)], [19, 1003, scalar('name', UTF8)],
  [20, 1016, scalar('bigint', { kind: 'int', bits: 64, signed: true })], [21, 1005, scalar('smallint', { kind: 'int', bits: 16, signed: true })],
  [23, 1007, scalar('integer', { kind: 'int', bits: 32, signed: true })], [25, 1009, scalar('text', UTF8)], [26, 1028, scalar('oid', { kind: 'int', bits: 32, signed: false })],
  [114, 199, scalar('json', UTF8)], [700, 1021, scalar('real', { kind: 'float', bits: 32 })], [701, 1022, scalar('double precision', { kind: 'float', bits: 64 })],
  [1042, 1014, scalar('character', UTF8)], [1043, 1015, scalar('character varying', UTF8)], [1082, 1182, scalar('date', { kind: 'date' })],
  [1083, 1183, scalar('time without time zone', { kind: 'time', unit: 'microsecond' })], [1114, 1115, scalar('timestamp without time zone', { kind: 'timestamp', unit: 'microsecond', zoned: false })],
  [1184, 1185, scalar('timestamp with time zone', { kind: 'timestamp', unit: 'microsecond', zoned: true })], [1186, 1187, scalar('interval', UTF8)],
  // Text, since any numeric may be NaN, and one without a width has up to 131,072 digits.
  [1266, 1270, scalar('time with time zone', UTF8)], [1700, 1231, scalar('numeric', UTF8)], [2950, 2951, scalar('uuid', UTF8)], [3802, 3807, scalar('jsonb', UTF8)],
  [705, 0, scalar('unknown', UTF8)], [2278, 0, scalar('void', UTF8)],
]

/** Other names of theirs that SQL takes. */
const ALIASES: Readonly<Record<string, string>> = {
  bool: 'boolean', int8: 'bigint', int2: 'smallint', int: 'integer', int4: 'integer', float4: 'real', float8: 'double precision', decimal: 'numeric', varchar: 'character varying', char: 'character',
  time: 'time without time zone', timetz: 'time with time zone', timestamp: 'timestamp without time zone', timestamptz: 'timestamp with time zone',
}

/** A built-in type by its name, with or without a width and `[]`; null for others. The width has no place in an OID. */
export function builtInType(name: string): { readonly oid: number; readonly name: string } | null {
  const match = /^([a-z][a-z0-9 ]*?)\s*(?:\([0-9, -]+\))?\s*((?:\[\])*)$/.exec(name.trim().toLowerCase())
  if (match === null) return null
  const [, word = '', brackets] = match
  const plain = ALIASES[word] ?? word
  const found = BUILT_IN.find(([, , type]) => type.name === plain)
  if (found === undefined || plain === 'unknown' || plain === 'void') return null
  return { oid: brackets === '' ? found[0] : found[1], name: plain }
}

const QUERY = `SELECT t.oid, format_type(t.oid, NULL), t.typcategory = 'A' AND t.typelem <> 0, t.typelem, format_type(t.typelem, NULL), i.typdelim
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type i ON i.oid = t.typelem WHERE t.oid = ANY($1::oid[])`

export class TypeCatalog {
  readonly #query: CatalogQuery
  readonly #builtIn = new Map<number, PostgresType>()
  readonly #known = new LruMap<PostgresType>(ENTRIES_MAX)

  constructor(query: CatalogQuery) {
    this.#query = query
    for (const [oid, arrayOid, type] of BUILT_IN) {
      this.#builtIn.set(oid, type)
      if (arrayOid !== 0) this.#builtIn.set(arrayOid, arrayOf(type))
    }
  }

  async typesOf(columns: readonly DescribedColumn[]): Promise<PostgresType[]> {
    const unknown = [...new Set(columns.map(({ dataTypeID }) => dataTypeID).filter((oid) => this.#get(oid) === undefined))]
    if (unknown.length > 0) {
      for (const [oid, name, isArray, itemOid, itemName, delimiter] of (await this.#query(QUERY, [unknown])) ?? []) {
        const item = this.#builtIn.get(Number(itemOid)) ?? scalar(String(itemName), UTF8)
        this.#known.set(String(oid), isArray === 't' ? { ...arrayOf(item), delimiter: delimiter ?? ',' } : scalar(String(name), UTF8))
      }
    }
    return columns.map(({ dataTypeID }) => this.#get(dataTypeID) ?? scalar(`type ${dataTypeID}`, UTF8))
  }

  #get(oid: number): PostgresType | undefined {
    return this.#builtIn.get(oid) ?? this.#known.get(String(oid))
  }

  /** After anything that may have made or dropped a type. */
  forget(): void {
    this.#known.clear()
  }
}

function arrayOf(item: PostgresType): PostgresType {
  return { name: `${item.name}[]`, layout: { kind: 'list' }, item, delimiter: ',' }
}

/** The column on the wire. An array's type does not say how many dimensions it has; null `dimensions`: as text. */
export function fieldOf(column: DescribedColumn, type: PostgresType, dimensions: number | null): ColumnField {
  const sqlType = withModifier(type, column.dataTypeModifier)
  if (type.item === null || dimensions === null) return { name: column.name, sqlType, layout: type.item === null ? type.layout : UTF8, children: [] }
  let field: ColumnField = { name: 'item', sqlType: type.item.name, layout: type.item.layout, children: [] }
  for (let depth = 1; depth < dimensions; depth++) field = { name: 'item', sqlType: type.name, layout: { kind: 'list' }, children: [field] }
  return { name: column.name, sqlType, layout: { kind: 'list' }, children: [field] }
}

/** numeric packs precision and scale, the latter in 11 bits with a sign; character types add 4 to their length (numerictypmodin, bpchartypmodin). */
function withModifier({ name, item }: PostgresType, modifier: number): string {
  if (modifier < 4 || item !== null) return name
  const value = modifier - 4
  if (name === 'numeric') return `numeric(${(value >> 16) & 0xffff},${((value & 0x7ff) ^ 1024) - 1024})`
  return name === 'character' || name === 'character varying' ? `${name}(${value})` : name
}

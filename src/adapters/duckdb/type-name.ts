/** The engine's types by the names that results give them (`sqlTypeName`), so that a parameter can name its own. */
import {
  ARRAY, BIGINT, BIGNUM, BIT, BLOB, BOOLEAN, DATE, DECIMAL, DOUBLE, DuckDBStructType, DuckDBUnionType, DuckDBVarCharType, ENUM, FLOAT, HUGEINT, INTEGER, INTERVAL, LIST, MAP, SMALLINT,
  SQLNULL, TIME, TIME_NS, TIMESTAMP, TIMESTAMP_MS, TIMESTAMP_NS, TIMESTAMP_S, TIMESTAMPTZ, TIMETZ, TINYINT, UBIGINT, UHUGEINT, UINTEGER, USMALLINT, UTINYINT, UUID, VARCHAR,
  type DuckDBType,
} from '@duckdb/node-api'
import { VALUE_DEPTH_MAX } from '../../core/values/query-value.ts'

/** The engine's own bound for one array; here for all of a type multiplied, as a NULL of the type takes memory for every item, outside its limit. */
const ARRAY_ITEMS_MAX = 99_999
const DECIMAL_WIDTH_MAX = 38

const NAMES: ReadonlyMap<string, DuckDBType> = new Map<string, DuckDBType>([
  ['BOOLEAN', BOOLEAN], ['BOOL', BOOLEAN], ['TINYINT', TINYINT], ['SMALLINT', SMALLINT], ['INTEGER', INTEGER], ['INT', INTEGER], ['BIGINT', BIGINT], ['HUGEINT', HUGEINT],
  ['UTINYINT', UTINYINT], ['USMALLINT', USMALLINT], ['UINTEGER', UINTEGER], ['UBIGINT', UBIGINT], ['UHUGEINT', UHUGEINT], ['BIGNUM', BIGNUM],
  ['FLOAT', FLOAT], ['REAL', FLOAT], ['DOUBLE', DOUBLE], ['DOUBLE PRECISION', DOUBLE], ['DECIMAL', DECIMAL(18, 3)], ['NUMERIC', DECIMAL(18, 3)],
  ['VARCHAR', VARCHAR], ['TEXT', VARCHAR], ['JSON', new DuckDBVarCharType('JSON')], ['BLOB', BLOB], ['BYTEA', BLOB], ['BIT', BIT], ['UUID', UUID],
  ['DATE', DATE], ['TIME', TIME], ['TIME_NS', TIME_NS], ['TIME WITH TIME ZONE', TIMETZ], ['TIMETZ', TIMETZ], ['INTERVAL', INTERVAL],
  ['TIMESTAMP', TIMESTAMP], ['TIMESTAMP_S', TIMESTAMP_S], ['TIMESTAMP_MS', TIMESTAMP_MS], ['TIMESTAMP_NS', TIMESTAMP_NS],
  ['TIMESTAMP WITH TIME ZONE', TIMESTAMPTZ], ['TIMESTAMPTZ', TIMESTAMPTZ], ['NULL', SQLNULL],
])

interface Token {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'sign'
  readonly text: string
}

/** Null when it names no type that a value can be made of. */
export function parseTypeName(name: string): DuckDBType | null {
  const tokens = tokenize(name)
  if (tokens === null) return null
  const parser = new TypeParser(tokens)
  const type = parser.type(0)
  return parser.isAtEnd ? type : null
}

function tokenize(name: string): Token[] | null {
  const tokens: Token[] = []
  const pattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([0-9]{1,9})|([()[\],]))/y
  const end = name.trimEnd().length
  while (pattern.lastIndex < end) {
    const match = pattern.exec(name)
    if (match === null) return null
    const [, word, quoted, text, number, sign] = match
    if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replaceAll('""', '"') })
    else if (text !== undefined) tokens.push({ kind: 'text', text: text.replaceAll("''", "'") })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else tokens.push({ kind: 'sign', text: sign as string })
  }
  return tokens
}

class TypeParser {
  readonly #tokens: readonly Token[]
  #at = 0
  #arrayItems = 1

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length
  }

  type(depth: number): DuckDBType | null {
    if (depth > VALUE_DEPTH_MAX) return null
    let type = this.#base(depth)
    for (let suffixes = depth; type !== null && this.#takes('['); suffixes++) {
      if (suffixes >= VALUE_DEPTH_MAX) return null
      if (this.#takes(']')) {
        type = LIST(type)
        continue
      }
      const length = this.#number()
      if (length === null || length < 1 || !this.#takes(']')) return null
      this.#arrayItems *= length
      if (this.#arrayItems > ARRAY_ITEMS_MAX) return null
      type = ARRAY(type, length)
    }
    return type
  }

  #base(depth: number): DuckDBType | null {
    const first = this.#tokens[this.#at]
    // DuckDB names the type of NULL in quotes.
    if (first?.kind === 'quoted' && first.text === 'NULL') {
      this.#at++
      return SQLNULL
    }
    if (first?.kind !== 'word') return null
    let words = ''
    for (let token = this.#tokens[this.#at]; token?.kind === 'word'; token = this.#tokens[++this.#at]) words += (words === '' ? '' : ' ') + token.text.toUpperCase()
    if (this.#tokens[this.#at]?.text !== '(' || this.#tokens[this.#at]?.kind !== 'sign') return NAMES.get(words) ?? null
    this.#at++
    const type = this.#withArguments(words, depth)
    return type !== null && this.#takes(')') ? type : null
  }

  #withArguments(word: string, depth: number): DuckDBType | null {
    switch (word) {
      case 'DECIMAL':
      case 'NUMERIC': {
        const width = this.#number()
        const scale = this.#takes(',') ? this.#number() : 0
        return width === null || scale === null || width < 1 || width > DECIMAL_WIDTH_MAX || scale > width ? null : DECIMAL(width, scale)
      }
      case 'MAP': {
        const key = this.type(depth + 1)
        if (key === null || !this.#takes(',')) return null
        const value = this.type(depth + 1)
        return value === null ? null : MAP(key, value)
      }
      case 'STRUCT': {
        const members = this.#members(depth)
        return members === null ? null : new DuckDBStructType(members.names, members.types)
      }
      case 'UNION': {
        const members = this.#members(depth)
        return members === null ? null : new DuckDBUnionType(members.names, members.types)
      }
      case 'ENUM': {
        const values: string[] = []
        do {
          const value = this.#tokens[this.#at++]
          if (value?.kind !== 'text') return null
          values.push(value.text)
        } while (this.#takes(','))
        return new Set(values).size === values.length ? ENUM(values) : null
      }
      default:
        return null
    }
  }

  /** Not an object: that would put names like numbers first. */
  #members(depth: number): { names: string[]; types: DuckDBType[] } | null {
    const names: string[] = []
    const types: DuckDBType[] = []
    const seen = new Set<string>()
    do {
      const name = this.#tokens[this.#at++]
      if (name?.kind !== 'word' && name?.kind !== 'quoted') return null
      const type = this.type(depth + 1)
      // To the engine, names that differ in case are one.
      if (type === null || seen.has(name.text.toLowerCase())) return null
      seen.add(name.text.toLowerCase())
      names.push(name.text)
      types.push(type)
    } while (this.#takes(','))
    return { names, types }
  }

  #number(): number | null {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'number') return null
    this.#at++
    return Number(token.text)
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'sign' || token.text !== sign) return false
    this.#at++
    return true
  }
}

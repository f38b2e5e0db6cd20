/** What a statement's parse tree says, in few words, so that it can cross from the parser's thread. */

export interface StatementFacts {
  readonly statements: number
  /** Name of the first statement's node, such as `SelectStmt`; EXPLAIN is taken off. */
  readonly kind: string
  readonly isExplain: boolean
  /** It locks rows, fills a table, or changes data in a WITH. */
  readonly writes: boolean
  /** It makes something that lives as long as its session. */
  readonly isTemporary: boolean
  /** Called functions, `schema.name` where written so; lower case unless quoted. */
  readonly functions: readonly string[]
  /** Tables and views that it names, `schema.name` where written so. Names of its WITH queries are left out wherever they stand. */
  readonly tables: readonly string[]
}

const CHANGES = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])
/** Nobody needs more; what has them is a write. */
const NAMES_MAX = 1024

type Tree = Readonly<Record<string, unknown>>

export function readFacts(parsed: unknown): StatementFacts {
  const statements = ((parsed as Tree)['stmts'] ?? []) as readonly Tree[]
  const [first, body] = unwrap(statements[0]?.['stmt'])
  const isExplain = first === 'ExplainStmt'
  const [kind, tree] = isExplain ? unwrap(body?.['query']) : [first, body]
  const functions = new Set<string>()
  const tables = new Set<string>()
  const withNames = new Set<string>()
  let writes = false
  let isTemporary = false
  // With a list of its own instead of recursion: trees are as deep as a statement is long.
  const open: unknown[] = [tree]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    if (Array.isArray(node)) {
      for (const item of node as readonly unknown[]) open.push(item)
      continue
    }
    for (const [key, value] of Object.entries(node)) {
      if (CHANGES.has(key) || key === 'intoClause' || key === 'lockingClause') writes = true
      if (key === 'FuncCall') functions.add(dotted((value as Tree)['funcname']))
      if (key === 'CommonTableExpr') withNames.add(String((value as Tree)['ctename']))
      if (isRelation(value)) {
        tables.add(value.schemaname === undefined ? value.relname : `${value.schemaname}.${value.relname}`)
        if (value.relpersistence === 't') isTemporary = true
      }
      if (typeof value === 'object') open.push(value)
    }
  }
  if (functions.size > NAMES_MAX || tables.size > NAMES_MAX) writes = true
  return {
    statements: statements.length, kind, isExplain, writes, isTemporary,
    functions: [...functions].slice(0, NAMES_MAX), tables: [...tables].filter((name) => !withNames.has(name)).slice(0, NAMES_MAX),
  }
}

function unwrap(node: unknown): [string, Tree | undefined] {
  const [entry] = Object.entries((node ?? {}) as Tree)
  return entry === undefined ? ['', undefined] : [entry[0], entry[1] as Tree]
}

/** A `RangeVar` stands bare where nothing else may stand, as after INSERT INTO. */
function isRelation(value: unknown): value is { readonly relname: string; readonly schemaname?: string; readonly relpersistence?: string } {
  return typeof value === 'object' && value !== null && typeof (value as Tree)['relname'] === 'string' && 'inh' in value
}

function dotted(names: unknown): string {
  return (names as readonly Tree[]).map((name) => String((name['String'] as Tree | undefined)?.['sval'])).join('.')
}

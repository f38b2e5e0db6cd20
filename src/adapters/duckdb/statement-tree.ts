/** What the policy asks of a statement that the parser has turned into a tree: which functions it calls, whether it casts to VARIANT, and where paths into JSON come from. */

/** What `json_serialize_sql` answers. */
export interface StatementTree {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly position?: string
  readonly statements?: readonly unknown[]
}

export interface TreeFacts {
  /** Every called function, in lower case; operators are not among them. */
  readonly functions: ReadonlySet<string>
  /** In lower case, without schema, common table expressions left out. */
  readonly tables: readonly string[]
  readonly castsToVariant: boolean
  /** It reaches into JSON by a path, or into something by a subscript, which may be JSON. */
  readonly usesPaths: boolean
  /** Where a path stands, is text that the engine would compute before it runs. */
  readonly computesPath: boolean
  /** Numbers of the parameters that are part of a path. */
  readonly pathParameters: ReadonlySet<number>
  /** As `computesPath` and `pathParameters`, for what a function is given: a macro may use it as a path. */
  argumentsOf(name: string): { readonly computed: boolean; readonly parameters: ReadonlySet<number> }
}

type Node = Readonly<Record<string, unknown>>

/** Names that a SELECT gives to its expressions; a use of one elsewhere in it, or within, may be replaced by the expression. */
interface Scope {
  readonly outer: Scope | null
  readonly aliases: Map<string, Node[]>
}

interface Expression {
  readonly node: unknown
  readonly scope: Scope | null
}

const PATH_FUNCTION = /^(->>?|json_(extract|value|exists|type|keys|array_length).*)$/
/** Their second argument is a lambda when it is written as `a -> b`. */
const LAMBDA_FUNCTION = /^((list|array)_(transform|apply|filter|reduce)|apply|filter|reduce)$/
/** None of these makes long text of short. */
const PLAIN_OPERATORS: ReadonlySet<string> = new Set(['||', '+', '-', '*', '/', '//', '%', 'list_value'])
const PATH_PARTS_MAX = 32
/** For statistics; a statement that joins more is rare. */
const TABLES_MAX = 32
/** Of each text and each parameter in a path: with 32 parts a path stays far from the 35,000 wildcards that DuckDB 1.5 still withstands. */
export const PATH_CHARACTERS_MAX = 1024

export function readTree(tree: StatementTree): TreeFacts {
  const functions = new Set<string>()
  const tables = new Set<string>()
  const named = new Set<string>()
  const paths: Expression[] = []
  const calls = new Map<string, Expression[]>()
  const lambdas = new Set<unknown>()
  let castsToVariant = false
  const stack: Expression[] = [{ node: tree.statements, scope: null }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node } = next
    if (Array.isArray(node)) {
      for (const item of node) stack.push({ node: item, scope: next.scope })
    } else if (isNode(node)) {
      if (node['id'] === 'VARIANT') castsToVariant = true
      if (node['type'] === 'BASE_TABLE' && typeof node['table_name'] === 'string' && tables.size < TABLES_MAX) tables.add(node['table_name'].toLowerCase())
      for (const name of namesOf(node['cte_map'])) named.add(name)
      const scope = Array.isArray(node['select_list']) ? { outer: next.scope, aliases: aliasesOf(node['select_list']) } : next.scope
      const children = (Array.isArray(node['children']) ? (node['children'] as unknown[]) : []).map((child) => ({ node: child, scope }))
      const name = typeof node['function_name'] === 'string' ? node['function_name'].toLowerCase() : ''
      if (/^[\p{L}_]/u.test(name)) {
        functions.add(name)
        listOf(calls, name).push(...children)
      }
      if (PATH_FUNCTION.test(name) || node['type'] === 'ARRAY_EXTRACT') paths.push(...children.slice(1))
      if (LAMBDA_FUNCTION.test(name)) lambdas.add(children[1]?.node)
      // To the parser every `a -> b` is a lambda, to the engine it is a path unless a function takes lambdas there.
      if (node['class'] === 'LAMBDA' && !lambdas.has(node)) paths.push({ node: node['expr'], scope })
      for (const value of Object.values(node)) stack.push({ node: value, scope })
    }
  }
  const numbers = parameterNumbers(tree)
  const judge = (expressions: readonly Expression[]): { computed: boolean; parameters: Set<number> } => {
    const judgement = new PathJudge(numbers)
    const computed = expressions.map((expression) => judgement.isComputed(expression)).includes(true)
    return { computed, parameters: judgement.parameters }
  }
  const inPaths = judge(paths)
  return {
    functions, tables: [...tables].filter((name) => !named.has(name)), castsToVariant, usesPaths: paths.length > 0, computesPath: inPaths.computed, pathParameters: inPaths.parameters,
    argumentsOf: (name) => judge(calls.get(name) ?? []),
  }
}

/** Of common table expressions. */
function namesOf(cteMap: unknown): string[] {
  const entries = isNode(cteMap) ? cteMap['map'] : null
  return Array.isArray(entries) ? entries.map((entry) => (isNode(entry) && typeof entry['key'] === 'string' ? entry['key'].toLowerCase() : '')) : []
}

/**
 * DuckDB follows wildcards by recursion, and only those of a path that is constant before it runs. Such a path is what is written in it, which the
 * length of a statement bounds, or what is computed from constants and parameters, which nothing bounds.
 */
class PathJudge {
  readonly parameters = new Set<number>()
  readonly #numbers: ReadonlyMap<string, number>
  readonly #variable = new Map<Node, boolean>()
  #parts = 0

  constructor(numbers: ReadonlyMap<string, number>) {
    this.#numbers = numbers
  }

  isComputed(expression: Expression): boolean {
    this.#parts = 0
    return !this.#isVariable(expression) && !this.#isPlain(expression)
  }

  /** Depends on rows, so that the engine cannot compute it before it runs. */
  #isVariable({ node: root, scope }: Expression): boolean {
    const stack: unknown[] = [root]
    while (stack.length > 0) {
      const node = stack.pop()
      if (Array.isArray(node)) {
        for (const item of node) stack.push(item)
      } else if (isNode(node)) {
        if (node['class'] === 'SUBQUERY') return true
        if (node['class'] === 'COLUMN_REF' && definitions(node, scope).every((definition) => this.#isVariableDefinition(definition))) return true
        for (const value of Object.values(node)) stack.push(value)
      }
    }
    return false
  }

  #isVariableDefinition(definition: Expression & { readonly node: Node }): boolean {
    const known = this.#variable.get(definition.node)
    if (known !== undefined) return known
    // What names itself means a column.
    this.#variable.set(definition.node, true)
    const variable = this.#isVariable(definition)
    this.#variable.set(definition.node, variable)
    return variable
  }

  /** A few short texts, numbers and parameters, joined. */
  #isPlain({ node, scope }: Expression): boolean {
    if (!isNode(node) || ++this.#parts > PATH_PARTS_MAX) return false
    switch (node['class']) {
      case 'CONSTANT': {
        const value = isNode(node['value']) ? node['value']['value'] : undefined
        return typeof value !== 'string' || value.length <= PATH_CHARACTERS_MAX
      }
      case 'PARAMETER': {
        const number = this.#numbers.get(String(node['identifier']))
        if (number !== undefined) this.parameters.add(number)
        return number !== undefined
      }
      case 'CAST':
        return this.#isPlain({ node: node['child'], scope })
      case 'COLUMN_REF':
        return definitions(node, scope).every((definition) => this.#isVariableDefinition(definition) || this.#isPlain(definition))
      case 'FUNCTION': {
        const { children } = node
        return PLAIN_OPERATORS.has(String(node['function_name'])) && Array.isArray(children) && children.every((child) => this.#isPlain({ node: child, scope }))
      }
      default:
        return false
    }
  }
}

/** What a name may stand for beside a column: with `a.b` either part may be such a name. */
function definitions(node: Node, scope: Scope | null): Array<Expression & { readonly node: Node }> {
  const names = Array.isArray(node['column_names']) ? node['column_names'].map((name) => String(name).toLowerCase()) : []
  const found: Array<Expression & { readonly node: Node }> = []
  for (let at = scope; at !== null; at = at.outer) {
    for (const name of names) for (const definition of at.aliases.get(name) ?? []) found.push({ node: definition, scope: at })
  }
  return found
}

function aliasesOf(selectList: readonly unknown[]): Map<string, Node[]> {
  const aliases = new Map<string, Node[]>()
  for (const node of selectList) {
    if (!isNode(node) || typeof node['alias'] !== 'string' || node['alias'] === '') continue
    listOf(aliases, node['alias'].toLowerCase()).push(node)
  }
  return aliases
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf<T>(map: Map<string, T[]>, key: string): T[] {
  const list = map.get(key) ?? []
  map.set(key, list)
  return list
}

function parameterNumbers(tree: StatementTree): Map<string, number> {
  const numbers = new Map<string, number>()
  for (const statement of tree.statements ?? []) {
    const entries: unknown = isNode(statement) ? statement['named_param_map'] : undefined
    if (!Array.isArray(entries)) continue
    for (const entry of entries) if (isNode(entry)) numbers.set(String(entry['key']), Number(entry['value']))
  }
  return numbers
}

/** Statements that overflow the engine's stack. They run in a process of their own, which must outlive them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareFile, temporaryFolder } from './fixtures.ts'

const LEVELS = 100_000
const LIST = `(repeat('[', ${LEVELS}) || repeat(']', ${LEVELS}))`
const OBJECT = `(repeat('{"a":', ${LEVELS}) || '1' || repeat('}', ${LEVELS}))`
const PATH = `('$' || repeat('[*]', ${LEVELS}))`
const REFUSED = 'ERR_SQL Permission'

/** What each of them printed; shorter than the statements when the process died. */
async function outcomes(path: string, statements: ReadonlyArray<readonly [sql: string, parameters: readonly string[]]>): Promise<{ exit: unknown; lines: string[] }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('run-statements.ts', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => undefined).end(JSON.stringify({ path, statements }))
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[unknown, unknown]>])
  return { exit: signal ?? code, lines: output.split('\n').slice(0, -1) }
}

describe('deeply nested JSON', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let path: string
  beforeAll(async () => {
    root = await temporaryFolder()
    path = join(root.path, 'd.duckdb')
    await prepareFile(path, ['CREATE TABLE t (j JSON, k VARCHAR)', `INSERT INTO t VALUES ('{"a": [1, 2], "b": {"a": 3}}', 'a')`, 'CREATE MACRO pick(j, p) AS j -> p', 'CREATE MACRO outer_pick(j, p) AS pick(j, p)', 'CREATE MACRO shape(j) AS json_structure(j)'])
  })
  afterAll(async () => root.remove())

  const attacks: ReadonlyArray<readonly [sql: string, parameters?: readonly string[]]> = [
    [`SELECT json_structure(${LIST})`],
    [`SELECT "JSON_Structure"(${OBJECT}::JSON)`],
    [`SELECT shape(${LIST})`],
    [`SELECT json_group_structure(${LIST}::JSON)`],
    [`SELECT json_contains(${OBJECT}, '1')`],
    [`SELECT json_merge_patch(${OBJECT}, ${OBJECT})`],
    ...['json_transform', 'json_transform_strict', 'from_json', 'from_json_strict'].map((name) => [`SELECT ${name}('1', ${LIST})`] as const),
    [`SELECT ${LIST}::JSON::VARIANT`],
    [`SELECT CAST(${OBJECT}::JSON AS "Variant")`],
    [`SELECT ${LIST}::JSON::main.variant`],
    [`SELECT [${LIST}::JSON]::VARIANT[]`],
    [`SELECT TRY_CAST({'a': ${LIST}::JSON} AS STRUCT(a VARIANT))`],
    [`SELECT cast_to_type(${LIST}::JSON, NULL)`],
    [`SELECT * FROM sql_auto_complete('SELECT ' || repeat('(', ${LEVELS}))`],
    [`SELECT * FROM check_peg_parser('SELECT ' || repeat('(', ${LEVELS}))`],
    [`SELECT json_deserialize_sql(repeat('[', ${LEVELS}))`],
    // Wildcards of a path that is constant once computed.
    ...['json_extract', 'json_extract_path', 'json_extract_string', 'json_extract_path_text', 'json_value', 'json_exists', 'json_type', 'json_keys', 'json_array_length'].map((name) => [`SELECT ${name}(${LIST}, ${PATH})`] as const),
    [`SELECT ${LIST}::JSON -> ${PATH}`],
    [`SELECT ${LIST} ->> ${PATH}`],
    [`SELECT (${LIST}::JSON)[${PATH}]`],
    [`SELECT ${PATH} AS p, json_extract(${LIST}, p)`],
    [`SELECT '${'[*]'.repeat(300)}' AS a, a || a || a || a AS b, b || b || b || b AS c, c || c || c || c AS d, d || d AS e, json_extract(${LIST}, '$' || e)`],
    [`SELECT list_transform([1], lambda x: ${LIST}::JSON -> ${PATH})`],
    [`SELECT list_filter(${LIST}::JSON -> ${PATH}, lambda x: true)`],
    [`SELECT json_extract(${LIST}, CASE WHEN true THEN ${PATH} ELSE 'a' END)`],
    [`SELECT json_extract(${LIST}, $1)`, [`$${'[*]'.repeat(LEVELS)}`]],
    [`SELECT json_extract(${LIST}, '$' || $2), $1`, ['x', '[*]'.repeat(LEVELS)]],
    [`SELECT $1 AS p, ${LIST}::JSON -> p`, [`$${'[*]'.repeat(LEVELS)}`]],
    [`SELECT json_extract(${LIST}, repeat($1, ${LEVELS}))`, ['[*]']],
    [`SELECT pick(${LIST}::JSON, ${PATH})`],
    [`SELECT outer_pick(${LIST}::JSON, ${PATH})`],
    [`SELECT outer_pick(k::JSON, $1) FROM t`, [`$${'[*]'.repeat(LEVELS)}`]],
    // Statements that only the text can be looked at of.
    [`INSERT INTO t SELECT json_structure(${LIST}), ''`],
    [`CREATE VIEW v AS SELECT json_merge_patch(j, j) AS j FROM t`],
    [`CREATE MACRO m(j) AS j::JSON::VARIANT`],
    [`UPDATE t SET k = CAST(CAST(${LIST}::JSON AS main."variant") AS VARCHAR)`],
    [`INSERT INTO t SELECT '1', [${LIST}::JSON]::VARIANT[]::VARCHAR`],
    ['CREATE TABLE u (v VARIANT)'], ['CREATE TABLE u (a INTEGER, v STRUCT(x VARIANT)[])'], ['ALTER TABLE t ADD COLUMN v VARIANT'], ['ALTER TABLE t ALTER k TYPE variant'],
  ]

  it('is refused wherever the engine would follow it by recursion, and the process lives on', async () => {
    const statements = [...attacks, ['SELECT 1'] as const].map(([sql, parameters = []]) => [sql, parameters] as const)
    const { exit, lines } = await outcomes(path, statements)
    expect(lines.map((line, index) => `${line} | ${statements[index]?.[0].slice(0, 200) ?? ''}`)).toEqual(statements.map(([sql], index) => `${index === attacks.length ? '1 rows' : REFUSED} | ${sql.slice(0, 200)}`))
    expect(exit).toBe(0)
  })

  it('may be read by plain paths, and what only looks alike is let through', async () => {
    const plain: ReadonlyArray<readonly [sql: string, parameters?: readonly string[]]> = [
      ["SELECT j -> '$.a[*]', j ->> k, j ->> ('$.' || k), json_extract(j, '$.*.a'), json_extract(j, ['$.a', '$.b']), j['a'], j['b']['a'] FROM t"],
      ['SELECT j -> $1, json_extract_string(j, $2) FROM t', ['$.a', 'b']],
      ["SELECT j -> ('$.' || $1) FROM t", ['a']],
      ['SELECT lower(k) AS key, j ->> key FROM t'],
      ["SELECT k AS a, a || a AS b, j -> ('$.' || b) FROM t"],
      ['SELECT json_extract(j, p) FROM t, (SELECT lower(k) AS p FROM t)'],
      ["SELECT pick(j, '$.a'), outer_pick(j, k), pick(j, $1) FROM t", ['$.b']],
      ['SELECT list_transform([1, 2], x -> x + 1), list_filter([1, 2], lambda x: x > 1), list_reduce([1, 2], (x, y) -> x + y), list_transform([1], x -> upper(\'a\'))'],
      ['SELECT l[1], l[-1], l[i + 1], l[len(l)], l[1:2] FROM (SELECT [1, 2] AS l, 1 AS i)'],
      ["SELECT COLUMNS(c -> c LIKE 'k%') FROM t"],
      ["SELECT json_object('a', 1), json_array(1, 2), to_json([1]), json_valid(k), json_keys(j), json_type(j, '$.a'), json_array_length(j, 'a'), json_pretty(j) FROM t"],
      ["SELECT * FROM t, json_each(j), json_tree(j, '$.b') LIMIT 1"],
      [`SELECT length(${LIST}::JSON), json_valid(${OBJECT}), json_extract(${LIST}, '$[0]')::VARCHAR`],
      ['SELECT repeat(k, 3) AS variant FROM t'],
    ]
    const statements = [...plain, ['CREATE TABLE w AS SELECT k AS variant, 1 AS other FROM t'] as const].map(([sql, parameters = []]) => [sql, parameters] as const)
    const { exit, lines } = await outcomes(path, [...statements, ['UPDATE w SET variant = \'x\' WHERE variant IS NOT NULL', []]])
    expect(lines.map((line, index) => `${line} | ${statements[index]?.[0] ?? ''}`).slice(0, plain.length)).toEqual(plain.map(([sql]) => `1 rows | ${sql}`))
    expect(lines.slice(plain.length)).toEqual(['1 rows', '1 rows'])
    expect(exit).toBe(0)
  })
})

import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

const SECRET = 'a secret beside the database'

describe('DuckDB sandbox', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let engines: Record<'folder' | 'primary' | 'replica', DuckDbEngine>
  let outside: string

  beforeAll(async () => {
    root = await temporaryFolder()
    outside = join(root.path, 'outside')
    const data = join(root.path, 'data')
    const spill = join(root.path, 'spill')
    for (const folder of [outside, data, spill]) await mkdir(folder)
    await writeFile(join(outside, 'secret.csv'), `text\n${SECRET}\n`)
    await writeFile(join(data, 'numbers.csv'), 'n\n1\n2\n')
    await prepareFile(join(root.path, 'primary.duckdb'), ['CREATE TABLE numbers AS SELECT 1 AS n', 'CREATE SEQUENCE s'])
    await prepareFile(join(root.path, 'replica.duckdb'), ['CREATE TABLE numbers AS SELECT 1 AS n', 'CREATE SEQUENCE s', "CREATE VIEW sneaky AS SELECT nextval('s') AS n"])
    engines = {
      folder: await openEngine(data, { tempDir: spill, database: 'folder' }),
      primary: await openEngine(join(root.path, 'primary.duckdb'), { tempDir: spill, role: 'primary', database: 'primary' }),
      replica: await openEngine(join(root.path, 'replica.duckdb'), { tempDir: spill, database: 'replica' }),
    }
  })
  afterAll(async () => {
    for (const engine of Object.values(engines)) await engine.close()
    await root.remove()
  })

  const attempts = (which: string): string[] => {
    const spilled = join(root.path, 'spill', which)
    return [
      // Reading
      `SELECT * FROM read_csv('${outside}/secret.csv')`,
      `SELECT * FROM read_text('${outside}/secret.csv')`,
      `SELECT * FROM read_text('${root.path}/data/../outside/secret.csv')`,
      `SELECT * FROM read_blob('${outside}/*')`,
      `SELECT * FROM '${outside}/secret.csv'`,
      `SELECT * FROM glob('${outside}/*')`,
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM sniff_csv('/etc/passwd')",
      "SELECT * FROM parquet_metadata('/etc/passwd')",
      "SELECT * FROM read_json('http://127.0.0.1:1/x.json')",
      "SELECT * FROM 's3://bucket/x.parquet'",
      `SELECT * FROM read_duckdb('${outside}/x.duckdb')`,
      `CREATE TABLE stolen AS SELECT * FROM read_csv('${outside}/secret.csv')`,
      "SELECT getenv('HOME')",
      // The spill folder, which DuckDB leaves open to its readers
      `SELECT * FROM read_text('${spilled}/*')`,
      `SELECT * FROM read_blob(current_setting('temp_directory') || '/*')`,
      `SELECT * FROM "Read_Text"('${spilled}/other.tmp')`,
      `SELECT * FROM glob('${spilled}/*')`,
      `SELECT * FROM read_csv_auto('${spilled}/other.tmp', header = false)`, `SELECT * FROM read_json_objects('${spilled}/other.tmp')`, `SELECT * FROM sniff_csv('${spilled}/other.tmp')`,
      `SELECT * FROM (FROM read_text('${spilled}/other.tmp')), numbers`,
      `EXPLAIN ANALYZE SELECT * FROM read_text('${spilled}/other.tmp')`,
      `FROM '${spilled}/other.tmp'`,
      `CREATE VIEW spilled AS SELECT * FROM read_text('${spilled}/*')`, `CREATE TABLE spilled AS FROM read_blob('${spilled}/*')`, `INSERT INTO numbers SELECT length(content) FROM read_text('${spilled}/*')`,
      // Writing
      `COPY (SELECT 1) TO '${outside}/written.csv'`,
      `COPY numbers TO '${spilled}/written.csv'`,
      `EXPLAIN ANALYZE COPY (SELECT 1) TO '${spilled}/written.csv'`,
      `COPY numbers FROM '${outside}/secret.csv'`,
      `EXPORT DATABASE '${outside}/export'`,
      `IMPORT DATABASE '${outside}'`,
      `ATTACH '${outside}/written.duckdb'`,
      `ATTACH '${spilled}/written.duckdb' AS w`,
      "ATTACH ':memory:' AS w",
      'DETACH primary',
      'COPY FROM DATABASE primary TO memory',
      // Extensions and settings
      'INSTALL httpfs', 'LOAD httpfs', "LOAD '/tmp/x.duckdb_extension'", 'FORCE INSTALL httpfs', 'UPDATE EXTENSIONS',
      'SET threads = 1', 'SET GLOBAL memory_limit = \'1TB\'', "SET SESSION search_path = 'main'", 'SET VARIABLE x = 1', 'RESET threads', 'USE memory',
      'SET enable_external_access = true', 'SET lock_configuration = false',
      'PRAGMA enable_profiling', "PRAGMA enable_profiling = 'json'", `PRAGMA profiling_output = '${outside}/profile.json'`, 'PRAGMA disable_optimizer',
      `CALL enable_profiling(save_location = '${outside}/profile.json')`,
      `SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_config = {'path': '${outside}/log'})`,
      'SELECT * FROM "enable_logging"/**/()',
      "SELECT * FROM query('SELECT * FROM enable_logging()')",
      'CREATE VIEW v AS SELECT * FROM enable_logging()',
      'CREATE MACRO m() AS TABLE SELECT * FROM "ENABLE_LOGGING" ()',
      'SELECT * FROM disable_logging()', 'SELECT * FROM enable_profiling()', 'SELECT * FROM enable_peg_parser()',
      "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
      'CREATE SECRET s (TYPE s3)', 'CREATE OR REPLACE PERSISTENT SECRET IF NOT EXISTS s (TYPE http)', 'DROP PERSISTENT SECRET s',
      // Sessions
      'BEGIN', 'BEGIN TRANSACTION', 'START TRANSACTION', 'COMMIT', 'END', 'ROLLBACK', 'ABORT',
      'PREPARE p AS SELECT 1', 'EXECUTE p', 'DEALLOCATE p',
      'CREATE TEMP TABLE t (i INTEGER)', 'CREATE OR REPLACE TEMPORARY VIEW t AS SELECT 1',
      // Second statements
      'SELECT 1; SELECT 2', "SELECT 1; COPY (SELECT 1) TO '/tmp/x'", 'SELECT 1;;DROP TABLE numbers', "INSERT INTO numbers VALUES (1); ATTACH ':memory:' AS w",
    ]
  }

  it.each(['folder', 'primary', 'replica'] as const)('refuses everything outside of its database: %s', async (which) => {
    const before = readdirSync(outside)
    await writeFile(join(root.path, 'spill', which, 'other.tmp'), SECRET)
    for (const sql of attempts(which)) {
      const refused = await run(engines[which], sql).then(collect).then(
        ({ rows }) => `answered ${JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
        (error: { code?: string; message?: string }) => error.code ?? String(error.message),
      )
      expect(refused, sql).toMatch(which === 'primary' ? /^ERR_SQL$/ : /^ERR_(SQL|READ_ONLY|NOT_PRIMARY)$/)
    }
    expect(readdirSync(outside)).toEqual(before)
    expect(existsSync(join(root.path, 'spill', which, 'written.csv'))).toBe(false)
    expect(await readFile(join(outside, 'secret.csv'), 'utf8')).toContain(SECRET)
    // And it serves on, with nothing changed.
    expect((await collect(await run(engines[which], "SELECT count(*) AS c FROM numbers, (SELECT current_setting('threads') AS t) WHERE t = 2"))).rows[0]?.[0]).not.toBe(0n)
    expect((await collect(await run(engines[which], 'SELECT DISTINCT database_name FROM duckdb_databases() WHERE NOT internal'))).rows.length).toBe(1)
  })

  it('lets plain work through', async () => {
    for (const sql of ['SHOW TABLES', 'DESCRIBE numbers', 'SUMMARIZE numbers', 'EXPLAIN SELECT * FROM numbers', 'EXPLAIN ANALYZE SELECT * FROM numbers', 'FROM numbers', 'VALUES (1)', "SELECT * FROM query_table('numbers')", 'SELECT version()', "SELECT 'enable_logging()' AS text, 1 AS query"]) {
      for (const engine of Object.values(engines)) expect((await collect(await run(engine, sql))).rows.length, sql).toBeGreaterThan(0)
    }
    for (const sql of ['CREATE TABLE t (i INTEGER)', 'INSERT INTO t VALUES (1) RETURNING i', 'UPDATE t SET i = 2', 'ALTER TABLE t ADD COLUMN j TEXT', 'CREATE VIEW tv AS SELECT * FROM t', 'CREATE MACRO plus(a, b) AS a + b', 'DELETE FROM t', 'DROP VIEW tv', 'DROP TABLE t', "SELECT nextval('s')", 'CHECKPOINT', 'ANALYZE', 'VACUUM', "COMMENT ON TABLE numbers IS 'x'"]) {
      await collect(await run(engines.primary, sql))
    }
  })

  it('sees through a view that writes when the file is read-only', async () => {
    await expect(run(engines.replica, 'SELECT * FROM sneaky').then(collect)).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' })
  })
})

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { typed } from '../../../src/core/values/query-value.ts'
import { createResultDecoder } from '../../../src/wire/results/decoder.ts'
import { run, collect } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

describe('parameters', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: DuckDbEngine

  beforeAll(async () => {
    folder = await temporaryFolder()
    const path = join(folder.path, 'p.duckdb')
    await prepareFile(path, ['CREATE TABLE t AS SELECT * FROM test_all_types()'])
    engine = await openEngine(path)
  })
  afterAll(async () => {
    await engine.close()
    await folder.remove()
  })

  it('tries', async () => {
    const result = await run(engine, 'SELECT * FROM t')
    const { columns } = createResultDecoder(result.format, result.header)
    const { rows } = await collect(result)
    for (const [i, c] of columns.entries()) for (const row of rows) {
      try {
        const r = await run(engine, 'SELECT $1 AS v, typeof($1) AS t', [typed(c.type, row[i] as never)])
        const d = createResultDecoder(r.format, r.header)
        const got = (await collect(r)).rows[0]
        expect(d.columns[0]?.type).toBe(c.type)
        expect(got?.[0]).toEqual(row[i])
      } catch (e) { console.log(c.name, c.type.slice(0, 80), String((e as Error).message).slice(0, 300)) }
    }
  })
})

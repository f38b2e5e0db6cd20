import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeQueryEngine } from '../../contract/query-engine.ts'
import { describeEngineTransactions } from '../../contract/engine-transaction.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

const LONG_SQL = 'SELECT a.n + b.n AS n FROM numbers a, numbers b'
const NUMBERS = 'SELECT range::INTEGER AS n FROM range(100000)'

describeQueryEngine('DuckDB file', async () => {
  const folder = await temporaryFolder()
  await prepareFile(join(folder.path, 'replica.duckdb'), [`CREATE TABLE numbers AS ${NUMBERS}`])
  await prepareFile(join(folder.path, 'primary.duckdb'), [])
  const engine = await openEngine(join(folder.path, 'replica.duckdb'))
  const writable = await openEngine(join(folder.path, 'primary.duckdb'), { role: 'primary' })
  return { engine, writable, longSql: LONG_SQL, close: async () => {
    await engine.close()
    await writable.close()
    await folder.remove()
  } }
})

describeQueryEngine('DuckDB folder', async () => {
  const folder = await temporaryFolder()
  const data = join(folder.path, 'data')
  await mkdir(data)
  await prepareFile(':memory:', [`COPY (${NUMBERS}) TO '${data}/numbers.parquet'`])
  const engine = await openEngine(data)
  return { engine, writable: null, longSql: LONG_SQL, close: async () => {
    await engine.close()
    await folder.remove()
  } }
})

describeEngineTransactions('DuckDB file', async () => {
  const folder = await temporaryFolder()
  await prepareFile(join(folder.path, 'primary.duckdb'), [])
  const engine = await openEngine(join(folder.path, 'primary.duckdb'), { role: 'primary' })
  return { engine, longSql: LONG_SQL, numbersSql: `CREATE TABLE numbers AS ${NUMBERS}`, close: async () => {
    await engine.close()
    await folder.remove()
  } }
})

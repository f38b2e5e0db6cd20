/** Parameters of every type through a hop: a node without a copy sends them on, and the answer is what the node that has one gives by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../../src/client/connect.ts'
import type { Client } from '../../../src/client/types.ts'
import { typed, type PlainValue, type QueryValue } from '../../../src/core/values/query-value.ts'
import type { ResultColumn, ResultValue } from '../../../src/wire/results/types.ts'
import { type NodeProcess, TestMesh } from '../../support/processes.ts'

let mesh: TestMesh
let peer: NodeProcess
let entry: NodeProcess
let near: Client
let far: Client

beforeAll(async () => {
  mesh = await TestMesh.create()
  peer = await mesh.start('peer')
  const { tcpMultiaddrs } = await peer.ready()
  entry = await mesh.start('entry', { seeds: [tcpMultiaddrs[0] ?? ''], databaseArgs: [] })
  await entry.ready()
  await mesh.untilAllSee([peer, entry])
  near = await connect({ dataDir: peer.dataDir })
  far = await connect({ dataDir: entry.dataDir })
})
afterAll(async () => {
  await near?.close()
  await far?.close()
  await mesh.stop()
})

async function ask(client: Client, sql: string, parameters: readonly QueryValue[]): Promise<{ ranOn: string | undefined; columns: readonly ResultColumn[]; rows: ResultValue[][] }> {
  const result = await client.query(sql, { database: 'numbers', parameters, explain: true })
  const rows: ResultValue[][] = []
  for await (const batch of result) for (let row = 0; row < batch.rowCount; row++) rows.push(result.columns.map((_, column) => batch.value(row, column)))
  return { ranOn: `${result.route?.decision === 'forward' ? 'forwarded to' : 'here,'} ${result.route?.executedBy.name}`, columns: result.columns, rows }
}

const everyType = 'SELECT * EXCLUDE (geometry) FROM test_all_types()'

describe('a forwarded statement', () => {
  it('takes back what a result gave, of every type, as the same value of the same type', async () => {
    const { columns, rows } = await ask(near, everyType, [])
    expect(rows).toHaveLength(3)
    for (const row of rows) {
      const sql = `SELECT ${columns.map(({ name }, index) => `$${index + 1} AS "${name}"`).join()}`
      const parameters = columns.map(({ type }, index) => typed(type, row[index] as PlainValue))
      const local = await ask(near, sql, parameters)
      const forwarded = await ask(far, sql, parameters)
      expect([local.ranOn, forwarded.ranOn]).toEqual(['here, peer', 'forwarded to peer'])
      for (const { columns: types, rows: [back] } of [local, forwarded]) {
        expect(types).toEqual(columns)
        columns.forEach(({ name }, index) => { expect(back?.[index], name).toEqual(row[index]) })
      }
    }
  })

  it('takes plain values, lists and structs as a statement that runs here', async () => {
    const parameters: QueryValue[] = [
      null, true, -0, NaN, -Infinity, 5, 2 ** 40, -(2n ** 63n), 2n ** 128n - 1n, 'ü'.repeat(10_000), Uint8Array.of(0, 255), new Date(1_717_236_000_123), [1n, null], [[0.5], []],
      { a: 1, b: [{ c: typed('DECIMAL(18,3)', '12.340') }] }, Array.from({ length: 50_000 }, (_, index) => index), typed('INTERVAL', '1 month 00:00:00.000001'),
    ]
    const sql = `SELECT ${parameters.map((_, index) => `$${index + 1} AS v${index}, typeof($${index + 1}) AS t${index}`).join()}`
    const local = await ask(near, sql, parameters)
    const forwarded = await ask(far, sql, parameters)
    expect([local.ranOn, forwarded.ranOn]).toEqual(['here, peer', 'forwarded to peer'])
    expect([forwarded.columns, forwarded.rows]).toEqual([local.columns, local.rows])
    expect(forwarded.rows[0]?.[29]).toBe('STRUCT(a INTEGER, b STRUCT(c DECIMAL(18,3))[])')
  })

  it('is refused for what does not fit, in the same words', async () => {
    for (const client of [near, far]) {
      await expect(ask(client, 'SELECT $1', [typed('TINYINT', 128)])).rejects.toMatchObject({ code: 'ERR_SQL', message: 'parameter 1 is out of the range of TINYINT', details: { kind: 'Parameter', parameter: 1 } })
    }
  })

  it('is written on the command line with types behind ::', async () => {
    const types = 'SELECT $1 AS a, typeof($1) AS b, $2 AS c, typeof($2) AS d, $3 AS e, typeof($3) AS f'
    const { code, stdout } = await entry.rdb(['db:query', 'numbers', types, '-p', '12.340::DECIMAL(18,3)', '-p', '[1, null, 9007199254740993]::BIGINT[]', '-p', 'null::DATE'])
    expect([code, stdout]).toEqual([0, '{"a":"12.340","b":"DECIMAL(18,3)","c":[1,null,9007199254740993],"d":"BIGINT[]","e":null,"f":"DATE"}\n'])
  })
})

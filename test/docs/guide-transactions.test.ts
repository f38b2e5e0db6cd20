/** Runs docs/guides/transactions.md: every `sh` line in order, at a node whose peer has the database; and what its programs do. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { ERRORS } from '../../src/errors.ts'
import { collect } from '../support/collect.ts'
import { type CommandResult, type NodeProcess, TestMesh } from '../support/processes.ts'
import { prepareFile } from '../integration/duckdb/fixtures.ts'

const guide = await readFile(join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/guides/transactions.md'), 'utf8')
const lines = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trimEnd().split('\n'))
const [shown = ''] = [...guide.matchAll(/^```text\n(.*?)^```$/gms)].map(([, text = '']) => text)

const results: Array<CommandResult & { readonly line: string }> = []
let mesh: TestMesh
let entry: NodeProcess
beforeAll(async () => {
  mesh = await TestMesh.create()
  const path = join(mesh.folder, 'bank.duckdb')
  await prepareFile(path, ['CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER)', 'INSERT INTO accounts VALUES (1, 100), (2, 100)'])
  const primary = await mesh.start('primary', { databaseArgs: ['--db', `bank=${path},role=primary`] })
  const { tcpMultiaddrs } = await primary.ready()
  entry = await mesh.start('entry', { seeds: tcpMultiaddrs.slice(0, 1), databaseArgs: [] })
  await entry.ready()
  await mesh.untilAllSee([primary, entry])
  for (const node of [primary, entry]) await node.drill(5, 5)
  for (const line of lines) {
    const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1)
    results.push({ line, ...await entry.rdb(args) })
  }
})
afterAll(() => mesh.stop())

describe('docs/guides/transactions.md', () => {
  it('its commands do what they are shown to do', () => {
    expect(lines.filter((line) => !line.startsWith('rdb '))).toEqual([])
    for (const { line, code } of results) expect([line, code]).toEqual([line, 0])
    expect(results.map(({ stdout }) => stdout).slice(0, 2)).toEqual([shown, '{"accounts":2}\n{"total":200}\n'])
  })

  it('the counters and codes that it names are there', () => {
    const { counters } = JSON.parse(results.at(-1)?.stdout ?? '{}') as { counters: Record<string, number> }
    const named = [...guide.matchAll(/`(transactions[A-Z]\w*)`/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter((name) => counters[name] === undefined)).toEqual([])
    expect(Object.keys(counters).filter((name) => name.startsWith('transactions') && !named.includes(name))).toEqual([])
    const codes = [...guide.matchAll(/`(ERR_\w+)`/g)].map(([, code = '']) => code)
    expect(codes.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([])
  })

  it('its program moves money, or nothing', async () => {
    const connection = await connect({ dataDir: entry.dataDir })
    const move = (amount: number): Promise<void> => connection.transaction('bank', async (tx) => {
      const [account] = await collect((await tx.query('SELECT amount FROM accounts WHERE id = ?', { parameters: [1] })).rows())
      if (Number(account?.['amount'] ?? 0) < amount) throw new Error('not enough money')
      await tx.query('UPDATE accounts SET amount = amount - ? WHERE id = ?', { parameters: [amount, 1] })
      await tx.query('UPDATE accounts SET amount = amount + ? WHERE id = ?', { parameters: [amount, 2] })
    })
    await move(30)
    await expect(move(50)).rejects.toThrow('not enough money')
    expect(await collect((await connection.query('SELECT amount FROM accounts ORDER BY id', { database: 'bank' })).rows())).toEqual([{ amount: 40 }, { amount: 160 }])
    await connection.close()
  })
})

import { describe, expect, it } from 'vitest'
import type { QueryResult } from '../../../../src/client/types.ts'
import { MeshError } from '../../../../src/errors.ts'
import { fakeResult, FakeProcess, forwardRoute } from '../fake-context.ts'

const numbers = (...values: number[]): QueryResult => fakeResult({ batches: [values.map((value) => [value])] })
const sqlError = new MeshError('ERR_SQL', 'no such table', { details: { position: 14 } })

function shell(stdin: string, query: (sql: string) => QueryResult = () => numbers(1)): FakeProcess {
  return new FakeProcess({ stdin, query: (sql) => new Promise((resolve) => { resolve(query(sql)) }) })
}

describe('rdb shell with a file', () => {
  it('runs its statements one after the other', async () => {
    const process = shell('select 1;\nselect\n2; -- done\nselect 3')
    expect(await process.run('shell', 'users')).toEqual({ code: 0, stdout: '{"n":1}\n{"n":1}\n{"n":1}\n', stderr: '' })
    expect(process.queries.map(({ sql, options }) => [sql, options.database, options.timeoutMs])).toEqual([['select 1', 'users', 300_000], ['select\n2', 'users', 300_000], ['-- done\nselect 3', 'users', 300_000]])
    expect(process.clientsClosed).toBe(1)
  })

  it('goes on behind what fails, and ends with the code of the first failure, each told with its line', async () => {
    const process = shell('select 1;\n\nselect * from x;\nselect 2;\ntimeout;\n', (sql) => {
      if (sql === 'timeout') throw new MeshError('ERR_QUERY_TIMEOUT', 'too slow')
      if (sql.endsWith('x')) throw sqlError
      return numbers(1)
    })
    const { code, stdout, stderr } = await process.run('shell', 'users')
    expect([code, stdout]).toEqual([1, '{"n":1}\n{"n":1}\n'])
    expect(stderr).toContain('line 3: select * from x\n                      ^\nline 3: error: no such table (ERR_SQL)\n')
    expect(stderr).toContain('line 5: error: too slow (ERR_QUERY_TIMEOUT)\n')
  })

  it('ends at the first failure with --bail', async () => {
    const process = shell('one;\ntwo;', () => { throw sqlError })
    expect((await process.run('shell', 'users', '--bail')).code).toBe(1)
    expect(process.queries).toHaveLength(1)
  })

  it('makes transactions of BEGIN, COMMIT and ROLLBACK', async () => {
    const process = shell('begin; insert; commit; begin read only; select 1; rollback;')
    expect(await process.run('shell', 'users')).toMatchObject({ code: 0, stderr: '' })
    expect(process.transactions.map(({ options, end }) => [options.readOnly, end])).toEqual([[false, 'commit'], [true, 'rollback']])
    expect(process.queries.map(({ sql }) => sql)).toEqual(['insert', 'select 1'])
  })

  it('rolls back what the input leaves open, which is a failure', async () => {
    const process = shell('begin; insert;')
    expect(await process.run('shell', 'users')).toMatchObject({ code: 1, stderr: 'The input ended within a transaction: it was rolled back.\n' })
    expect(process.transactions[0]?.end).toBe('rollback')
    expect((await shell('commit;').run('shell', 'users')).stderr).toContain('line 1: error: no transaction is open')
    expect((await shell('begin; begin; rollback').run('shell', 'users')).stderr).toContain('a transaction is open already')
  })

  it('connects again where the node was restarted before anything began, once', async () => {
    let asked = 0
    const lost = new MeshError('ERR_NO_NODE', 'the node ended', { details: { started: 'no' } })
    const process = shell('select 1; select 2; select 3;', () => {
      asked++
      if (asked === 2 || asked >= 4) throw lost
      return numbers(1)
    })
    const { code, stdout, stderr } = await process.run('shell', 'users')
    expect([code, stdout, stderr.match(/line \d+: error/g), process.connects.length, process.clientsClosed]).toEqual([3, '{"n":1}\n{"n":1}\n', ['line 1: error'], 3, 3])
  })

  it('does not repeat what may have begun', async () => {
    const process = shell('select 1; insert;', (sql) => {
      if (sql === 'insert') throw new MeshError('ERR_NO_NODE', 'the node ended', { details: { started: 'unknown' } })
      return numbers(1)
    })
    expect((await process.run('shell', 'users')).code).toBe(3)
    expect(process.queries).toHaveLength(2)
  })

  it('tells on stderr where a query went', async () => {
    const process = new FakeProcess({ stdin: 'select 1', query: () => Promise.resolve(fakeResult({ route: forwardRoute, batches: [[[1]]] })) })
    expect((await process.run('shell', 'users')).stderr).toContain('Query forwarded to remote1')
  })

  it('knows commands with a dot', async () => {
    const process = new FakeProcess({ stdin: '.rows 1\nselect 1;\n.help\n.timing maybe\n.bogus\n.quit\nselect 2;', query: () => Promise.resolve(numbers(1, 2, 3)) })
    const { code, stdout, stderr } = await process.run('shell', 'users')
    expect(code).toBe(2)
    expect(stdout).toMatch(/^\{"n":1\}\n\.nodes /)
    expect(stdout).not.toContain('{"n":2}')
    expect(stderr).toContain('line 4: error: .timing is on or off, and is off (ERR_OPTION_INVALID)')
    expect(stderr).toContain('line 5: error: .bogus is no command of the shell (ERR_OPTION_UNKNOWN)\nnext: .help lists them')
    expect(process.queries).toHaveLength(1)
  })

  it('reads to its end what has effects, and leaves what has none where enough was shown', async () => {
    const results = new Map([['select', fakeResult({ batches: [[[1]], [[2]], [[3]]] })], ['insert returning', fakeResult({ batches: [[[1]], [[2]], [[3]]] })]])
    const process = shell('.rows 1\nselect; insert returning;', (sql) => results.get(sql) ?? numbers())
    expect((await process.run('shell', 'users')).stdout).toBe('{"n":1}\n{"n":1}\n')
    expect([...results.values()].map((result) => [result.pulled(), result.wasLeft()])).toEqual([[2, true], [3, false]])
  })

  it('lists tables, as both engines tell of them', async () => {
    const columns = ['main', 'users', 'id', 'INTEGER', 'main', 'users', 'Name', 'VARCHAR', 'other', 'My Table', 'x', 'DATE']
    const rows = [0, 4, 8].map((at) => columns.slice(at, at + 4))
    const process = shell('.tables', () => fakeResult({ columns: ['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'VARCHAR' })), batches: [rows] }))
    const { stdout } = await process.run('shell', 'users')
    expect(stdout).toContain('│ users            │ id, "Name" │')
    expect(stdout).toContain('│ other."My Table" │ x          │')
  })

  it('ends by Ctrl-C with 130', async () => {
    const process: FakeProcess = new FakeProcess({ stdin: 'select 1; select 2;', query: () => {
      process.signal('SIGINT')
      return Promise.reject(new MeshError('ERR_QUERY_CANCELLED', 'cancelled'))
    } })
    expect(await process.run('shell', 'users')).toEqual({ code: 130, stdout: '', stderr: 'Cancelled.\n' })
    expect(process.queries).toHaveLength(1)
  })

  it.each([['--timeout', '5'], ['--format', 'arrow']])('refuses %s %s', async (flag, value) => {
    expect((await shell('select 1').run('shell', 'users', flag, value)).code).toBe(2)
  })
})

import { describe, expect, it, vi } from 'vitest'
import { typed } from '../../../src/core/values/query-value.ts'
import { MeshError } from '../../../src/errors.ts'
import { FakeProcess, fakeResult, type Outcome, forwardRoute, localRoute } from './fake-context.ts'

const columns = [{ name: 'id', type: 'BIGINT' }, { name: 'name', type: 'VARCHAR' }]
const batches = [[[1n, 'Ada'], [9007199254740993n, null]], [[3n, 'a "b", c']]]
const people = (): ReturnType<typeof fakeResult> => fakeResult({ columns, batches })

describe('db:query formats', () => {
  it('is JSON lines when piped, with every digit', async () => {
    const process = new FakeProcess({ query: () => Promise.resolve(people()) })
    expect(await process.run('db:query', 'users', 'SELECT 1')).toEqual({
      code: 0, stderr: '', stdout: '{"id":1,"name":"Ada"}\n{"id":9007199254740993,"name":null}\n{"id":3,"name":"a \\"b\\", c"}\n',
    })
    expect(process.clientsClosed).toBe(1)
  })

  it('is a table on a terminal', async () => {
    const { stdout, stderr } = await new FakeProcess({ terminal: true, query: () => Promise.resolve(people()) }).run('db:query', 'users', 'SELECT 1')
    expect(stdout).toBe([
      '┌──────────────────┬──────────┐',
      '│               id │ name     │',
      '├──────────────────┼──────────┤',
      '│                1 │ Ada      │',
      '│ 9007199254740993 │ NULL     │',
      '│                3 │ a "b", c │',
      '└──────────────────┴──────────┘\n',
    ].join('\n'))
    expect(stderr).toMatch(/^3 rows in \d+ms\n$/)
  })

  it.each([
    ['json', '[\n{"id":1,"name":"Ada"},\n{"id":9007199254740993,"name":null},\n{"id":3,"name":"a \\"b\\", c"}\n]\n'],
    ['csv', 'id,name\n1,Ada\n9007199254740993,\n3,"a ""b"", c"\n'],
  ])('writes %s', async (format, stdout) => {
    expect(await new FakeProcess({ query: () => Promise.resolve(people()) }).run('db:query', 'users', 'SELECT 1', '--format', format)).toEqual({ code: 0, stderr: '', stdout })
  })

  it.each([['json', '[]\n'], ['jsonl', ''], ['csv', 'n\n'], ['table', '┌───┐\n│ n │\n├───┤\n└───┘\n']])('writes an empty result as %s', async (format, stdout) => {
    expect((await new FakeProcess({ query: () => Promise.resolve(fakeResult({})) }).run('db:query', 'users', 'SELECT 1', '--format', format)).stdout).toBe(stdout)
  })

  it('passes Arrow bytes through, but not to a terminal', async () => {
    const arrow = [new Uint8Array([1, 2]), new Uint8Array([255])]
    const process = new FakeProcess({ query: () => Promise.resolve(fakeResult({ arrow })) })
    await process.run('db:query', 'users', 'SELECT 1', '--format', 'arrow')
    expect(Buffer.concat(process.stdout.chunks)).toEqual(Buffer.from([1, 2, 255]))
    expect(await new FakeProcess({ terminal: true }).run('db:query', 'users', 'SELECT 1', '--format', 'arrow')).toMatchObject({ code: 2, stdout: '' })
  })

  it('names columns apart that share a name, and spells what JSON cannot', async () => {
    const result = fakeResult({
      columns: [{ name: 'a', type: 'DOUBLE' }, { name: 'a', type: 'BLOB' }, { name: 'b', type: 'STRUCT' }, { name: 'c', type: 'DECIMAL(5,2)' }],
      batches: [[[Number.NaN, new Uint8Array([0, 255]), { x: [1n, null], y: true }, '12.50']]],
    })
    const { stdout } = await new FakeProcess({ query: () => Promise.resolve(result) }).run('db:query', 'users', 'SELECT 1')
    expect(stdout).toBe('{"a":"NaN","a_1":"\\\\x00ff","b":{"x":[1,null],"y":true},"c":"12.50"}\n')
    expect(JSON.parse(stdout)).toMatchObject({ a_1: '\\x00ff' })
    const csv = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ columns: [{ name: 'a', type: 'INTEGER' }, { name: 'a', type: 'INTEGER' }, { name: 'b,c', type: 'INTEGER' }] })) }).run('db:query', 'users', 'SELECT 1', '--format', 'csv')
    expect(csv.stdout).toBe('a,a_1,"b,c"\n')
    expect((await new FakeProcess().run('db:query', '--help')).stdout).toContain('a, a_1')
  })
})

describe('db:query tables', () => {
  it('keep to the terminal and say what was cut', async () => {
    const result = fakeResult({ columns, batches: [[[1n, 'x'.repeat(50)], [2n, '日本語'.repeat(10)]]] })
    const { stdout, stderr } = await new FakeProcess({ terminal: true, columns: 40, query: () => Promise.resolve(result) }).run('db:query', 'users', 'SELECT 1')
    expect(stdout).toBe([
      '┌────┬─────────────────────────────────┐',
      '│ id │ name                            │',
      '├────┼─────────────────────────────────┤',
      `│  1 │ ${'x'.repeat(30)}… │`,
      `│  2 │ ${'日本語'.repeat(5)}… │`,
      '└────┴─────────────────────────────────┘\n',
    ].join('\n'))
    expect(stderr).toContain('2 values were cut to fit the terminal; --format jsonl shows all of it.\n')
  })

  it('never cut elsewhere', async () => {
    const result = fakeResult({ columns, batches: [[[1n, 'x'.repeat(200)]]] })
    expect((await new FakeProcess({ query: () => Promise.resolve(result) }).run('db:query', 'users', 'SELECT 1', '--format', 'table')).stdout).toContain('x'.repeat(200))
  })

  it('show control characters instead of obeying them', async () => {
    const result = fakeResult({ columns, batches: [[[1n, '\u001b[2Ja\nb\u202e']]] })
    const { stdout } = await new FakeProcess({ terminal: true, query: () => Promise.resolve(result) }).run('db:query', 'users', 'SELECT 1')
    expect(stdout).toContain('\\u001b[2Ja\\nb\\u202e')
    expect(stdout).not.toContain('\u001b')
  })

  it('stream: widths come from the first thousand rows, and rows go out before the last is read', async () => {
    const rows = (from: number): Array<[bigint, string]> => Array.from({ length: 1_000 }, (_, index) => [BigInt(from + index), 'a'])
    const result = fakeResult({ columns, batches: [rows(0), rows(1_000), rows(10_000_000)] })
    const process = new FakeProcess({ query: () => Promise.resolve(result), closesAfterWrites: 1 })
    const { code, stdout } = await process.run('db:query', 'users', 'SELECT 1', '--format', 'table')
    expect(code).toBe(0)
    expect(stdout.split('\n').length).toBeGreaterThan(1_000)
    expect([result.pulled(), result.wasLeft()]).toEqual([2, true])
  })
})

describe('db:query and the route', () => {
  it('says in one line that a query was forwarded, and after what', async () => {
    const { stderr } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route: forwardRoute })) }).run('db:query', 'users', 'SELECT 1')
    expect(stderr).toBe('Query forwarded to remote1 (45ms latency) after remote2 failed: connection refused (ERR_PEER_UNREACHABLE)\n')
    const clean = fakeResult({ route: { ...forwardRoute, failedAttempts: [] } })
    expect((await new FakeProcess({ query: () => Promise.resolve(clean) }).run('db:query', 'users', 'SELECT 1')).stderr).toBe('Query forwarded to remote1 (45ms latency)\n')
  })

  it('says that a node answered although overloaded, instead of that it failed', async () => {
    const refusal = { peerId: forwardRoute.executedBy.peerId, name: 'remote1', code: 'ERR_OVERLOADED', message: 'CPU 90% exceeds threshold 80%' }
    const say = async (failedAttempts: typeof forwardRoute.failedAttempts, ...args: string[]): Promise<string> => (
      (await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route: { ...forwardRoute, failedAttempts } })) }).run('db:query', 'users', 'SELECT 1', ...args)).stderr)
    expect(await say([refusal])).toBe('Query forwarded to remote1 (45ms latency), although overloaded: nobody better answered\n')
    expect(await say([refusal, ...forwardRoute.failedAttempts])).toBe('Query forwarded to remote1 (45ms latency), although overloaded: nobody better answered; remote2 failed: connection refused (ERR_PEER_UNREACHABLE)\n')
    expect(await say([refusal], '--verbose')).toContain('Routing Decision: Forwarded to remote1, although overloaded\n')
  })

  it('warns when an overloaded node had to run it', async () => {
    const route = { ...localRoute, decision: 'local-overloaded' as const, reason: 'Local CPU 85% exceeds threshold 80%' }
    const { stderr } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route })) }).run('db:query', 'users', 'SELECT 1')
    expect(stderr).toBe('warning: the query ran on local1 although it is overloaded: Local CPU 85% exceeds threshold 80%\n')
  })

  it.each([[], ['--verbose']])('warns when it ran here since no peer could answer, and does not call the node overloaded (%s)', async (...args: string[]) => {
    const route = { ...localRoute, failedAttempts: [{ peerId: 'r', name: 'remote2', code: 'ERR_PEER_UNREACHABLE', message: 'connection refused' }] }
    const { stderr } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route })) }).run('db:query', 'users', 'SELECT 1', ...args)
    expect(stderr).toContain('warning: no peer could answer, so the query ran on local1: remote2 failed: connection refused (ERR_PEER_UNREACHABLE)\n')
    expect(stderr).not.toContain('overloaded')
  })

  it('shows everything with --verbose', async () => {
    const process = new FakeProcess({ query: () => Promise.resolve(fakeResult({ route: forwardRoute, batches: [[[1]]] })) })
    const { stderr, stdout } = await process.run('db:query', 'users', 'SELECT 1', '--verbose')
    expect(stdout).toBe('{"n":1}\n')
    expect(stderr).toBe([
      'Routing Decision: Forwarded to remote1',
      'Reason: Local CPU 85% exceeds threshold 80%',
      'Latency: 45ms',
      'Strategy: nearest, decided in 1,235µs',
      'Failed attempt: remote2: connection refused (ERR_PEER_UNREACHABLE)',
      'Candidates:',
      '  remote1: chosen (CPU 20%, memory 40%, 1 in flight, latency 45ms, score 90.4)',
      '  remote3: not ready (CPU –, memory –, 0 in flight, latency –)',
      'Time: 20ms = query 7ms + network 13ms; first answer after 10ms',
      'Rows: 1',
      'Load of remote1 afterwards: CPU 21%, memory 40%, 0 in flight\n',
    ].join('\n'))
    expect(process.queries[0]?.options.explain).toBe(true)
  })

  it.each([
    ['ran here', { ...localRoute, latencyMs: 2 }, 'query 7ms + other 13ms'], ['was forwarded on a long way', forwardRoute, 'query 7ms + network 13ms'], ['was forwarded on a short one', { ...forwardRoute, latencyMs: 2 }, 'query 7ms + network 2ms + other 11ms'],
    ['was forwarded on one that is not measured', { ...forwardRoute, latencyMs: null }, 'query 7ms + other 13ms'],
  ])('calls network only what is one: a query that %s', async (_what, route, parts) => {
    const { stderr } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route, batches: [[[1]]] })) }).run('db:query', 'users', 'SELECT 1', '--verbose')
    expect(stderr).toContain(`Time: 20ms = ${parts}; first answer`)
  })

  it('gives the decision to programs with --explain', async () => {
    const { stderr } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ route: { ...forwardRoute, failedAttempts: [] } })) }).run('db:query', 'users', 'SELECT 1', '--explain')
    expect(JSON.parse(stderr.split('\n')[0] ?? '')).toEqual({ ...forwardRoute, failedAttempts: [] })
  })
})

describe('db:query input', () => {
  it('passes on all that was asked', async () => {
    const process = new FakeProcess({ query: () => Promise.resolve(people()) })
    await process.run('db:query', 'users', 'SELECT ?', '-p', '5', '-p', 'five', '-p', '"5"', '-p', '9007199254740993', '-p', 'null', '-p', '1.5', '-p', 'true', '-p', '[1]', '-p', '007', '--priority', 'high', '--timeout', '2m', '--node', 'h:1', '--data-dir', 'd')
    expect(process.connects).toMatchObject([{ dataDir: '/srv/d', node: 'h:1', keyringDir: '/srv/d', timeoutMs: 120_000 }])
    // Less the time of connecting: two looks at the fake clock.
    expect(process.queries[0]).toMatchObject({ sql: 'SELECT ?', options: { database: 'users', priority: 'high', timeoutMs: 119_980, parameters: [5, 'five', '5', 9007199254740993n, null, 1.5, true, '[1]', '007'] } })
  })

  it.each([
    ['12.340::DECIMAL(18,3)', typed('DECIMAL(18,3)', '12.340')], ['2024-05-06::date', typed('date', '2024-05-06')], ['null::DATE', typed('DATE', null)], ['"null"::VARCHAR', typed('VARCHAR', 'null')],
    ['2024-05-06 07:08:09+02::TIMESTAMP WITH TIME ZONE', typed('TIMESTAMP WITH TIME ZONE', '2024-05-06 07:08:09+02')], ['"::TEXT', typed('TEXT', '"')], ['\\x00ff::BLOB', typed('BLOB', '\\x00ff')],
    ['[1, 12345678901234567890.50, null, "a"]::DECIMAL(38,2)[]', typed('DECIMAL(38,2)[]', ['1', '12345678901234567890.50', null, 'a'])],
    ['{"a b": [true]}::STRUCT("a b" BOOLEAN[1])', typed('STRUCT("a b" BOOLEAN[1])', { 'a b': [true] })], ['{"x": 1}::MAP(VARCHAR, INTEGER)', typed('MAP(VARCHAR, INTEGER)', { x: '1' })],
    ['fe80::1', 'fe80::1'], ['std::vector', 'std::vector'], ['"fe80::date"', 'fe80::date'], ['a::', 'a::'], ['::', '::'], ['a::DATE b', 'a::DATE b'], ['[1', '[1'],
  ])('--param %s', async (text, value) => {
    const process = new FakeProcess({ query: () => Promise.resolve(people()) })
    await process.run('db:query', 'users', 'SELECT ?', '--param', text)
    expect(process.queries[0]?.options.parameters).toStrictEqual([value])
  })

  it('--param of a list that is no JSON is refused', async () => {
    const process = new FakeProcess({ query: () => Promise.resolve(people()) })
    const { code, stderr } = await process.run('db:query', 'users', 'SELECT ?', '--param', '1, 2::BIGINT[]')
    expect([code, process.connects]).toEqual([2, []])
    expect(stderr).toContain('is no JSON')
  })

  it.each([[['db:query', 'users']], [['db:query', 'users', '-']], [['db:query', 'users', '--file', '-']]])('%j reads the standard input', async (args: string[]) => {
    const process = new FakeProcess({ stdin: 'SELECT 2', query: () => Promise.resolve(people()) })
    await process.run(...args)
    expect(process.queries[0]?.sql).toBe('SELECT 2')
  })

  it.each([
    [['db:query', 'users'], 'there is no SQL to run'], [['db:query', 'users', ' '], 'there is no SQL to run'],
    [['db:query', 'users', 'SELECT 1', '--file', 'x.sql'], 'both as an argument and by --file'], [['db:query', 'users', '--file', 'missing.sql'], '--file missing.sql cannot be read'],
    [['db:query', 'users', 'SELECT 1', '--timeout', '5'], '--timeout is "5"; it takes a duration with its unit'],
  ])('%j is refused before anything is asked', async (args: string[], message) => {
    const process = new FakeProcess({ terminal: true })
    const { code, stderr } = await process.run(...args)
    expect([code, process.connects]).toEqual([2, []])
    expect(stderr).toContain(message)
  })
})

describe('db:query failures', () => {
  it('alone names --node when no node is there, and keeps a better next step', async () => {
    const lost = (init: { readonly nextStep?: string }): Promise<Outcome> => new FakeProcess({ connect: () => { throw new MeshError('ERR_NO_NODE', 'no node runs here', init) } }).run('db:query', 'users', 'SELECT 1')
    expect(await lost({})).toMatchObject({ code: 3, stderr: 'error: no node runs here (ERR_NO_NODE)\nnext: Start one with rdb start, or the last one again with rdb db:measure:restart, or point --data-dir or --node at a running one.\n' })
    expect((await lost({ nextStep: 'Wake it.' })).stderr).toContain('next: Wake it.\n')
  })

  it('points at the place in the SQL', async () => {
    const sql = 'SELECT id,\n\tnope\nFROM users'
    const error = new MeshError('ERR_SQL', 'Binder Error: column "nope" not found', { details: { position: sql.indexOf('nope') } })
    expect(await new FakeProcess({ query: () => Promise.reject(error) }).run('db:query', 'users', sql)).toEqual({
      code: 1, stdout: '', stderr: 'line 2:  nope\n         ^\nerror: Binder Error: column "nope" not found (ERR_SQL)\nnext: Correct the statement; the message is the engine’s own.\n',
    })
  })

  it.each([['ERR_QUERY_TIMEOUT', 4], ['ERR_NO_HEALTHY_PEER', 3], ['ERR_DATABASE_UNKNOWN', 2], ['ERR_READ_ONLY', 1]] as const)('%s is exit code %d', async (errorCode, code) => {
    const process = new FakeProcess({ query: () => Promise.reject(new MeshError(errorCode, 'so it is')) })
    expect(await process.run('db:query', 'users', 'SELECT 1')).toMatchObject({ code, stdout: '' })
    expect(process.clientsClosed).toBe(1)
  })

  it('says the time that was asked for, not what was left of it', async () => {
    const process = new FakeProcess({ query: () => Promise.reject(new MeshError('ERR_QUERY_TIMEOUT', 'no complete answer within 1970 ms', { details: { started: 'unknown' } })) })
    expect((await process.run('db:query', 'users', 'SELECT 1', '--timeout', '2s')).stderr).toMatch(/^error: no complete answer within 2s \(ERR_QUERY_TIMEOUT\)\nnext: Give more time \(--timeout/)
  })

  it('says where it waited when it never started', async () => {
    const process = new FakeProcess({ query: () => Promise.reject(new MeshError('ERR_QUERY_TIMEOUT', 'the deadline passed after 1970 ms in the queue', { details: { started: 'no' } })) })
    expect((await process.run('db:query', 'users', 'SELECT 1', '--timeout', '2s')).stderr).toContain('1970 ms in the queue (ERR_QUERY_TIMEOUT)')
  })

  it('cancels on Ctrl-C, and ends at once on the second', async () => {
    const process: FakeProcess = new FakeProcess({
      query: (_, { signal }) => new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          process.signal('SIGINT')
          reject(new MeshError('ERR_QUERY_CANCELLED', 'cancelled'))
        })
        process.signal('SIGINT')
      }),
    })
    expect(await process.run('db:query', 'users', 'SELECT 1')).toEqual({ code: 130, stdout: '', stderr: 'Query cancelled.\n' })
    expect([process.exits, process.clientsClosed, process.listensForSignals]).toEqual([['SIGINT'], 1, false])
  })

  it('cancels when the reader of stdout goes away, without a word', async () => {
    const result = fakeResult({ batches: [[[1]], [[2]], [[3]]] })
    const process = new FakeProcess({ closesAfterWrites: 1, query: () => Promise.resolve(result) })
    expect(await process.run('db:query', 'users', 'SELECT 1')).toMatchObject({ code: 0, stderr: '' })
    expect([result.pulled(), result.wasLeft(), process.clientsClosed]).toEqual([2, true, 1])
  })

  it('keeps the rows that came before a break, and says that it broke', async () => {
    const result = fakeResult({ batches: [[[1]]] })
    const broken = { ...result, async *[Symbol.asyncIterator]() {
      yield* result
      throw new MeshError('ERR_QUERY_BROKEN', 'remote1 went away after 1 row')
    } }
    expect(await new FakeProcess({ query: () => Promise.resolve(broken) }).run('db:query', 'users', 'SELECT 1')).toMatchObject({ code: 3, stdout: '{"n":1}\n', stderr: expect.stringContaining('after 1 row (ERR_QUERY_BROKEN)') as string })
  })
})

describe('db:query progress', () => {
  it('shows on a terminal while it takes long, and is gone before the rows', async () => {
    vi.useFakeTimers()
    try {
      const { promise, resolve } = Promise.withResolvers<ReturnType<typeof fakeResult>>()
      const process = new FakeProcess({ terminal: true, query: () => promise })
      const outcome = process.run('db:query', 'users', 'SELECT 1')
      // The fake clock moves 10 ms a look, so 60 ticks show the line.
      await vi.advanceTimersByTimeAsync(60 * 200)
      expect(process.stderr.text()).toMatch(/\r\u001b\[K5\d\dms, no rows yet, Ctrl-C cancels/)
      resolve(people())
      const { stderr } = await outcome
      expect(stderr).toMatch(/cancels\r\u001b\[K3 rows in .*\n$/)
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('db:query --transaction', () => {
  const two = ['db:query', 'users', '--transaction', 'UPDATE a SET n = 1', 'DELETE FROM b'] as const

  it('runs all statements in one, in order, and prints their results', async () => {
    const process = new FakeProcess({ query: (sql) => Promise.resolve(fakeResult({ columns: [{ name: 'sql', type: 'VARCHAR' }], batches: [[[sql]]] })) })
    expect(await process.run(...two, '--session', 's', '--priority', 'high')).toEqual({ code: 0, stderr: '', stdout: '{"sql":"UPDATE a SET n = 1"}\n{"sql":"DELETE FROM b"}\n' })
    expect(process.transactions).toMatchObject([{ database: 'users', end: 'commit', options: { readOnly: false, session: 's', priority: 'high' } }])
    expect(process.transactions[0]?.options.timeoutMs).toBeLessThanOrEqual(30_000)
    expect(process.clientsClosed).toBe(1)
    const verbose = await new FakeProcess({ query: () => Promise.resolve(fakeResult({})) }).run(...two, '--verbose', '--read-only')
    expect(verbose.stderr).toMatch(/Committed 2 statements in \d+ms\n$/)
  })

  it('stops at the statement that fails, and shows that one', async () => {
    const process = new FakeProcess({ query: (sql) => (sql.startsWith('DELETE') ? Promise.reject(new MeshError('ERR_SQL', 'no table b', { details: { position: 12 } })) : Promise.resolve(fakeResult({}))) })
    const { code, stderr } = await process.run(...two, 'SELECT 1')
    expect([code, process.queries.length, process.transactions[0]?.end]).toEqual([1, 2, 'rollback'])
    expect(stderr).toContain('DELETE FROM b')
  })

  it('that is cancelled or too late says that nothing was kept, and the time that was asked for', async () => {
    const fail = (code: 'ERR_QUERY_TIMEOUT' | 'ERR_QUERY_AMBIGUOUS' | 'ERR_QUERY_CANCELLED', isCancelled = false): Promise<Outcome> => {
      const process: FakeProcess = new FakeProcess({ query: () => {
        if (isCancelled) process.signal('SIGINT')
        return Promise.reject(new MeshError(code, 'within 1970 ms'))
      } })
      return process.run(...two, '--timeout', '2s')
    }
    expect(await fail('ERR_QUERY_CANCELLED', true)).toMatchObject({ code: 130, stderr: 'Transaction cancelled and rolled back: nothing of it was kept.\n' })
    expect(await fail('ERR_QUERY_AMBIGUOUS', true)).toMatchObject({ code: 130, stderr: 'Cancelled during the commit: look whether the transaction took effect.\n' })
    expect(await fail('ERR_QUERY_TIMEOUT')).toMatchObject({ code: 4, stderr: expect.stringContaining('longer than 2s and was rolled back: nothing of it was kept (ERR_QUERY_TIMEOUT)') as string })
  })

  it.each([
    [['json'], [[{ n: 1 }], [{ n: 1 }]]], [['json', 'SELECT 3'], [[{ n: 1 }], [{ n: 1 }], [{ n: 1 }]]],
  ])('prints one JSON value: %j', async ([format, ...more], expected) => {
    const { stdout } = await new FakeProcess({ query: () => Promise.resolve(fakeResult({ batches: [[[1]]] })) }).run(...two, ...more, '--format', format as string)
    expect(JSON.parse(stdout)).toEqual(expected)
  })

  it('keeps the tables of CSV apart, and a single result as it is', async () => {
    const process = (): FakeProcess => new FakeProcess({ query: () => Promise.resolve(fakeResult({ batches: [[[1]]] })) })
    expect((await process().run(...two, '--format', 'csv')).stdout).toBe('n\n1\n\nn\n1\n')
    expect((await process().run('db:query', 'users', '--transaction', 'SELECT 1', '--format', 'json')).stdout).toBe('[\n{"n":1}\n]\n')
  })

  it.each([
    [['db:query', 'users', 'SELECT 1', 'SELECT 2'], /--transaction/], [['db:query', 'users', 'SELECT 1', '--read-only'], /--read-only is for transactions/], [['db:query', 'users', '--transaction'], /needs its statements/],
    [['db:query', 'users', '--transaction', 'SELECT 1', '--file', 'a.sql'], /as arguments/], [['db:query', 'users', '--transaction', 'SELECT ?', '--param', '1'], /of which statement/],
    [['db:query', 'users', '--transaction', 'SELECT 1', 'SELECT 2', '--format', 'arrow'], /holds one result/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await new FakeProcess({}).run(...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })
})

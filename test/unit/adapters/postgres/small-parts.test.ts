import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dimensionsOf, parseArrayLiteral } from '../../../../src/adapters/postgres/array-literal.ts'
import { isUrl, parseConnectionTarget } from '../../../../src/adapters/postgres/connection-target.ts'
import { parameterValues } from '../../../../src/adapters/postgres/parameters.ts'
import { passwordIn, readPassFile } from '../../../../src/adapters/postgres/pass-file.ts'
import { Permits } from '../../../../src/adapters/postgres/permits.ts'
import { isConnectionLost, meshErrorOf, type FailedRun } from '../../../../src/adapters/postgres/server-error.ts'
import { daysOf, microsOfDay, microsOfTimestamp } from '../../../../src/adapters/postgres/temporal-text.ts'
import { dateText, timestampText, timeText } from '../../../../src/wire/results/calendar.ts'

describe('the URL of a PostgreSQL database', () => {
  it('keeps its own settings to itself and shows no parameters', () => {
    expect(parseConnectionTarget('users', 'postgres://app@db1:5433/users?connections=3&passfile=/run/pass&sslmode=require')).toEqual({
      shown: 'app@db1:5433/users', connectionString: 'postgres://app@db1:5433/users?sslmode=require', connectionsMax: 3, passFile: '/run/pass',
    })
    expect(parseConnectionTarget('users', 'postgresql://app@/users?host=/var/run/postgresql')).toMatchObject({ shown: 'app@/var/run/postgresql/users', connectionString: 'postgresql://app@/users?host=%2Fvar%2Frun%2Fpostgresql', connectionsMax: 10, passFile: null })
    expect(['postgres://h/d', 'PostgreSQL://h/d', ' postgres://h/d', 'Postgres:/h/d', 'http://h/d', './postgres', 'users.duckdb', '/srv/postgres:/d', 'postgres/d'].map(isUrl)).toEqual([true, true, true, true, true, false, false, false, false])
    expect(parseConnectionTarget('users', 'POSTGRES://app@DB1/Users')).toMatchObject({ shown: 'app@DB1/Users' })
  })

  it('is refused with a password, without a database, and with an odd pool, and is not repeated', () => {
    for (const url of ['postgres://app:s3cret@db1/users', 'postgres://app@db1/users?password=s3cret', 'postgres://app@db1/?x=s3cret', 'postgres://app@db1/users?connections=0&x=s3cret', 'postgres://app@db1/users?connections=1001', 'postgres://app@db1/users?passfile=', 'postgres://s3cret:@[/x', 'POSTGRES://app:s3cret@db1/users', 'postgres:/app:s3cret@db1/users', ' postgres://app:s3cret@db1/users', 'mysql://app:s3cret@db1/users']) {
      let refusal: unknown
      try {
        parseConnectionTarget('users', url)
      } catch (error) {
        refusal = error
      }
      expect(refusal, url).toMatchObject({ code: 'ERR_OPTION_INVALID' })
      expect(JSON.stringify(refusal) + String(refusal), url).not.toContain('s3cret')
    }
  })
})

describe('a password file', () => {
  const key = { host: 'db1', port: 5432, database: 'users', user: 'app' }

  it('gives the first line that matches, with escapes and wildcards', () => {
    const text = '# db1:5432:users:app:comment\ndb2:*:*:*:no\nbroken\ndb1:5432:users:app:a\\:b\\\\c:d\n*:*:*:*:last\n'
    expect(passwordIn(text, key)).toBe('a:b\\c:d')
    expect(passwordIn(text, { ...key, port: 5433 })).toBe('last')
    expect(passwordIn('db1:5432:users:app:x', { ...key, user: 'other' })).toBeNull()
    expect(passwordIn('localhost:5432:users:app:by socket', { ...key, host: '/run' })).toBe('by socket')
    expect(passwordIn('localhost:5432:users:app:x', key)).toBeNull()
  })

  it('is refused when others may read it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pass-file-'))
    try {
      const path = join(folder, 'pass')
      await writeFile(path, '*:*:*:*:secret\n', { mode: 0o600 })
      await expect(readPassFile(path, key)).resolves.toBe('secret')
      await chmod(path, 0o640)
      await expect(readPassFile(path, key)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH' })
      await expect(readPassFile(join(folder, 'none'), key)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('values', () => {
  it('arrays are read with quotes, nulls, dimensions and bounds, and nothing else is', () => {
    expect(parseArrayLiteral('{1,NULL,"NULL","a\\"\\\\b,}",""}')).toEqual(['1', null, 'NULL', 'a"\\b,}', ''])
    expect(parseArrayLiteral('[1:1][0:1]={{a,b}}')).toEqual([['a', 'b']])
    expect(parseArrayLiteral('{(1,2);(3,4)}', ';')).toEqual(['(1,2)', '(3,4)'])
    expect([dimensionsOf([]), dimensionsOf(['1']), dimensionsOf([['1'], ['2']])]).toEqual([null, 1, 2])
    for (const text of ['', '1', '{', '{1', '{"a', '{"a"', '{1}x', '{1,{2}']) expect(() => parseArrayLiteral(text), text).toThrow(RangeError)
  })

  it('dates and times are counted as the reader counts them back', () => {
    for (const text of ['1970-01-01', '2000-02-29', '1900-03-01', '0001-01-01', '9999-12-31', 'infinity', '-infinity']) expect(dateText(daysOf(text))).toBe(text)
    expect(dateText(daysOf('4713-11-24 BC'))).toBe('-004712-11-24')
    for (const text of ['00:00:00', '23:59:59.999999', '24:00:00', '01:02:03.5']) expect(timeText(microsOfDay(text), 'microsecond')).toBe(text)
    expect(timestampText(microsOfTimestamp('1969-12-31 23:59:59.999999+00'), 'microsecond', true)).toBe('1969-12-31T23:59:59.999999Z')
    for (const text of ['2024-01-01', '2024-01-01 10:00:00+02', '294276-12-31 00:00:00']) expect(() => microsOfTimestamp(text), text).toThrow(RangeError)
  })

  it('parameters are text, a blob bytes, a date in UTC', () => {
    expect(parameterValues([null, true, -0, 1.5, 2n ** 70n, 'x', Uint8Array.of(1), new Date('2024-01-02T03:04:05.678Z'), new Date('-000043-03-15T00:00:00Z')])).toEqual([null, 'true', '-0', '1.5', '1180591620717411303424', 'x', Buffer.from([1]), '2024-01-02T03:04:05.678Z', '0044-03-15T00:00:00.000Z BC'])
  })
})

describe('errors of the server', () => {
  const read: FailedRun = { sql: 'SELECT x', access: 'read', aborted: false, delivered: false, isPrimary: true }
  const failure = (code: string, more: object = {}): Error => Object.assign(new Error(`of ${code}`), { code, ...more })

  it('become the mesh’s, by what may have happened', () => {
    const cases: ReadonlyArray<readonly [Error, FailedRun, string]> = [
      [failure('42703', { position: '8' }), read, 'ERR_SQL'], [failure('08P01'), read, 'ERR_SQL'], [failure('57014'), { ...read, aborted: true }, 'ERR_QUERY_CANCELLED'],
      [new Error('Connection terminated unexpectedly'), read, 'ERR_NOT_SERVING'], [failure('57P01'), { ...read, delivered: true }, 'ERR_QUERY_BROKEN'], [failure('ECONNRESET'), { ...read, access: 'write' }, 'ERR_QUERY_AMBIGUOUS'],
      [failure('53300'), read, 'ERR_OVERLOADED'], [failure('40001'), read, 'ERR_NOT_SERVING'], [failure('40001'), { ...read, access: 'write' }, 'ERR_TRANSACTION_CONFLICT'],
      [failure('25006'), { ...read, isPrimary: false }, 'ERR_NOT_PRIMARY'], [failure('25006'), read, 'ERR_SQL'],
      [Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }), read, 'ERR_QUERY_TIMEOUT'], [failure('57014'), read, 'ERR_NOT_SERVING'],
    ]
    for (const [error, run, code] of cases) expect([error.message, meshErrorOf(error, run).code]).toEqual([error.message, code])
    expect([failure('28P01'), failure('ECONNREFUSED'), failure('42601')].map(isConnectionLost)).toEqual([true, true, false])
  })

  it('say where, in characters of a JavaScript string', () => {
    expect(meshErrorOf(failure('42703', { position: '14' }), { ...read, sql: "SELECT '😀',\n x" }).details).toMatchObject({ position: 14, line: 2, column: 2 })
  })
})

describe('permits', () => {
  const live = new AbortController().signal

  it('are bounded, and so is the queue for them; who leaves it is not served', async () => {
    const permits = new Permits({ max: 1, waitingMax: 2 })
    await permits.take(live)
    const leaver = new AbortController()
    const left = permits.take(leaver.signal)
    const served = permits.take(live)
    expect(() => permits.take(live)).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }) as Error)
    leaver.abort()
    await expect(left).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    permits.give()
    await served
    expect([permits.taken, permits.waiting]).toEqual([1, 0])
    const refused = permits.take(live)
    const closed = permits.close()
    await expect(refused).rejects.toMatchObject({ code: 'ERR_NOT_SERVING' })
    permits.give()
    await closed
    expect(permits.taken).toBe(0)
  })
})

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, run } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

describe('a folder as a database', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let data: string
  beforeEach(async () => {
    root = await temporaryFolder()
    data = join(root.path, "it's data")
    await mkdir(data)
  })
  afterEach(async () => root.remove())
  const put = (name: string, text: string | Uint8Array): Promise<void> => writeFile(join(data, name), text)

  it('makes a table of each CSV, JSON and Parquet file, compressed or not', async () => {
    await put('plain.csv', 'id,name\n1,a\n2,"b; ""c"""\n')
    await put('Tabs and spaces!.tsv', 'id\tname\n1\ta\n')
    await put('zipped.csv.gz', gzipSync('id;name\n1;a\n'))
    await put('2024 sales.json', '[{"id": 1, "tags": ["x"]}, {"id": 2}]')
    await put('lines.jsonl', '{"id": 1}\n{"id": 2}\n')
    await put('events.ndjson.gz', gzipSync('{"id": 1}\n'))
    await prepareFile(':memory:', ['a', 'b'].map((name) => `COPY (SELECT '${name}' AS part) TO '${data.replaceAll("'", "''")}/parts-${name}.parquet'`))
    await put("quote's.csv", 'it\'s,"say ""x""",day\n1,2,24/12/2024\n')
    await put('.hidden.csv', 'x\n1\n')
    await put('notes.txt', 'not a table')
    await mkdir(join(data, 'folder.csv'))
    const engine = await openEngine(data)
    expect(engine.folderTables.map((table) => table.name).sort()).toEqual(['_2024_sales', 'events', 'lines', 'parts_a', 'parts_b', 'plain', 'quote_s', 'tabs_and_spaces_', 'zipped'])
    expect((await collect(await run(engine, 'SELECT * FROM plain ORDER BY id'))).rows).toEqual([[1n, 'a'], [2n, 'b; "c"']])
    expect((await collect(await run(engine, 'SELECT name FROM zipped UNION ALL SELECT name FROM tabs_and_spaces_'))).rows).toEqual([['a'], ['a']])
    expect((await collect(await run(engine, 'SELECT id, tags FROM _2024_sales ORDER BY id'))).rows).toEqual([[1n, ['x']], [2n, null]])
    expect((await collect(await run(engine, 'SELECT count(*) FROM lines, events'))).rows).toEqual([[2n]])
    expect((await collect(await run(engine, 'SELECT part FROM parts_a UNION SELECT part FROM parts_b ORDER BY 1'))).rows).toEqual([['a'], ['b']])
    expect((await collect(await run(engine, 'SELECT "it\'s", "say ""x""", day FROM quote_s'))).rows).toEqual([[1n, 2n, '2024-12-24']])
    await put('plain.csv', 'id,name\n3,"quoted, now"\n')
    expect((await collect(await run(engine, 'SELECT * FROM plain'))).rows).toEqual([[3n, 'quoted, now']])
    await engine.close()
  })

  it('is refused with a pipe or a socket in it, without waiting for who writes there', async () => {
    await put('plain.csv', 'id\n1\n')
    execFileSync('mkfifo', [join(data, 'pipe.csv')])
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('pipe.csv is not a regular file') as string, nextStep: expect.stringContaining('Take it out') as string })
    await rm(join(data, 'pipe.csv'))
    const server = createServer().listen(join(data, 'socket.json'))
    await once(server, 'listening')
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('socket.json is not a regular file') as string })
    server.close()
  })

  it('says that nobody writes it, so that no write looks for a primary', async () => {
    await put('plain.csv', 'id\n1\n')
    const folder = await openEngine(data)
    await prepareFile(join(root.path, 'file.duckdb'), ['CREATE TABLE t (id INTEGER)'])
    const file = await openEngine(join(root.path, 'file.duckdb'))
    expect([folder.isReadOnly, file.isReadOnly]).toEqual([true, false])
    await Promise.all([folder.close(), file.close()])
  })

  it('names its data anew when a file is written, replaced, or set back in time', async () => {
    const path = join(data, 'plain.csv')
    const versions: string[] = []
    const change = async (work: () => Promise<void>): Promise<void> => {
      await work()
      // Of what has just been changed, a second change might not show.
      let version = await engine.dataVersion()
      expect(version).toBeNull()
      while (version === null) version = await engine.dataVersion()
      await expect(engine.dataVersion()).resolves.toBe(version)
      versions.push(version)
    }
    await put('plain.csv', 'id\n1\n')
    const engine = await openEngine(data)
    const { atime, mtime } = await stat(path)
    await change(() => utimes(path, atime, mtime))
    await change(async () => {
      await put('plain.csv', 'id\n2\n')
      await utimes(path, atime, mtime)
    })
    await put('new.csv', 'id\n3\n')
    await change(() => rename(join(data, 'new.csv'), path))
    expect(new Set(versions).size).toBe(3)
    await rm(path)
    await expect(engine.dataVersion()).resolves.toBeNull()
    await engine.close()
  })

  it('refuses two files of one name, naming both', async () => {
    await put('Sales.csv', 'a\n1\n')
    await put('sales.json', '[{"a": 1}]')
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringMatching(/Sales\.csv.*sales\.json.*sales/) as string })
  })

  it('refuses a file that cannot be read, naming it', async () => {
    await put('good.csv', 'a\n1\n')
    await put('bad.parquet', 'no parquet')
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('bad.parquet') as string })
    await put('bad.parquet', '')
    await chmod(join(data, 'bad.parquet'), 0o000)
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('bad.parquet') as string })
  })

  it('refuses links out of the folder and dangling ones; links within it are tables', async () => {
    await put('good.csv', 'a\n1\n')
    await symlink(join(data, 'good.csv'), join(data, 'same.csv'))
    const engine = await openEngine(data)
    expect((await collect(await run(engine, 'SELECT a FROM same'))).rows).toEqual([[1n]])
    await engine.close()
    await writeFile(join(root.path, 'secret.csv'), 'a\n1\n')
    await symlink(join(root.path, 'secret.csv'), join(data, 'out.csv'))
    await expect(openEngine(data)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('out.csv') as string })
    const other = join(root.path, 'other')
    await mkdir(other)
    await symlink(join(other, 'nowhere.csv'), join(other, 'dangling.csv'))
    await expect(openEngine(other)).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining('dangling.csv') as string })
  })
})

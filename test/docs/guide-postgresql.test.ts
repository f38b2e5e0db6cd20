/** Runs docs/guides/postgresql.md: a node as its first command starts it, beside a real server, then every other `sh` line at it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresBin, TestServer } from '../integration/postgres/server.ts'
import { type CommandResult, type NodeProcess, TestMesh } from '../support/processes.ts'

const guide = await readFile(join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/guides/postgresql.md'), 'utf8')
const lines = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, text = '']) => text.trimEnd().split('\n'))
const [start = '', ...commands] = lines

describe.skipIf(postgresBin === null)('docs/guides/postgresql.md', () => {
  let server: TestServer
  let mesh: TestMesh
  let node: NodeProcess
  const results = new Map<string, CommandResult>()
  beforeAll(async () => {
    server = await TestServer.create()
    await server.sql('CREATE DATABASE users')
    await server.sql("CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'Ada'), (2, 'Edsger')", 'users')
    mesh = await TestMesh.create()
    const passFile = join(mesh.folder, 'pgpass')
    await writeFile(passFile, '*:*:*:mesh:any\n', { mode: 0o600 })
    const database = /--db (\S+)/.exec(start)?.[1] ?? ''
    node = await mesh.start('db1', { databaseArgs: ['--db', database.replace('127.0.0.1:5432', `127.0.0.1:${server.port}`).replace('/etc/reedbase/pgpass', passFile)] })
    await node.ready()
    for (const line of commands) results.set(line, await node.rdb([...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, quoted, single, plain]) => quoted ?? single ?? plain ?? '').slice(1)))
  })
  afterAll(async () => {
    await mesh.stop()
    await server.remove()
  })

  it('its commands do what they are shown to do', () => {
    expect(start).toMatch(/^rdb start --name db1 --db users=postgres:\/\//)
    expect(results.size).toBeGreaterThan(3)
    for (const [line, { code, stderr }] of results) expect([line, code, stderr], line).toEqual([line, 0, expect.any(String)])
    expect(results.get('rdb db:query users "SELECT name FROM people ORDER BY id"')?.stdout).toMatch(/Ada[^]*Edsger[^]*Grace/)
    expect([...results].filter(([line]) => line.includes('--param')).map(([, { stdout }]) => stdout)).toEqual(['{"name":"Grace"}\n', '{"name":"Ada"}\n{"name":"Grace"}\n', '{"name":"Ada"}\n{"name":"Grace"}\n'])
    expect(results.get('rdb db:nodes users')?.stdout).toContain('primary')
  })

  it('the log names the server and no password', async () => {
    const log = await node.log()
    expect(log).toContain('mesh@127.0.0.1')
    expect(log).not.toContain('pgpass')
  })
})

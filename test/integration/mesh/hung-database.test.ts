/** A database that never opens, as on a server of files that is gone: a log of changes that is a pipe, which nobody writes. With real processes. */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callControl } from '../../../src/client/control.ts'
import { collect } from '../../support/collect.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'
import { prepareFile } from '../duckdb/fixtures.ts'

let mesh: TestMesh
let node: NodeProcess
let starting: NodeProcess
let path: string

beforeAll(async () => {
  mesh = await TestMesh.create()
  path = join(mesh.folder, 'hung.duckdb')
  await prepareFile(path, ['CREATE TABLE t (id INTEGER)'])
  execFileSync('mkfifo', [`${path}.wal`])
  starting = await mesh.start('starting', { databaseArgs: ['--db', `hung=${path}`] })
  node = await mesh.start('local1')
  await node.ready()
})
afterAll(() => mesh.stop())

const configuration = (): Promise<string> => readFile(join(node.dataDir, 'reedbase.yaml'), 'utf8').catch(() => '')

it('holds up no change of the configuration, is not kept, goes with who asked, and does not keep the node from ending', async () => {
  const caller = new AbortController()
  const hung = collect(callControl({ dataDir: node.dataDir }, { method: 'database-register', name: 'hung', entry: { path }, save: true }, caller.signal)).catch((error: unknown) => error)
  await until('the call to wait', isBeingRegistered)
  expect(await node.rdb(['db:routing:config', 'numbers', '--cpu-threshold', '71'])).toMatchObject({ code: 0 })
  expect(await configuration()).toContain('71')
  expect(await configuration()).not.toContain('hung')
  caller.abort()
  await hung
  await until('the call to be given up', async () => !(await isBeingRegistered()))
  expect(await configuration()).not.toContain('hung')
  node.child.kill('SIGTERM')
  expect(await node.exited).toEqual({ code: 0, signal: null })
})

async function isBeingRegistered(): Promise<boolean> {
  return (await node.rdb(['db:register', 'hung', join(mesh.folder, 'missing')])).stderr.includes('is being registered')
}

it('does not keep a start from ending with a second signal', async () => {
  // Long before it, the other one was ready.
  expect(starting.hasExited).toBe(false)
  starting.child.kill('SIGTERM')
  await until('the signal to be heard', async () => (await starting.log()).includes('during the start'))
  starting.child.kill('SIGTERM')
  expect(await starting.exited).toEqual({ code: null, signal: 'SIGTERM' })
})

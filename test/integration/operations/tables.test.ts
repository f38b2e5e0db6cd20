/** Tables on disk against real file systems and a real crash: a small one in memory that fills up or turns read-only, and a node that is killed. */
import { execFileSync } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, createNode } from '../../../src/index.ts'
import { startTables } from '../../../src/operations/tables/start-tables.ts'
import { collect } from '../../support/collect.ts'
import { TestMesh, until } from '../../support/processes.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { measuredNode } from '../../unit/operations/tables/measured-node.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-tables-')) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

function mount(path: string, options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

const probe = await mkdtemp(join(tmpdir(), 'reedbase-mount-'))
const canMount = mount(probe, 'size=64k')
if (canMount) execFileSync('umount', [probe])
await rm(probe, { recursive: true })
if (!canMount) process.stderr.write('\nSKIPPED: full and read-only disks are not tested, since this user cannot mount a tmpfs (run as root)\n\n')

/** All that is left, to the last byte. */
async function fill(path: string): Promise<void> {
  for (const chunk of [65_536, 4_096]) {
    for (;;) {
      try {
        await appendFile(path, Buffer.alloc(chunk))
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' })
        break
      }
    }
  }
}

describe.skipIf(!canMount)('a disk', () => {
  const mounted: string[] = []
  async function disk(options: string): Promise<string> {
    const path = await mkdtemp(join(folder, 'disk-'))
    expect(mount(path, options)).toBe(true)
    mounted.push(path)
    return path
  }
  afterAll(() => { for (const path of mounted) execFileSync('umount', ['--lazy', path]) })

  it('that is full costs no whole line, and is written again when there is room', async () => {
    const node = await measuredNode('2026-11-20T12:00:00.000Z')
    const dataDir = await disk('size=256k')
    const tables = startTables({ inspection: { ...node.inspection, dataDir } })
    for (let second = 0; second < 100; second++) {
      node.load(second, 0)
      node.clock.advance(1_000)
    }
    await tables.flush()
    await fill(join(dataDir, 'other'))
    for (let second = 0; second < 200; second++) {
      node.load(1_000 + second, 0)
      node.clock.advance(1_000)
    }
    await tables.flush()
    expect(tables.problem()).toMatchObject({ code: 'disk-full' })
    const whole = await readFile(join(dataDir, 'load.csv'), 'utf8')
    expect(whole.endsWith('\n')).toBe(true)
    await unlink(join(dataDir, 'other'))
    node.clock.advance(60_000)
    await tables.flush()
    expect(tables.problem()).toBeNull()
    const figures = (await readFile(join(dataDir, 'load.csv'), 'utf8')).split('\n').slice(1, -1).map((line) => Number(line.split(',')[0]))
    expect(figures).toEqual([...Array.from({ length: 100 }, (_, second) => second), ...Array.from({ length: 200 }, (_, second) => 1_000 + second)])
    await node.close()
    await node.remove()
  })

  it('that turns read-only is told as that', async () => {
    const node = await measuredNode('2026-11-20T12:00:00.000Z')
    const dataDir = await disk('size=256k')
    const tables = startTables({ inspection: { ...node.inspection, dataDir } })
    node.load(1, 1)
    await tables.flush()
    execFileSync('mount', ['-o', 'remount,ro', dataDir])
    node.load(2, 2)
    await tables.flush()
    expect(tables.problem()).toMatchObject({ code: 'read-only', message: expect.stringContaining('EROFS') as string })
    execFileSync('mount', ['-o', 'remount,rw', dataDir])
    node.clock.advance(60_000)
    await tables.flush()
    expect(tables.problem()).toBeNull()
    expect((await readFile(join(dataDir, 'load.csv'), 'utf8')).split('\n')).toHaveLength(4)
    await node.close()
    await node.remove()
  })

  it('that is full stops no node, and none of its queries', async () => {
    const dataDir = await disk('size=2m')
    const log = createRecordingLog()
    const node = await createNode({ name: 'near', dataDir, listen: '127.0.0.1:0', tables: { metricsInterval: '1s' } }, { log })
    const rows = async (sql: string): Promise<unknown[]> => await collect((await node.query(sql, { database: 'reedbase' })).rows())
    await fill(join(dataDir, 'other'))
    // Each query of the table has what is waiting written first; a page of its file may still have room, but not for the first metrics.
    await until('the disk to be told full', async () => {
      await rows('SELECT 1 FROM load')
      return log.lines.some((line) => line.startsWith('warn The tables cannot be written: ENOSPC'))
    })
    expect(await rows('SELECT name FROM nodes')).toEqual([{ name: 'near' }])
    expect(node.status().state).toBe('alive')
    await node.stop('the test is over')
  })
})

describe('a node that is killed', () => {
  it('leaves tables that the next one heals and goes on with', async () => {
    const mesh = await TestMesh.create()
    try {
      const first = await mesh.start('near', { databaseArgs: [] })
      await first.ready()
      const path = join(first.dataDir, 'load.csv')
      const client = await connect({ dataDir: first.dataDir })
      // Each query has what is waiting written first.
      await until('rows of load', async () => (await collect((await client.query('SELECT 1 FROM load', { database: 'reedbase' })).rows())).length > 0)
      await client.close()
      first.child.kill('SIGKILL')
      await first.exited
      const before = await readFile(path, 'utf8')
      await appendFile(path, '12.3')
      await writeFile(join(first.dataDir, 'nodes.csv.0123456789ab.tmp'), 'half')
      const second = await mesh.start('near', { databaseArgs: [] })
      await second.ready()
      await until('the table to be healed', async () => (await second.log()).includes('4 bytes of a torn last line were cut off'))
      const { code, stdout } = await second.rdb(['db:query', 'reedbase', 'SELECT count(*) > 0 AS has_rows, count(cpu_percent) = count(*) AS is_whole FROM load', '--format', 'csv'])
      expect([code, stdout]).toEqual([0, 'has_rows,is_whole\ntrue,true\n'])
      expect((await readFile(path, 'utf8')).startsWith(before)).toBe(true)
      second.child.kill('SIGTERM')
      expect(await second.exited).toMatchObject({ code: 0 })
      const after = await readFile(path, 'utf8')
      expect(after.endsWith('\n')).toBe(true)
      expect(after.split('\n').slice(1, -1).every((line) => /^[\d.]+,[\d.]+,\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(line))).toBe(true)
    } finally {
      await mesh.stop()
    }
  })
})

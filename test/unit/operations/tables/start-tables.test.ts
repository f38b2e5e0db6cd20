import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type TableFileSystem, tableFileSystem } from '../../../../src/adapters/files/csv-table.ts'
import { columnNames, TABLE_FILES } from '../../../../src/operations/tables/columns.ts'
import { startTables, type Tables, type TablesParts } from '../../../../src/operations/tables/start-tables.ts'
import { PENDING_ROWS_MAX } from '../../../../src/operations/tables/table-writer.ts'
import { settle } from '../../../support/query-plane.ts'
import { type MeasuredNode, measuredNode, memberView } from './measured-node.ts'

const nodes: MeasuredNode[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.remove()
})

async function start(at: string, { options = {}, before, ...parts }: { readonly options?: object; readonly before?: (node: MeasuredNode) => Promise<void> } & Partial<TablesParts> = {}): Promise<{ node: MeasuredNode; tables: Tables; read: (name: string) => Promise<string[]> }> {
  const node = await measuredNode(at, options)
  nodes.push(node)
  await before?.(node)
  const tables = startTables({ inspection: node.inspection, metrics: { samples: () => node.samples() }, ...parts })
  await tables.flush()
  return { node, tables, read: async (name) => (await fs.readFile(join(node.dataDir, name), 'utf8')).split('\n').slice(0, -1) }
}

const minuteHeader = columnNames(TABLE_FILES.load.aggregates).join(',')

const write = (name: string, content: string) => async ({ dataDir }: MeasuredNode): Promise<void> => {
  await fs.mkdir(join(dataDir, 'history'), { recursive: true })
  await fs.writeFile(join(dataDir, name), content)
}

const failing = (state: { code: string | null; attempts: number }, of: (path: string) => boolean = () => true): TableFileSystem => ({
  ...tableFileSystem,
  open: async (path, ...rest) => {
    if (!of(String(path))) return await fs.open(path, ...rest)
    state.attempts++
    if (state.code !== null) throw Object.assign(new Error(`${state.code}: it fails as the test says`), { code: state.code })
    return await fs.open(path, ...rest)
  },
})

describe('tables on disk', () => {
  it('have each sample, with the status of its peer', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z')
    node.members = [memberView('near', { local: true }), memberView('far', { status: 'degraded' })]
    node.tell.handleRtt('peer-far', 1.23456, 'ping')
    node.clock.advance(1_500)
    node.tell.handleLost('peer-far', 'ping')
    node.tell.handleRtt('peer-gone', 2, 'ping')
    node.load(12.345, 50)
    await tables.flush()
    expect(await read('latency.csv')).toEqual([
      'peer_id,latency_ms,timestamp,status',
      'peer-far,1.235,2026-11-20T12:00:00.000Z,degraded', 'peer-far,,2026-11-20T12:00:01.500Z,lost', 'peer-gone,2,2026-11-20T12:00:01.500Z,unhealthy',
    ])
    expect(await read('load.csv')).toEqual(['cpu_percent,memory_percent,timestamp', '12.35,50,2026-11-20T12:00:01.500Z'])
    expect(tables.problem()).toBeNull()
    expect(tables.counters).toEqual({ rowsWritten: 4, rowsDropped: 0, filesHealed: 0 })
  })

  it('have an ack of a peer each ten seconds only', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z')
    for (let second = 0; second < 25; second++) {
      node.tell.handleRtt('peer-far', 1, 'datagram')
      node.clock.advance(1_000)
    }
    await tables.flush()
    expect((await read('latency.csv')).slice(1).map((line) => line.split(',')[2])).toEqual(['2026-11-20T12:00:00.000Z', '2026-11-20T12:00:10.000Z', '2026-11-20T12:00:20.000Z'])
  })

  it('have metrics that changed, with their labels as JSON', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', { options: { tables: { metricsInterval: '10s' } } })
    let value = 1
    node.samples = () => Promise.resolve([{ name: 'a_total', labels: { peer: 'x "y", z' }, value: 7 }, { name: 'b', labels: {}, value: value++ }])
    for (let round = 0; round < 3; round++) {
      node.clock.advance(10_000)
      await settle()
    }
    await tables.flush()
    expect(await read('metrics/p2p.csv')).toEqual([
      'metric,labels,value,timestamp',
      'a_total,"{""peer"":""x \\""y\\"", z""}",7,2026-11-20T12:00:10.000Z', 'b,{},1,2026-11-20T12:00:10.000Z', 'b,{},2,2026-11-20T12:00:20.000Z', 'b,{},3,2026-11-20T12:00:30.000Z',
    ])
  })

  it('have what each minute came to', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:30.000Z')
    for (let second = 0; second < 30; second++) {
      node.tell.handleRtt('peer-far', second, 'ping')
      node.load(second, 50)
      node.clock.advance(1_000)
    }
    node.tell.handleLost('peer-far', 'ping')
    await tables.flush()
    expect(await read('history/latency-1m-2026-11-20.csv')).toEqual(['peer_id,timestamp,count,lost,min_ms,mean_ms,max_ms,p50_ms,p99_ms', 'peer-far,2026-11-20T12:00:00.000Z,30,0,0,14.5,29,14,29'])
    expect((await read('history/load-1m-2026-11-20.csv'))[1]).toBe('2026-11-20T12:00:00.000Z,30,0,14.5,29,14,29,50,50,50,50,50')
    await node.close()
    expect((await read('history/latency-1m-2026-11-20.csv'))[2]).toBe('peer-far,2026-11-20T12:01:00.000Z,0,1,,,,,')
  })

  it('show every member as it stands, replaced each interval', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z')
    const [header, near, far] = await read('nodes.csv')
    expect(header).toBe('name,peer_id,state,status,latency_ms,cpu_percent,memory_percent,in_flight,databases,timestamp')
    expect(near).toBe('near,peer-near,alive,healthy,,12.35,30,2,users=primary numbers=replica,2026-11-20T12:00:00.000Z')
    expect(far).toBe('far,peer-far,alive,healthy,1.235,12.35,30,2,users=primary numbers=replica,2026-11-20T12:00:00.000Z')
    node.members = [memberView('near', { local: true })]
    node.clock.advance(29_000)
    node.tell.handleRtt('peer-far', 1, 'ping')
    await tables.flush()
    expect(await read('nodes.csv')).toHaveLength(3)
    node.clock.advance(1_000)
    await tables.flush()
    expect(await read('nodes.csv')).toHaveLength(2)
  })

  it('are replaced by the interval that the node has now', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z')
    await tables.flush()
    const stampAfter = async (seconds: number): Promise<string | undefined> => {
      node.clock.advance(1_000 * seconds)
      await tables.flush()
      return (await read('nodes.csv'))[1]?.split(',').at(-1)
    }
    node.pingIntervalMs = 10_000
    expect(await stampAfter(10)).toBe('2026-11-20T12:00:10.000Z')
    node.pingIntervalMs = 60_000
    expect(await stampAfter(59)).toBe('2026-11-20T12:00:10.000Z')
    expect(await stampAfter(1)).toBe('2026-11-20T12:01:10.000Z')
  })
})

describe('days', () => {
  it('end at midnight in UTC: each row is in the file of its day', async () => {
    const { node, tables, read } = await start('2026-11-20T23:59:58.000Z')
    for (let second = 0; second < 4; second++) {
      node.load(second, 0)
      node.clock.advance(1_000)
    }
    await tables.flush()
    expect((await read('history/load-2026-11-20.csv')).slice(1).map((line) => line.split(',')[0])).toEqual(['0', '1'])
    expect((await read('load.csv')).slice(1).map((line) => line.split(',')[0])).toEqual(['2', '3'])
    await node.close()
    expect((await read('history/load-1m-2026-11-20.csv'))[1]).toMatch(/^2026-11-20T23:59:00.000Z,2,/)
    expect((await read('history/load-1m-2026-11-21.csv'))[1]).toMatch(/^2026-11-21T00:00:00.000Z,2,/)
  })

  it('end without a further row, too', async () => {
    const { node, tables, read } = await start('2026-11-20T23:59:58.000Z')
    node.load(1, 1)
    await tables.flush()
    node.clock.advance(10_000)
    await tables.flush()
    expect(await read('history/load-2026-11-20.csv')).toHaveLength(2)
    expect(await fs.readdir(node.dataDir)).not.toContain('load.csv')
  })

  it('are not taken up again by a clock that is set back', async () => {
    const { node, tables, read } = await start('2026-11-20T00:00:01.000Z')
    node.load(1, 1)
    await tables.flush()
    const { wallMs } = node.clock
    node.clock.wallMs = () => wallMs.call(node.clock) - 60_000
    node.load(2, 2)
    await tables.flush()
    expect(await read('load.csv')).toHaveLength(3)
    expect(await fs.readdir(join(node.dataDir, 'history')).catch(() => [])).not.toContain('load-2026-11-20.csv')
  })

  it('that ended while no node ran go into the history when one starts, beside what is there of them', async () => {
    const { tables, read, node } = await start('2026-11-20T12:00:00.000Z', {
      before: async (node) => {
        await write('load.csv', 'cpu_percent,memory_percent,timestamp\n1,1,2026-11-18T10:00:00.000Z\n2,2,2026-')(node)
        await write('history/load-2026-11-18.csv', 'cpu_percent,memory_percent,timestamp\n0,0,2026-11-18T00:00:00.000Z\n')(node)
      },
    })
    expect(await read('history/load-2026-11-18.2.csv')).toEqual(['cpu_percent,memory_percent,timestamp', '1,1,2026-11-18T10:00:00.000Z'])
    expect(tables.counters.filesHealed).toBe(1)
    expect(node.log.lines.filter((line) => line.startsWith('warn'))).toEqual([expect.stringContaining('9 bytes of a torn last line were cut off')])
  })

  it('go on in their file after a restart, and aggregates in theirs', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', {
      before: async (node) => {
        await write('load.csv', 'cpu_percent,memory_percent,timestamp\n1,1,2026-11-20T10:00:00.000Z\n')(node)
        await write('history/latency-1m-2026-11-20.csv', 'peer_id,timestamp,count,lost,min_ms,mean_ms,max_ms,p50_ms,p99_ms\npeer-far,2026-11-20T10:00:00.000Z,1,0,1,1,1,1,1\npeer-f')(node)
      },
    })
    expect(await read('history/latency-1m-2026-11-20.csv')).toHaveLength(2)
    node.load(2, 2)
    node.tell.handleRtt('peer-far', 1, 'ping')
    await tables.flush()
    await node.close()
    expect(await read('load.csv')).toHaveLength(3)
    expect(await read('history/latency-1m-2026-11-20.csv')).toHaveLength(3)
  })
})

describe('a start', () => {
  it('makes sound what a crash left, before anything is measured', async () => {
    const node = await measuredNode('2026-11-20T12:00:00.000Z')
    nodes.push(node)
    await write('load.csv', 'cpu_percent,memory_percent,timestamp\n1,1,2026-11-20T10:00:00.000Z\n2,2')(node)
    const tables = startTables({ inspection: node.inspection })
    await vi.waitFor(() => { expect(tables.counters.filesHealed).toBe(1) })
    await node.close()
  })
})

describe('the history', () => {
  it('loses what is past its time, and nothing that is not its own', async () => {
    const { node } = await start('2026-11-20T12:00:00.000Z', {
      before: async (node) => {
        for (const name of ['load-2026-11-12.csv', 'load-2026-11-13.csv', 'load-2026-11-19.csv', 'load-1m-2026-08-21.csv', 'load-1m-2026-08-22.csv', 'notes-2020-01-01.csv', 'load-2020-01-01.csv.bak']) await write(`history/${name}`, name.includes('1m') ? `${minuteHeader}\n${'2026-08-22T00:00:00.000Z' + ',1'.repeat(11)}\n` : 'x\n')(node)
      },
    })
    expect((await fs.readdir(join(node.dataDir, 'history'))).sort()).toEqual(['load-1m-2026-08-22.csv', 'load-2020-01-01.csv.bak', 'load-2026-11-13.csv', 'load-2026-11-19.csv', 'notes-2020-01-01.csv'])
  })

  it('survives a clock that is set ten days ahead, and back within a day', async () => {
    const names = ['15', '16', '17', '18', '19'].map((day) => `load-2026-11-${day}.csv`)
    const { node, tables } = await start('2026-11-20T12:00:00.000Z', { before: async (node) => { for (const name of names) await write(`history/${name}`, 'x\n')(node) } })
    const run = async (hours: number): Promise<string[]> => {
      node.clock.advance(hours * 3_600_000)
      await tables.flush()
      return (await fs.readdir(join(node.dataDir, 'history'))).sort()
    }
    expect(await run(1)).toEqual(names)
    node.clock.setWallForward(10 * 86_400_000)
    expect(await run(1)).toEqual(names)
    expect(await run(20)).toEqual(names)
    expect(node.log.lines.filter((line) => line.includes('the clock is 240 h ahead'))).toHaveLength(1)
    node.clock.setWallForward(-10 * 86_400_000)
    expect(await run(1)).toEqual(names)
    expect(await run(25)).toEqual(names)
    // 23 November: nothing is past its time; then days are, one after another, as without all this.
    expect(await run(24)).toEqual(names.slice(1))
  })

  it('is believed old only a day after the start of a node that was away, or whose clock is wrong', async () => {
    const names = ['05', '06', '07', '08', '09'].map((day) => `load-2026-11-${day}.csv`)
    const { node, tables } = await start('2026-11-20T12:00:00.000Z', { before: async (node) => { for (const name of names) await write(`history/${name}`, 'x\n')(node) } })
    const left = async (): Promise<string[]> => (await fs.readdir(join(node.dataDir, 'history'))).filter((name) => names.includes(name)).sort()
    expect(await left()).toEqual(names)
    for (const [hours, kept] of [[23, 5], [2, 3], [1, 1], [1, 0]] as const) {
      node.clock.advance(hours * 3_600_000)
      await tables.flush()
      expect(await left()).toEqual(names.slice(5 - kept))
    }
  })

  it('and all tables stay within their bound, the oldest going first, also on a day that alone is too much', async () => {
    const bytesMax = 1_000_000
    const { node, tables } = await start('2026-11-20T00:00:00.000Z', { options: { tables: { sizeMax: '1MB' } }, before: write('history/load-2026-11-19.csv', 'x'.repeat(300_000)) })
    for (let batch = 0; batch < 25; batch++) {
      for (let row = 0; row < 2_000; row++) {
        node.load(row, row)
        node.clock.advance(10)
      }
      await tables.flush()
      expect(tables.bytes).toBeLessThanOrEqual(bytesMax)
    }
    const names = await fs.readdir(join(node.dataDir, 'history'))
    expect(names).not.toContain('load-2026-11-19.csv')
    expect(names.filter((name) => /^load-2026-11-20(\.\d+)?\.csv$/.test(name)).length).toBeGreaterThan(2)
    let bytes = 0
    for (const name of [...names.map((name) => join('history', name)), 'load.csv', 'nodes.csv']) bytes += (await fs.stat(join(node.dataDir, name))).size
    expect(tables.bytes).toBe(bytes)
  })

  it('begins without what a crash left of a replaced table', async () => {
    const { node } = await start('2026-11-20T12:00:00.000Z', { before: write('nodes.csv.0123456789ab.tmp', 'half') })
    expect((await fs.readdir(node.dataDir)).filter((name) => name.startsWith('nodes.csv'))).toEqual(['nodes.csv'])
  })
})

describe('a disk that cannot be written', () => {
  it.each([['ENOSPC', 'disk-full'], ['EDQUOT', 'disk-full'], ['EROFS', 'read-only'], ['EACCES', 'read-only'], ['EIO', 'unwritable']])('%s is told, tried again each minute, and forgotten when it works', async (code, problem) => {
    const state = { code: null as string | null, attempts: 0 }
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', { files: failing(state) })
    state.code = code
    node.clock.advance(1_000)
    node.load(1, 1)
    await tables.flush()
    expect(tables.problem()).toMatchObject({ code: problem, sinceWallMs: Date.parse('2026-11-20T12:00:01.000Z'), message: expect.stringContaining(code) as string })
    const { attempts } = state
    node.clock.advance(59_000)
    node.load(2, 2)
    await tables.flush()
    expect(state.attempts).toBe(attempts)
    node.clock.advance(1_000)
    await tables.flush()
    expect(state.attempts).toBeGreaterThan(attempts)
    expect(tables.problem()?.sinceWallMs).toBe(Date.parse('2026-11-20T12:00:01.000Z'))
    state.code = null
    node.clock.advance(60_000)
    await tables.flush()
    expect(tables.problem()).toBeNull()
    expect((await read('load.csv')).slice(1)).toEqual(['1,1,2026-11-20T12:00:01.000Z', '2,2,2026-11-20T12:01:00.000Z'])
    expect(node.log.lines.map((line) => line.split(' ')[0]).filter((level) => level !== 'debug')).toEqual(['warn', 'info'])
  })

  it('costs the oldest samples beyond a bound, which are counted', async () => {
    const state = { code: 'ENOSPC' as string | null, attempts: 0 }
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', { files: failing(state) })
    for (let row = 0; row < PENDING_ROWS_MAX + 5_000; row++) node.load(row, 0)
    const dropped = tables.counters.rowsDropped
    expect(dropped).toBeGreaterThanOrEqual(4_000)
    state.code = null
    node.clock.advance(60_000)
    await tables.flush()
    expect((await read('load.csv'))[1]).toMatch(new RegExp(`^${dropped},`))
    expect(await read('load.csv')).toHaveLength(1 + PENDING_ROWS_MAX + 5_000 - dropped)
  })

  it('does not keep other tables from being written where only one fails', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', { before: async ({ dataDir }) => { await fs.mkdir(join(dataDir, 'latency.csv')) } })
    expect(tables.problem()?.code).toBe('unwritable')
    node.load(1, 1)
    node.tell.handleRtt('peer-far', 1, 'ping')
    node.clock.advance(60_000)
    await tables.flush()
    expect(await read('load.csv')).toHaveLength(2)
  })

  it('that hangs is told, and does not hold a node that stops', async () => {
    let isHanging = false
    const { promise: forever } = Promise.withResolvers<never>()
    const { node, tables } = await start('2026-11-20T12:00:00.000Z', { files: { ...tableFileSystem, open: async (...args) => (isHanging ? await forever : await fs.open(...args)) } })
    isHanging = true
    node.load(1, 1)
    let isWritten = false
    void tables.flush().then(() => { isWritten = true })
    await settle()
    node.clock.advance(29_000)
    expect(tables.problem()).toBeNull()
    node.clock.advance(1_000)
    expect(tables.problem()).toMatchObject({ code: 'unwritable', sinceWallMs: Date.parse('2026-11-20T12:00:00.000Z') })
    const closed = node.close()
    await settle()
    node.clock.advance(2_000)
    await closed
    expect(isWritten).toBe(false)
  })
})

describe('metrics that cannot be read', () => {
  it('are told once, and read again', async () => {
    const { node, tables, read } = await start('2026-11-20T12:00:00.000Z', { options: { tables: { metricsInterval: '10s' } } })
    node.samples = () => Promise.reject(new Error('no figures'))
    for (let round = 0; round < 3; round++) {
      node.clock.advance(10_000)
      await settle()
    }
    expect(node.log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1)
    node.samples = () => Promise.resolve([{ name: 'a', labels: {}, value: 1 }])
    node.clock.advance(10_000)
    await settle()
    await tables.flush()
    expect(await read('metrics/p2p.csv')).toHaveLength(2)
  })
})

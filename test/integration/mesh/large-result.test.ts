/** A large result through two real nodes: every row arrives, and neither process grows with the size of the result. */
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cpuSeconds, hasProcessFigures, watchMemory } from '../../../scripts/bench/node-process-figures.ts'
import { connect } from '../../../src/client/connect.ts'
import type { Client } from '../../../src/client/types.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

const dataPath = fileURLToPath(new URL('../../../node_modules/vega-datasets/data', import.meta.url))
const growthBytesMax = 200e6
/** Some 11 GB on the wire: whoever gathers it instead of holding the engine back is far above the bound. */
const hugeSql = 'SELECT f.* FROM flights f, range(100)'

let mesh: TestMesh
let entry: NodeProcess
let peer: NodeProcess
let client: Client

beforeAll(async () => {
  mesh = await TestMesh.create()
  const folder = join(mesh.folder, 'flights')
  await mkdir(folder)
  await copyFile(join(dataPath, 'flights-3m.parquet'), join(folder, 'flights.parquet'))
  const nodes = await mesh.startAll(['local1', 'remote1'], { databaseArgs: ['--db', `flights=${folder}`], args: ['--drain', '0ms'] })
  ;[entry, peer] = nodes as [NodeProcess, NodeProcess]
  // Pinned loads, so that the load of the machine that runs the tests decides nothing.
  for (const [node, cpu] of [[entry, '97'], [peer, '5']] as const) expect((await node.rdb(['drill', '--cpu', cpu, '--memory', '5', '--for', '1h'])).code).toBe(0)
  await until('the entry node to hear of its free peer', async () => (await entry.nodes('flights')).nodes.some(({ name, drill, overloaded }) => name === 'remote1' && drill && !overloaded))
  client = await connect({ dataDir: entry.dataDir })
})

afterAll(async () => {
  await client?.close()
  await mesh?.stop()
})

async function bothReleased(): Promise<void> {
  for (const node of [entry, peer]) await until(`${node.name} to have nothing in flight`, async () => (await node.status()).load.inFlight === 0)
}

describe.skipIf(!hasProcessFigures)('3,000,000 rows, forwarded', () => {
  it('arrive all, and neither node grows by more than 200 MB', async () => {
    const watches = [entry, peer].map(({ child }) => watchMemory(child.pid as number))
    const result = await client.query('SELECT * FROM flights', { database: 'flights', timeoutMs: 60_000 })
    expect(result.route).toMatchObject({ decision: 'forward', executedBy: { name: 'remote1' }, failedAttempts: [] })
    let rows = 0
    for await (const batch of result) rows += batch.rowCount
    for (const watch of watches) watch.stop()
    expect([rows, result.trailer()?.rows]).toEqual([3_000_000, 3_000_000])
    for (const watch of watches) expect(watch.peakBytes() - watch.beforeBytes).toBeLessThan(growthBytesMax)
    await bothReleased()
  })

  it('a reader that rests holds the engine back within the same bound, and leaving frees it', async () => {
    const nodePids = [entry, peer].map(({ child }) => child.pid as number)
    // This process as well: what the nodes do not keep must not pile up at the client.
    const watches = [...nodePids, process.pid].map(watchMemory)
    const result = await client.query(hugeSql, { database: 'flights', timeoutMs: 60_000 })
    expect(result.route).toMatchObject({ decision: 'forward', executedBy: { name: 'remote1' } })
    for await (const batch of result) {
      expect(batch.rowCount).toBeGreaterThan(0)
      // No more memory and no more work: the engine waits. A result that something on the way swallows would keep it busy for minutes.
      await settled(() => [...watches.map((watch) => watch.peakBytes()), ...nodePids.map(cpuSeconds)])
      expect((await peer.status()).load.inFlight).toBe(1)
      break
    }
    for (const watch of watches) watch.stop()
    for (const watch of watches) expect(watch.peakBytes() - watch.beforeBytes).toBeLessThan(growthBytesMax)
    expect(result.trailer()).toBeNull()
    await bothReleased()
  })
})

/** Waits until none of the figures has grown over ten looks in a row. */
async function settled(figures: () => number[]): Promise<void> {
  let last: number[] = []
  let same = 0
  await until('the figures to settle', () => {
    const now = figures()
    same = now.every((figure, index) => figure === last[index]) ? same + 1 : 0
    last = now
    return same === 10
  })
}

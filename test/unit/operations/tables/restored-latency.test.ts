import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { tableFileSystem } from '../../../../src/adapters/files/csv-table.ts'
import type { EarlierMinute } from '../../../../src/node/latency-service.ts'
import { restoreLatency, type RestoredLatencyParts } from '../../../../src/operations/tables/restored-latency.ts'
import { startTables } from '../../../../src/operations/tables/start-tables.ts'
import { type MeasuredNode, measuredNode } from './measured-node.ts'

const nodes: MeasuredNode[] = []
const header = 'peer_id,timestamp,count,lost,min_ms,mean_ms,max_ms,p50_ms,p99_ms\n'
const row = (peerId: string, at: string): string => `${peerId},${at},2,1,1,2,3,2,3\n`

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.remove()
})

async function restored(kept: Readonly<Record<string, string>>, parts: Partial<RestoredLatencyParts> = {}): Promise<{ readonly minutes: readonly EarlierMinute[]; readonly node: MeasuredNode }> {
  const node = await measuredNode('2026-11-20T12:00:00.000Z')
  nodes.push(node)
  await fs.mkdir(join(node.dataDir, 'history'))
  for (const [name, content] of Object.entries(kept)) await fs.writeFile(join(node.dataDir, 'history', name), content)
  return { minutes: await restoredOf(node, parts), node }
}

async function restoredOf(node: MeasuredNode, parts: Partial<RestoredLatencyParts> = {}): Promise<EarlierMinute[]> {
  const minutes: EarlierMinute[] = []
  await restoreLatency({ inspection: { ...node.inspection, restoreLatency: (some) => { minutes.push(...some) } }, ...parts })
  return minutes
}

const peers = (minutes: readonly EarlierMinute[]): string[] => minutes.filter(({ samples }) => samples > 0).map(({ peerId }) => peerId)

describe('latency of earlier runs', () => {
  it('is what the tables have written', async () => {
    const node = await measuredNode('2026-11-20T12:00:30.000Z')
    nodes.push(node)
    startTables({ inspection: node.inspection })
    node.tell.handleRtt('peer-far', 1.5, 'ping')
    node.tell.handleRtt('peer-far', 2.5, 'ping')
    await node.close()
    const figures = (await restoredOf(node)).filter(({ samples }) => samples > 0)
    expect(figures).toEqual([{ peerId: 'peer-far', wallMs: Date.parse('2026-11-20T12:00:00Z'), samples: 2, meanMs: 2, minMs: 1.5, maxMs: 2.5 }])
  })

  it('is read from the youngest file to that of the day before', async () => {
    const { minutes } = await restored({
      'latency-1m-2026-11-18.csv': header + row('too-old', '2026-11-18T10:00:00Z'), 'latency-1m-2026-11-19.csv': header + row('yesterday', '2026-11-19T13:00:00Z'),
      'latency-1m-2026-11-20.csv': header + row('open', '2026-11-20T11:00:00Z'), 'latency-1m-2026-11-20.2.csv': header + row('second', '2026-11-20T01:00:00Z'), 'latency-1m-2026-11-20.3.csv': header + row('third', '2026-11-20T02:00:00Z'),
      'load-1m-2026-11-20.csv': header + row('load', '2026-11-20T11:00:00Z'), 'latency-2026-11-20.csv': header + row('raw', '2026-11-20T11:00:00Z'),
    })
    expect(peers(minutes)).toEqual(['open', 'third', 'second', 'yesterday'])
  })

  it('is the end of the files where they are too much', async () => {
    const rows = ['peer-a', 'peer-b', 'peer-c', 'peer-d'].map((peer) => row(peer, '2026-11-20T11:00:00Z'))
    const bytes = rows[0]?.length ?? 0
    const { minutes } = await restored({ 'latency-1m-2026-11-20.csv': header + rows.join(''), 'latency-1m-2026-11-19.csv': header + row('older', '2026-11-19T20:00:00Z') }, { bytesMax: 3 * bytes - 2 })
    // Not `er-b`, whose row is whole but for the beginning of its name.
    expect(peers(minutes)).toEqual(['peer-c', 'peer-d'])
  })

  it('comes through blocks whole, and past lines that are none', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => row(`peer-${index}`, '2026-11-20T11:00:00Z'))
    const { minutes, node } = await restored({ 'latency-1m-2026-11-20.csv': `${header}short,2026-11-20T11:00:00Z,2\n${many.slice(0, 1_500).join('')}${'x'.repeat(200_000)}\n"torn,\n\u0000\u0000\npeer,2026,\n${many.slice(1_500).join('')}peer-torn,2026-11-20T11:0` })
    // A quote that nobody closes may take the rest of its block with it.
    expect(new Set(peers(minutes).slice(0, 1_500)).size).toBe(1_500)
    expect(peers(minutes).at(-1)).toBe('peer-2999')
    for (const peer of ['peer-torn', 'short']) expect(minutes.map(({ peerId }) => peerId)).not.toContain(peer)
    expect(node.log.lines).toEqual([])
  })

  it('is nothing where there is no history, and a warning where it cannot be read', async () => {
    const node = await measuredNode('2026-11-20T12:00:00.000Z')
    nodes.push(node)
    expect([await restoredOf(node), node.log.lines]).toEqual([[], []])
    await fs.writeFile(join(node.dataDir, 'history'), 'no folder')
    expect([await restoredOf(node), node.log.lines.length]).toEqual([[], 1])
  })

  it('has what other files have when one cannot be read', async () => {
    const files = { ...tableFileSystem, open: async (path: string) => {
      if (path.includes('11-20')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return await fs.open(path)
    } } as typeof tableFileSystem
    const { minutes, node } = await restored({ 'latency-1m-2026-11-20.csv': header + row('a', '2026-11-20T11:00:00Z'), 'latency-1m-2026-11-19.csv': header + row('b', '2026-11-19T20:00:00Z') }, { files })
    expect([peers(minutes), node.log.lines.length]).toEqual([['b'], 1])
  })

  it('is given up when the node stops', async () => {
    const { node } = await restored({ 'latency-1m-2026-11-20.csv': header + row('a', '2026-11-20T11:00:00Z').repeat(5_000) })
    const minutes: EarlierMinute[] = []
    await restoreLatency({ inspection: { ...node.inspection, restoreLatency: (some) => {
      minutes.push(...some)
      void node.close()
    } } })
    expect(minutes.length).toBeGreaterThan(0)
    expect(minutes.length).toBeLessThan(5_000)
    expect(node.log.lines).toEqual([])
  })
})

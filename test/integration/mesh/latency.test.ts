/** `rdb db:latency` on a mesh of real processes: what it shows is measured there, for all that serve the database but the node itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LatencyView } from '../../../src/wire/control.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
let one: NodeProcess
let startedWallMs: number

beforeAll(async () => {
  startedWallMs = Date.now()
  mesh = await TestMesh.create()
  ;[one] = await mesh.startAll(['db1', 'db2', 'db3']) as [NodeProcess]
})
afterAll(() => mesh.stop())

describe('db:latency', () => {
  it('shows what pings and acks measured, with the times of the extremes', async () => {
    const view = await until('a few round trips to both', async () => {
      const seen = await one.json<LatencyView>(['db:latency', 'numbers', '--hours', '0.1'])
      return seen.nodes.length === 2 && seen.nodes.every(({ roundTrips, traffic }) => (roundTrips?.samples ?? 0) >= 3 && (traffic?.roundTrips.samples ?? 0) > 0) ? seen : null
    })
    expect(view.nodes.map(({ name }) => name).toSorted()).toEqual(['db2', 'db3'])
    for (const { currentMs, currentAtWallMs, roundTrips, quality, traffic } of view.nodes) {
      const { minMs = NaN, meanMs = NaN, maxMs = NaN, minAtWallMs = NaN, maxAtWallMs = NaN } = roundTrips ?? {}
      expect(minMs).toBeGreaterThan(0)
      expect([minMs <= meanMs, meanMs <= maxMs, (currentMs ?? NaN) > 0]).toEqual([true, true, true])
      for (const atWallMs of [minAtWallMs, maxAtWallMs, currentAtWallMs ?? NaN]) expect([atWallMs >= startedWallMs, atWallMs <= Date.now() + 1]).toEqual([true, true])
      expect([(quality ?? 0) > 0, (quality ?? 2) <= 1]).toEqual([true, true])
      expect(traffic?.roundTrips.p99Ms).toBeGreaterThan(0)
    }
    const { code, stdout, stderr } = await one.rdb(['db:latency', 'numbers', '--hours', '1'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/│ db2 +│ (?:Healthy|Degraded) +│ +[\d.]+m?s │ +[\d.]+m?s │ +[\d.]+m?s at \d\d:\d\d:\d\d │ +[\d.]+m?s at \d\d:\d\d:\d\d │ +[\d,]+ │ +[01]\.\d\d │/)
  })

  it('refuses what it does not keep, and databases that nobody serves', async () => {
    expect(await one.rdb(['db:latency', 'numbers', '--hours', '25'])).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_OPTION_INVALID') as string })
    expect(await one.rdb(['db:latency', 'nothing'])).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_DATABASE_UNKNOWN') as string })
  })

  it('knows after a restart what was measured before', async () => {
    one.child.kill('SIGTERM')
    await one.exited
    const restartedWallMs = Date.now()
    one = await mesh.start('db1')
    await one.ready()
    const seen = await until('the history to be read', async () => {
      const view = await one.json<LatencyView>(['db:latency', 'numbers', '--hours', '1'])
      return view.sinceWallMs < restartedWallMs ? view : null
    })
    expect(seen.sinceWallMs).toBeGreaterThan(startedWallMs - 60_000)
  })
})

/** The routing benches (scripts/bench/routing) in a small form: the node's own query plane in virtual time. */
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/core/time/random.ts'
import { CpuBoundEngine, lognormal } from '../../scripts/bench/routing/engines.ts'
import { runFastSlow } from '../../scripts/bench/routing/fast-slow.ts'
import { runHerd } from '../../scripts/bench/routing/herd.ts'
import { runLossCase } from '../../scripts/bench/routing/loss-case.ts'
import { runTail } from '../../scripts/bench/routing/tail.ts'
import { VirtualTime } from '../../scripts/bench/routing/virtual-time.ts'

const SEED = 7

function figure(figures: Readonly<Record<string, number>>, name: string): number {
  const value = figures[name]
  if (value === undefined) throw new Error(`no figure ${name}`)
  return value
}

describe('one slow server among eleven', () => {
  const run = async (plan: Omit<Parameters<typeof runTail>[0], 'measuredMs'>, seed = SEED): ReturnType<typeof runTail> => await runTail({ ...plan, measuredMs: 8_000 }, seed)

  it('depends on the seed alone', async () => {
    const first = await run({ shape: 'mesh', strategy: 'nearest' })
    expect(await run({ shape: 'mesh', strategy: 'nearest' })).toEqual(first)
    expect(await run({ shape: 'mesh', strategy: 'nearest' }, SEED + 1)).not.toEqual(first)
  })

  it('is left by peak-ewma after its first slow answers, and never by a plain round robin', async () => {
    const plain = await run({ shape: 'gateway', strategy: 'plain round robin' })
    // Half of the time an eleventh of the queries.
    expect(figure(plain, 'slowShare')).toBeCloseTo(0.5 / 11, 2)
    const ours = await run({ shape: 'gateway', strategy: 'peak-ewma' })
    expect(figure(ours, 'slowShare')).toBeLessThan(figure(plain, 'slowShare') / 4)
    expect(figure(ours, 'errors')).toBe(0)
  })

  it('notices of itself that it is slow, and keeps few of its own clients, without an option or a hint', async () => {
    const ours = await run({ shape: 'mesh', strategy: 'nearest' })
    const plain = await run({ shape: 'mesh', strategy: 'plain round robin' })
    expect(figure(ours, 'late')).toBeLessThan(figure(plain, 'late') / 3)
    expect(figure(ours, 'errors')).toBe(0)
  })

  it('costs nobody a second where reads are hedged', async () => {
    const hedged = await run({ shape: 'gateway', strategy: 'nearest', hedgeAfterMs: 500 })
    expect(figure(hedged, 'within')).toBeGreaterThan(0.999)
    expect(figure(hedged, 'hedges')).toBeGreaterThan(0)
  })
})

describe('two slow nodes among sixteen', () => {
  it('are avoided by a gateway with the default strategy: p99 far below that of a plain round robin', async () => {
    const ours = await runFastSlow({ shape: 'gateway', strategy: 'nearest', measuredMs: 5_000 }, SEED)
    const plain = await runFastSlow({ shape: 'gateway', strategy: 'plain round robin', measuredMs: 5_000 }, SEED)
    expect(figure(plain, 'slowShare')).toBeCloseTo(2 / 16, 2)
    expect(figure(ours, 'p99Ms')).toBeLessThan(figure(plain, 'p99Ms') / 8)
  })
})

describe('two slow nodes among sixteen, each with clients of its own', () => {
  it('send them away, and try rarely whether it goes better', async () => {
    const ours = await runFastSlow({ shape: 'mesh', strategy: 'nearest', measuredMs: 5_000 }, SEED)
    const plain = await runFastSlow({ shape: 'mesh', strategy: 'plain round robin', measuredMs: 5_000 }, SEED)
    expect(figure(ours, 'p99Ms')).toBeLessThan(figure(plain, 'p99Ms') / 8)
    expect(figure(ours, 'slowShare')).toBeLessThan(0.005)
  })
})

describe('four nodes out of CPU', () => {
  it('help the one that all clients ask, each overloaded as it is', async () => {
    const ours = await runLossCase({ shape: 'mesh', strategy: 'nearest', isOneSided: true, measuredMs: 8_000 }, SEED)
    const plain = await runLossCase({ shape: 'mesh', strategy: 'plain round robin', isOneSided: true, measuredMs: 8_000 }, SEED)
    expect(figure(ours, 'perSecond')).toBeGreaterThan(0.97 * figure(plain, 'perSecond'))
    expect(figure(ours, 'errors')).toBe(0)
  })

  it('do no less than under a plain round robin', async () => {
    const ours = await runLossCase({ shape: 'mesh', strategy: 'nearest', measuredMs: 8_000 }, SEED)
    const plain = await runLossCase({ shape: 'mesh', strategy: 'plain round robin', measuredMs: 8_000 }, SEED)
    // Two cores each, 54 ms on average.
    expect(figure(plain, 'perSecond')).toBeGreaterThan(130)
    expect(figure(ours, 'perSecond')).toBeGreaterThan(0.97 * figure(plain, 'perSecond'))
    expect(figure(ours, 'errors')).toBe(0)
  })
})

describe('overloaded senders', () => {
  it.each(['nearest', 'least-connections', 'peak-ewma', 'probe-pool'] as const)('spread their reads by %s, however often load is told', async (strategy) => {
    for (const loadIntervalMs of [500, 30_000]) {
      const figures = await runHerd({ strategy, loadIntervalMs, digests: true, measuredMs: 5_000 }, SEED)
      expect(figure(figures, 'worst')).toBeLessThanOrEqual(1.3)
      expect(figure(figures, 'onSenders')).toBe(0)
    }
  })
})

describe('the simulated parts', () => {
  it('a CPU-bound engine shares its cores, and tells how busy they were', async () => {
    const time = new VirtualTime()
    const engine = new CpuBoundEngine(time, () => 100, 2)
    const endedMs: number[] = []
    const signal = new AbortController().signal
    for (let i = 0; i < 4; i++) void engine.execute({ sql: '', parameters: [], signal }).then(() => { endedMs.push(time.nowMs()) })
    await time.runUntil(400)
    // Four of 100 ms on two cores.
    expect(endedMs.map(Math.round)).toEqual([200, 200, 200, 200])
    expect(engine.readCpuPercent()).toBeCloseTo(50, 5)
  })

  it('a cancelled query leaves its cores to the others', async () => {
    const time = new VirtualTime()
    const engine = new CpuBoundEngine(time, () => 100, 1)
    const controller = new AbortController()
    const cancelled = engine.execute({ sql: '', parameters: [], signal: controller.signal }).catch((error: unknown) => error)
    let endedMs = 0
    void engine.execute({ sql: '', parameters: [], signal: new AbortController().signal }).then(() => { endedMs = time.nowMs() })
    time.setTimer(50, () => { controller.abort() })
    await time.runUntil(1_000)
    expect(await cancelled).toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    // 25 of its 100 ms in the first 50, the rest alone.
    expect(endedMs).toBeCloseTo(125, 5)
  })

  it('service times have the median that was asked for', () => {
    const random = createRandom(SEED)
    const times = Array.from({ length: 2_001 }, () => lognormal(random, 167, 0.4)).sort((a, b) => a - b)
    expect(times[1_000]).toBeGreaterThan(160)
    expect(times[1_000]).toBeLessThan(174)
    expect(lognormal(random, 167, 0)).toBe(167)
  })
})

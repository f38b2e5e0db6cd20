import { describe, expect, it } from 'vitest'
import { type HereInput, ServiceComparison } from '../../../../src/core/routing/comparison.ts'
import { parseRoutingOptions, type RoutingOptions } from '../../../../src/core/routing/options.ts'

/** Reads come all the time, so that none is missing to see how it goes. */
const busy: HereInput = { expectedMs: null, isSlowed: false, running: 3, startedAtMs: Infinity }

function setUp(options: Partial<RoutingOptions> = {}): ServiceComparison {
  return new ServiceComparison(parseRoutingOptions(options))
}

/** Decisions every 100 ms, with what the others tell each second; answers the share in the end. */
function follow(comparison: ServiceComparison, { fromMs = 0, forMs, hereMs, told, isSlowed = false }: { readonly fromMs?: number; readonly forMs: number; readonly hereMs: number | null; readonly told: readonly number[]; readonly isSlowed?: boolean }): number {
  const here = { ...busy, expectedMs: hereMs, isSlowed }
  for (let nowMs = fromMs; nowMs <= fromMs + forMs; nowMs += 100) {
    if ((nowMs - fromMs) % 1_000 === 0) comparison.handleElsewhere(nowMs, told.map((expectedMs, index) => ({ name: `node${index + 2}`, expectedMs })))
    comparison.handleHere(nowMs, here)
  }
  return comparison.comparison(fromMs + forMs, here).forwardedRatio
}

describe('the share that leaves a slow node', () => {
  it.each<[string, number | null, number[], number]>([
    ['nothing while times are alike', 100, [90, 100, 110], 0],
    ['nothing at twice and more', 290, [100], 0],
    ['nothing at three times', 300, [100], 0],
    ['a third at three and a half times', 350, [100], 1 / 3],
    ['all from four and a half times on', 450, [100], 1],
    ['all at sixteen times', 800, [50, 50], 1],
    ['nothing of short queries, however many times slower', 49, [1], 0],
    ['nothing where this node does not know its own time', null, [100], 0],
    ['nothing where nobody else tells', 800, [], 0],
    ['nothing for one peer that is fast among others that are not', 800, [10, 700, 800, 900], 0],
    ['all where half of the others are fast', 800, [50, 50, 800, 900], 1],
  ])('%s', (_what, hereMs, told, expected) => {
    expect(follow(setUp(), { forMs: 10_000, hereMs, told })).toBeCloseTo(expected, 5)
  })

  it('rises and falls by a fifth in a second', () => {
    const comparison = setUp()
    expect(follow(comparison, { forMs: 2_000, hereMs: 800, told: [50] })).toBeCloseTo(0.4, 5)
    expect(follow(comparison, { fromMs: 2_100, forMs: 900, hereMs: 60, told: [50] })).toBeCloseTo(0.2, 5)
  })

  it('does not rise by the time in which nobody asked', () => {
    const comparison = setUp()
    follow(comparison, { forMs: 0, hereMs: 800, told: [50] })
    comparison.handleElsewhere(600_000, [{ name: 'node2', expectedMs: 50 }])
    comparison.handleHere(600_000, { ...busy, expectedMs: 800 })
    expect(comparison.comparison(600_000, busy).forwardedRatio).toBeCloseTo(0.2, 5)
  })

  it('is all at once when queries have just become slower here, and not elsewhere', () => {
    expect(follow(setUp(), { forMs: 0, hereMs: 350, told: [167], isSlowed: true })).toBe(1)
    expect(follow(setUp(), { forMs: 0, hereMs: 350, told: [300], isSlowed: true })).toBe(0)
    expect(follow(setUp(), { forMs: 10_000, hereMs: 350, told: [167] })).toBe(0)
  })

  it('goes by no figures that nobody renews', () => {
    const comparison = setUp()
    follow(comparison, { forMs: 10_000, hereMs: 800, told: [50] })
    for (let nowMs = 10_100; nowMs < 30_000; nowMs += 100) comparison.handleHere(nowMs, { ...busy, expectedMs: 800 })
    expect(comparison.comparison(30_000, busy)).toMatchObject({ forwardedRatio: 0, elsewhereMs: null })
  })

  it('names one that takes about as long as the others', () => {
    const comparison = setUp()
    comparison.handleElsewhere(0, [{ name: 'b', expectedMs: 60 }, { name: 'a', expectedMs: 50 }, { name: 'c', expectedMs: 900 }])
    expect(comparison.comparison(0, busy)).toMatchObject({ elsewhereMs: 60, elsewhereName: 'b' })
  })
})

describe('queries that differ from those of other nodes', () => {
  it('come back when they take as long there', () => {
    const comparison = setUp()
    expect(follow(comparison, { forMs: 3_000, hereMs: 800, told: [50] })).toBeGreaterThan(0.5)
    comparison.handleDispatch(2_200)
    for (let i = 0; i < 8; i++) comparison.handleAnswer(3_000 + i, 790)
    expect(follow(comparison, { fromMs: 3_100, forMs: 5_000, hereMs: 800, told: [50] })).toBe(0)
    // And stay, as long as that is remembered where nobody asks.
    expect(follow(comparison, { fromMs: 130_000, forMs: 5_000, hereMs: 800, told: [50] })).toBeGreaterThan(0)
  })

  /** A read every 100 ms for as long; answers when one left. Those that leave take `takesMs` there. */
  function leaving(comparison: ServiceComparison, { fromMs, forMs, takesMs, hereMs = 800, told = 50 }: { readonly fromMs: number; readonly forMs: number; readonly takesMs: (nth: number, nowMs: number) => number; readonly hereMs?: number; readonly told?: number }): number[] {
    const leftMs: number[] = []
    const answers: Array<{ readonly atMs: number; readonly tookMs: number }> = []
    const here = { ...busy, expectedMs: hereMs }
    for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs += 100) {
      for (const { atMs, tookMs } of answers.splice(0).sort((a, b) => a.atMs - b.atMs)) {
        if (atMs <= nowMs) comparison.handleAnswer(atMs, tookMs)
        else answers.push({ atMs, tookMs })
      }
      if ((nowMs - fromMs) % 1_000 === 0) comparison.handleElsewhere(nowMs, [{ name: 'node2', expectedMs: told }])
      comparison.handleHere(nowMs, here)
      // Without chance: every one of as many.
      const { forwardedRatio } = comparison.comparison(nowMs, here)
      if (forwardedRatio === 0 || (nowMs / 100) % Math.round(1 / forwardedRatio) !== 0) continue
      comparison.handleDispatch(nowMs)
      const tookMs = takesMs(leftMs.length, nowMs)
      leftMs.push(nowMs)
      answers.push({ atMs: nowMs + tookMs, tookMs })
    }
    return leftMs
  }

  it('leave no more but for one a minute, as long as those take as long there', () => {
    const leftMs = leaving(setUp(), { fromMs: 0, forMs: 1_800_000, takesMs: () => 790 })
    const later = leftMs.filter((atMs) => atMs > 120_000)
    expect(leftMs.length - later.length).toBeLessThan(40)
    expect(later.length).toBeGreaterThanOrEqual(27)
    expect(later.length).toBeLessThanOrEqual(29)
  })

  it('leave again within minutes when they cease to take as long there', () => {
    const leftMs = leaving(setUp(), { fromMs: 0, forMs: 600_000, takesMs: (_nth, nowMs) => (nowMs < 300_000 ? 790 : 55) })
    expect(leftMs.filter((atMs) => atMs >= 250_000 && atMs < 300_000).length).toBeLessThan(2)
    expect(leftMs.filter((atMs) => atMs >= 490_000 && atMs < 500_000).length).toBe(100)
  })

  it('are asked for there rarely where they differ among themselves', () => {
    const leftMs = leaving(setUp(), { fromMs: 0, forMs: 3_600_000, takesMs: (nth) => (nth % 2 === 0 ? 790 : 200) })
    expect(leftMs.filter((atMs) => atMs > 120_000).length).toBeLessThan(350)
  })

  it('are compared with what is told while one is sent to see', () => {
    const comparison = setUp()
    for (let i = 0; i < 8; i++) comparison.handleAnswer(i, 790)
    comparison.handleElsewhere(100, [{ name: 'node2', expectedMs: 50 }])
    comparison.handleHere(100, { ...busy, expectedMs: 800 })
    expect(comparison.comparison(100, busy)).toMatchObject({ forwardedRatio: 1, elsewhereMs: 50 })
    comparison.handleDispatch(100)
    expect(comparison.comparison(200, busy)).toMatchObject({ forwardedRatio: 0 })
    expect(comparison.comparison(200, busy).elsewhereMs).toBeCloseTo(790, 5)
  })

  it('stay away when they are as fast there as was told', () => {
    const comparison = setUp()
    for (let i = 0; i < 20; i++) comparison.handleAnswer(i, 55)
    expect(follow(comparison, { forMs: 10_000, hereMs: 800, told: [50] })).toBe(1)
  })

  it('are not judged by a few', () => {
    const comparison = setUp()
    for (let i = 0; i < 7; i++) comparison.handleAnswer(i, 790)
    for (const ms of [NaN, -1, Infinity]) comparison.handleAnswer(10, ms)
    expect(follow(comparison, { forMs: 10_000, hereMs: 800, told: [50] })).toBe(1)
  })
})

describe('a node that all reads leave', () => {
  function left(): ServiceComparison {
    const comparison = setUp()
    follow(comparison, { forMs: 10_000, hereMs: 800, told: [50] })
    return comparison
  }

  function staysAt(comparison: ServiceComparison, nowMs: number, here: Partial<HereInput>): boolean {
    return comparison.comparison(nowMs, { ...busy, running: 0, startedAtMs: 9_000, ...here }).forwardedRatio === 0
  }

  it('keeps one query at a time to see whether it goes better', () => {
    expect(staysAt(left(), 10_000, { running: 1, startedAtMs: 9_001 })).toBe(false)
    expect(staysAt(left(), 10_000, {})).toBe(true)
  })

  it.each([[1, 1_000], [2, 2_000], [4, 8_000], [5, 15_000], [200, 15_000]])('does not wait for ever for %i that run: %i ms', (running, waitMs) => {
    expect(staysAt(left(), 10_000, { running, startedAtMs: 10_001 - waitMs })).toBe(false)
    expect(staysAt(left(), 10_000, { running, startedAtMs: 10_000 - waitMs })).toBe(true)
  })

  it('tries ever more rarely while it does not, and at once when it does', () => {
    const comparison = left()
    const waitsMs: number[] = []
    for (let i = 0; i < 7; i++) {
      comparison.handleEnd(10_000, 800)
      comparison.handleElsewhere(10_000, [{ name: 'node2', expectedMs: 50 }])
      let waitMs = 0
      while (!staysAt(comparison, 10_000, { startedAtMs: 10_000 - waitMs })) waitMs += 500
      waitsMs.push(waitMs)
    }
    expect(waitsMs).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
    comparison.handleEnd(10_000, 70)
    expect(staysAt(comparison, 10_000, { startedAtMs: 10_000 })).toBe(true)
  })
})

describe('that reads leave', () => {
  function changes(comparison: ServiceComparison, { fromMs, forMs, hereMs }: { readonly fromMs: number; readonly forMs: number; readonly hereMs: (nowMs: number) => number }): string[] {
    const told: string[] = []
    for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs += 100) {
      if (nowMs % 1_000 === 0) comparison.handleElsewhere(nowMs, [{ name: 'node2', expectedMs: 50 }])
      const change = comparison.handleHere(nowMs, { ...busy, expectedMs: hereMs(nowMs) })
      if (change !== null) told.push(`${change.kind} at ${nowMs}: ${change.hereMs} against ${change.elsewhereMs} of ${change.elsewhereName}`)
      if (change !== null) expect(comparison.isAway).toBe(change.kind === 'begins')
    }
    return told
  }

  it('is told once when half of them do, and once when none has for a while', () => {
    const comparison = setUp()
    expect(changes(comparison, { fromMs: 0, forMs: 60_000, hereMs: () => 800 })).toEqual(['begins at 2500: 800 against 50 of node2'])
    expect(changes(comparison, { fromMs: 60_000, forMs: 60_000, hereMs: () => 60 })).toEqual(['ends at 74900: 60 against 50 of node2'])
  })

  it('is not told of a few, nor again and again of times that swing', () => {
    expect(changes(setUp(), { fromMs: 0, forMs: 60_000, hereMs: () => 170 })).toEqual([])
    expect(changes(setUp(), { fromMs: 0, forMs: 600_000, hereMs: (nowMs) => (nowMs % 16_000 < 8_000 ? 800 : 60) })).toHaveLength(1)
  })
})

describe('two groups of nodes, whose times grow with their load', () => {
  /**
   * A fluid of queries: `slow` nodes of a speed below the others', each with its own clients, decide each second by figures of the second before. Every
   * node takes base / (1 − load) for a query, as a queue does.
   */
  function shares(slow: number, fast: number, speed: number, load: number): number[] {
    const comparisons = Array.from({ length: slow }, () => setUp())
    const taken: number[] = []
    let share = 0
    for (let second = 0; second < 120; second++) {
      const slowLoad = Math.min(0.98, load / speed * (1 - share))
      const fastLoad = Math.min(0.98, load + load * share * slow / fast)
      const [slowMs, fastMs] = [100 / speed / (1 - slowLoad), 100 / (1 - fastLoad)]
      comparisons.forEach((comparison, index) => {
        const told = [...Array.from({ length: slow - 1 }, () => slowMs), ...Array.from({ length: fast }, () => fastMs)]
        comparison.handleElsewhere(second * 1_000, told.map((expectedMs) => ({ name: 'x', expectedMs })))
        comparison.handleHere(second * 1_000, { ...busy, expectedMs: slowMs })
        if (index === 0) taken.push(comparison.comparison(second * 1_000, busy).forwardedRatio)
      })
      share = taken.at(-1) ?? 0
    }
    return taken
  }

  it.each([[2, 6, 0.25, 0.2], [6, 6, 0.25, 0.2], [2, 6, 0.3, 0.28], [4, 4, 0.35, 0.3], [1, 3, 0.2, 0.3], [6, 6, 0.3, 0.29]])('%i slow ones and %i fast ones at speed %d and load %d do not swing', (slow, fast, speed, load) => {
    const last = shares(slow, fast, speed, load).slice(-30)
    expect(Math.max(...last) - Math.min(...last)).toBeLessThanOrEqual(0.2)
  })
})

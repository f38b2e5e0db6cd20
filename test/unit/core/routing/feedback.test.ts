import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FeedbackBook, type QueryOutcome } from '../../../../src/core/routing/feedback.ts'
import type { FeedbackOptions } from '../../../../src/core/routing/feedback-options.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

function book(options: Partial<FeedbackOptions> = {}): FeedbackBook {
  return new FeedbackBook(options, createRandom(1))
}

/** A query to `peerId` that ends at `nowMs`. */
function query(target: FeedbackBook, nowMs: number, durationMs: number, outcome: QueryOutcome = 'answered', peerId = 'a'): void {
  target.handleDispatch(nowMs - durationMs, peerId)
  target.handleOutcome(nowMs, peerId, { durationMs, outcome })
}

function estimate(target: FeedbackBook, nowMs: number, peerId = 'a'): number | null {
  return target.feedback(nowMs, peerId)?.peakEwmaMs ?? null
}

describe('response time', () => {
  it('is unknown before anything came back', () => {
    const learnt = book()
    expect(learnt.feedback(0, 'a')).toBeNull()
    learnt.handleAppeared(0, 'a')
    expect(learnt.feedback(0, 'a')).toEqual({ peakEwmaMs: null, probe: null, ejectedForMs: 0, warmth: 0.1 })
    learnt.handleDispatch(0, 'a')
    expect(estimate(learnt, 10)).toBeNull()
  })

  it('rises at once to a peak, and comes down by the time that has passed (tau 10 s)', () => {
    const learnt = book()
    query(learnt, 1_000, 50)
    expect(estimate(learnt, 1_000)).toBe(50)
    query(learnt, 2_000, 800)
    expect(estimate(learnt, 2_000)).toBe(800)
    query(learnt, 7_000, 50)
    const share = Math.exp(-0.5)
    expect(estimate(learnt, 7_000)).toBeCloseTo(800 * share + 50 * (1 - share))
    expect(estimate(learnt, 17_000)).toBeCloseTo((800 * share + 50 * (1 - share)) / Math.E)
  })

  it('is not changed by looking', () => {
    const [looked, unlooked] = [book(), book()]
    for (const learnt of [looked, unlooked]) query(learnt, 0, 100)
    for (let nowMs = 0; nowMs < 5_000; nowMs += 10) looked.feedback(nowMs, 'a')
    for (const learnt of [looked, unlooked]) query(learnt, 5_000, 20)
    expect(estimate(looked, 5_000)).toBe(estimate(unlooked, 5_000))
  })

  it('a peer that fails at once looks slow, not fast', () => {
    const learnt = book()
    query(learnt, 0, 50)
    query(learnt, 100, 1, 'broken')
    expect(estimate(learnt, 100)).toBe(1_000)
    query(learnt, 200, 3_000, 'broken')
    expect(estimate(learnt, 200)).toBe(3_000)
    query(learnt, 300, 1, 'broken')
    expect(estimate(learnt, 300)).toBe(3_000)
  })

  it('a refusal counts as an answer that took twice the time, and refusals do not compound', () => {
    const learnt = book()
    query(learnt, 0, 50)
    for (let nowMs = 0; nowMs < 10; nowMs++) query(learnt, nowMs, 1, 'refused')
    expect(estimate(learnt, 9)).toBeGreaterThan(99)
    expect(estimate(learnt, 9)).toBeLessThanOrEqual(100)
  })

  it('a refusal weighs by recent answers', () => {
    const learnt = book()
    query(learnt, 0, 800)
    query(learnt, 20_000, 1, 'refused')
    expect(estimate(learnt, 20_000)).toBe(1_600)
    query(learnt, 60_000, 50)
    query(learnt, 60_000, 1, 'refused')
    // The answers' average has decayed by 60 s in all, not by the 40 s since the refusal.
    expect(estimate(learnt, 60_000)).toBeCloseTo(2 * (800 * Math.exp(-6) + 50 * (1 - Math.exp(-4))))
  })

  it('failures before the first answer count as the prior', () => {
    const refused = book()
    query(refused, 0, 1, 'refused')
    expect(estimate(refused, 0)).toBe(400)
    const broken = book()
    query(broken, 0, 1, 'broken')
    expect(estimate(broken, 0)).toBe(1_000)
  })

  it('a cancelled query says that it would have taken longer, and nothing else', () => {
    const learnt = book()
    query(learnt, 0, 2_000, 'cancelled')
    expect(estimate(learnt, 0)).toBeNull()
    query(learnt, 0, 50)
    query(learnt, 0, 10, 'cancelled')
    expect(estimate(learnt, 0)).toBe(50)
    query(learnt, 0, 400, 'cancelled')
    expect(estimate(learnt, 0)).toBe(400)
    query(learnt, 20_000, 60, 'cancelled')
    expect(estimate(learnt, 20_000)).toBe(60)
  })

  it('takes off the delay of the own event loop, never below nothing, and only while it is recent', () => {
    const learnt = book()
    learnt.handleLoopDelay(0, 30)
    query(learnt, 1_000, 50, 'answered', 'a')
    query(learnt, 1_000, 10, 'answered', 'b')
    expect([estimate(learnt, 1_000, 'a'), estimate(learnt, 1_000, 'b')]).toEqual([20, 0])
    query(learnt, 5_001, 50, 'answered', 'c')
    expect(estimate(learnt, 5_001, 'c')).toBe(50)
    learnt.handleLoopDelay(6_000, Number.NaN)
    learnt.handleLoopDelay(6_000, -5)
    query(learnt, 6_000, 50, 'answered', 'd')
    expect(estimate(learnt, 6_000, 'd')).toBe(50)
  })

  it('is never lowered by a failure, whatever came before', () => {
    const step = fc.record({ stepMs: fc.integer({ min: 0, max: 20_000 }), durationMs: fc.double({ min: 0, max: 5_000, noNaN: true }), outcome: fc.constantFrom<QueryOutcome>('answered', 'refused', 'broken', 'cancelled') })
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const learnt = book()
      let nowMs = 0
      for (const { stepMs, durationMs, outcome } of steps) {
        nowMs += stepMs
        learnt.handleDispatch(nowMs, 'a')
        const before = estimate(learnt, nowMs)
        learnt.handleOutcome(nowMs, 'a', { durationMs, outcome })
        const after = estimate(learnt, nowMs)
        if (outcome !== 'answered') expect(after ?? 0).toBeGreaterThanOrEqual(before ?? 0)
        if (outcome === 'broken') expect(after).toBeGreaterThanOrEqual(Math.max(1_000, durationMs))
        // An answer pulls towards itself and not past it.
        if (outcome === 'answered') expect(after).toBeGreaterThanOrEqual(Math.min(durationMs, before ?? Infinity) - 1e-6)
      }
    }), { numRuns: 300 })
  })
})

describe('queries in flight', () => {
  it('count from dispatch to outcome, and an outcome of none is ignored', () => {
    const learnt = book()
    learnt.handleDispatch(0, 'a')
    learnt.handleDispatch(0, 'a')
    expect([learnt.inFlight('a'), learnt.inFlight('b')]).toEqual([2, 0])
    learnt.handleOutcome(1, 'a', { durationMs: 1, outcome: 'cancelled' })
    learnt.handleOutcome(1, 'a', { durationMs: Number.NaN, outcome: 'answered' })
    expect([learnt.inFlight('a'), estimate(learnt, 1)]).toEqual([0, null])
    learnt.handleOutcome(1, 'a', { durationMs: 1, outcome: 'answered' })
    expect([learnt.inFlight('a'), estimate(learnt, 1)]).toEqual([0, null])
    expect(learnt.counters.outcomesIgnored).toBe(2)
  })

  it('are counted off after the peer is gone, teach nothing then, and leave nothing behind', () => {
    const learnt = book()
    query(learnt, 0, 500)
    learnt.handleDispatch(0, 'a')
    learnt.remove(10, 'a')
    expect(learnt.feedback(10, 'a')).toBeNull()
    expect(learnt.inFlight('a')).toBe(1)
    learnt.handleOutcome(20, 'a', { durationMs: 20, outcome: 'broken' })
    expect(learnt.size).toBe(0)
  })

  it('survive a return, and nothing else of the peer does', () => {
    const learnt = book()
    query(learnt, 0, 500)
    learnt.handleDispatch(0, 'a')
    learnt.remove(10, 'a')
    learnt.handleAppeared(40_000, 'a')
    expect(learnt.inFlight('a')).toBe(1)
    expect(learnt.feedback(40_000, 'a')).toMatchObject({ peakEwmaMs: null, warmth: 0.1 })
  })

  it('are remembered of so many peers and no more', () => {
    const learnt = book({ peersMax: 2 })
    for (const peerId of ['a', 'b', 'c']) learnt.handleDispatch(0, peerId)
    learnt.handleAppeared(0, 'd')
    expect([learnt.size, learnt.inFlight('b'), learnt.inFlight('c')]).toEqual([2, 1, 0])
    expect(learnt.feedback(0, 'd')).toBeNull()
    expect(learnt.counters.peersRefused).toBe(2)
  })
})

describe('warmth', () => {
  it('ramps from a tenth to one over 30 s, from the first sight', () => {
    const learnt = book()
    learnt.handleAppeared(1_000, 'a')
    expect([1_000, 16_000, 30_999, 31_000].map((nowMs) => learnt.feedback(nowMs, 'a')?.warmth)).toEqual([0.1, 0.55, expect.closeTo(0.99997, 4), 1])
  })

  it('begins again after an ejection, which it can tell the rest of', () => {
    const learnt = book()
    learnt.handleAppeared(0, 'a')
    query(learnt, 40_000, 10, 'broken')
    learnt.handleEjected(40_000, 'a', 30_000)
    expect(learnt.feedback(50_000, 'a')?.ejectedForMs).toBe(20_000)
    learnt.handleReturned(55_000, 'a')
    expect(learnt.feedback(55_000, 'a')).toMatchObject({ ejectedForMs: 0, warmth: 0.1, peakEwmaMs: expect.closeTo(1_000 * Math.exp(-1.5), 6) })
  })

  it('is whole at once where slow start is off', () => {
    const learnt = book({ slowStartMs: 0 })
    learnt.handleAppeared(0, 'a')
    expect(learnt.feedback(0, 'a')?.warmth).toBe(1)
  })
})

describe('probes', () => {
  const known = (options: Partial<FeedbackOptions>, ...peerIds: string[]): FeedbackBook => {
    const learnt = book(options)
    for (const peerId of peerIds) learnt.handleAppeared(0, peerId)
    return learnt
  }

  it('are good for a second', () => {
    const learnt = known({}, 'a')
    learnt.handleProbe(0, 'a', { inFlight: 3, latencyMs: 20 })
    expect(learnt.feedback(400, 'a')?.probe).toEqual({ inFlight: 3, latencyMs: 20, ageMs: 400 })
    expect(learnt.feedback(1_000, 'a')?.probe).not.toBeNull()
    expect(learnt.feedback(1_001, 'a')?.probe).toBeNull()
  })

  it('count the queries that follow them, and are used up by so many', () => {
    const learnt = known({ probeUsesMax: 3, removalsPerQuery: 0 }, 'a')
    learnt.handleProbe(0, 'a', { inFlight: 3, latencyMs: 20 })
    const seen: Array<number | null> = []
    for (let i = 0; i < 3; i++) {
      learnt.handleDispatch(0, 'a')
      seen.push(learnt.feedback(0, 'a')?.probe?.inFlight ?? null)
    }
    expect(seen).toEqual([4, 5, null])
  })

  it('are at most so many: the oldest makes room', () => {
    const learnt = known({ probesMax: 2 }, 'a', 'b', 'c')
    for (const [atMs, peerId] of [[0, 'b'], [1, 'a'], [2, 'a']] as const) learnt.handleProbe(atMs, peerId, { inFlight: 0, latencyMs: 1 })
    expect(learnt.feedback(2, 'b')?.probe).not.toBeNull()
    learnt.handleProbe(3, 'c', { inFlight: 0, latencyMs: 1 })
    expect(['a', 'b', 'c'].map((peerId) => learnt.feedback(3, peerId)?.probe !== null)).toEqual([true, false, true])
    expect(learnt.probesHeld).toBe(2)
  })

  it('leave with each query, the worst and the oldest in turn, the last one never', () => {
    const peerIds = ['a', 'b', 'c', 'd', 'e']
    const learnt = known({}, ...peerIds, 'z')
    // Hot: only c. Of the cold ones d is the slowest.
    const figures = { a: [1, 10], b: [1, 30], c: [90, 5], d: [1, 80], e: [1, 20] } as const
    for (const peerId of peerIds) {
      const [inFlight, latencyMs] = figures[peerId as keyof typeof figures]
      for (let i = 0; i < (peerId === 'c' ? 1 : 9); i++) learnt.handleProbe(0, peerId, { inFlight, latencyMs })
    }
    const held = (): string => peerIds.filter((peerId) => learnt.feedback(0, peerId)?.probe !== null).join('')
    const seen: string[] = []
    for (let i = 0; i < 5; i++) {
      learnt.handleDispatch(0, 'z')
      seen.push(held())
    }
    expect(seen).toEqual(['abde', 'bde', 'be', 'e', 'e'])
  })

  it('are asked for three a query, of different candidates, and of each only while none is under way', () => {
    const candidates = Array.from({ length: 100 }, (_, i) => ({ peerId: `p${i}` }))
    const learnt = known({}, ...candidates.map(({ peerId }) => peerId))
    const asked = [...learnt.requestProbes(0, candidates), ...learnt.requestProbes(0, candidates)]
    expect(asked.length).toBe(6)
    expect(new Set(asked.map(({ peerId }) => peerId)).size).toBe(6)
    const few = candidates.slice(0, 2)
    const other = known({}, 'p0', 'p1')
    const names: string[] = []
    for (let i = 0; i < 20; i++) names.push(...other.requestProbes(0, few).map(({ peerId }) => peerId))
    expect(names.toSorted()).toEqual(['p0', 'p1'])
    expect(other.requestProbes(0, [])).toEqual([])
  })

  it('spread over all candidates', () => {
    const candidates = Array.from({ length: 10 }, (_, i) => ({ peerId: `p${i}` }))
    const learnt = known({}, ...candidates.map(({ peerId }) => peerId))
    const counts = new Map<string, number>()
    for (let i = 0; i < 1_000; i++) {
      for (const { peerId } of learnt.requestProbes(i, candidates)) {
        counts.set(peerId, (counts.get(peerId) ?? 0) + 1)
        learnt.handleProbe(i, peerId, { inFlight: 0, latencyMs: 1 })
      }
    }
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(3_000)
    for (const { peerId } of candidates) expect(counts.get(peerId)).toBeGreaterThan(240)
  })

  it('save up a fraction', () => {
    const learnt = known({ probesPerQuery: 0.25 }, 'a')
    let asked = 0
    for (let i = 0; i < 8; i++) {
      asked += learnt.requestProbes(i, [{ peerId: 'a' }]).length
      learnt.handleProbe(i, 'a', { inFlight: 0, latencyMs: 1 })
    }
    expect(asked).toBe(2)
  })

  it('are given up after a second, with what was known of that peer; so many at most are under way', () => {
    const candidates = Array.from({ length: 50 }, (_, i) => ({ peerId: `p${i}` }))
    const learnt = known({ probesUnderWayMax: 4, probeAgeMsMax: 10_000 }, ...candidates.map(({ peerId }) => peerId))
    for (const { peerId } of candidates.slice(0, 16)) learnt.handleProbe(0, peerId, { inFlight: 0, latencyMs: 1 })
    const asked = Array.from({ length: 10 }, () => learnt.requestProbes(0, candidates.slice(0, 16))).flat()
    expect([asked.length, learnt.probesUnderWay, learnt.nextDeadlineMs()]).toEqual([4, 4, 1_000])
    learnt.handleProbeLost(500, asked[0]?.peerId ?? '')
    expect([learnt.probesUnderWay, learnt.probesHeld, learnt.counters.probesLost]).toEqual([3, 15, 1])
    learnt.handleTimeout(1_000)
    expect([learnt.probesUnderWay, learnt.probesHeld, learnt.counters.probesLost, learnt.nextDeadlineMs()]).toEqual([0, 12, 4, null])
    expect(learnt.requestProbes(1_000, candidates).length).toBeGreaterThan(0)
  })

  it('of strangers, or without sense, are counted and dropped; those of a peer that is out or gone, too', () => {
    const learnt = known({}, 'a')
    learnt.handleProbe(0, 'stranger', { inFlight: 0, latencyMs: 1 })
    for (const figures of [{ inFlight: -1, latencyMs: 1 }, { inFlight: 1.5, latencyMs: 1 }, { inFlight: 1, latencyMs: Number.NaN }, { inFlight: 1, latencyMs: Infinity }, { inFlight: 1, latencyMs: -1 }]) learnt.handleProbe(0, 'a', figures)
    expect([learnt.counters.probesIgnored, learnt.probesHeld]).toEqual([6, 0])
    learnt.handleProbe(0, 'a', { inFlight: 0, latencyMs: 1 })
    learnt.handleEjected(0, 'a', 1_000)
    expect(learnt.feedback(0, 'a')?.probe).toBeNull()
    learnt.handleProbe(0, 'a', { inFlight: 0, latencyMs: 1 })
    learnt.remove(0, 'a')
    expect([learnt.probesHeld, learnt.size]).toEqual([0, 0])
  })
})

it('refuses options that contradict each other', () => {
  expect(() => book({ brokenPenaltyMs: 100 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  expect(() => book({ warmthMin: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
})

import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../../../src/core/admission/concurrency-limit.ts'
import { parseAdmissionOptions, type AdmissionOptions } from '../../../../src/core/admission/options.ts'
import { queryKind } from '../../../../src/core/admission/query-kind.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

interface Load {
  readonly windows: number
  /** Of what is in flight; default the whole limit. */
  readonly inFlight?: (limit: number) => number
  readonly serviceMs: (inFlight: number, index: number) => number
  readonly kind?: (index: number) => string
  readonly outcome?: 'completed' | 'failed' | 'cancelled'
}

/** Windows of 1 s with 20 samples each. */
class Run {
  readonly limit: ConcurrencyLimit
  #nowMs = 0
  #index = 0

  constructor(options: Partial<AdmissionOptions> = {}) {
    this.limit = new ConcurrencyLimit(parseAdmissionOptions(options))
  }

  feed({ windows, inFlight = (limit) => limit, serviceMs, kind = () => '', outcome = 'completed' }: Load): number {
    for (let sample = 0; sample < windows * 20; sample++) {
      const running = inFlight(this.limit.limit)
      this.limit.handleSample(this.#nowMs, { kind: kind(this.#index), outcome, serviceMs: serviceMs(running, this.#index), inFlight: running })
      this.#index++
      this.#nowMs += 53
    }
    return this.limit.limit
  }
}

describe('Gradient2', () => {
  it('grows by the smoothed square root of the limit while service times stay', () => {
    const run = new Run({ limitInitial: 16 })
    run.feed({ windows: 1, serviceMs: () => 10 })
    expect(run.limit.limit).toBe(16)
    // 16 + 0.2 × √16 = 16.8, then 17.62, then 18.46
    run.feed({ windows: 2, serviceMs: () => 10 })
    expect(run.limit.limit).toBe(18)
  })

  it('grows to its bound and no further', () => {
    expect(new Run({ limitMax: 40 }).feed({ windows: 100, serviceMs: () => 10 })).toBe(40)
  })

  it('falls in proportion when service times exceed the tolerance, and by no more than half a step', () => {
    const run = new Run({ limitInitial: 30 })
    run.feed({ windows: 10, serviceMs: () => 10, inFlight: () => 1 })
    expect(run.limit.limit).toBe(30)
    // One window ten times as slow: gradient 0.5; 0.8 × 30 + 0.2 × (15 + √30) = 28.1
    run.feed({ windows: 1, serviceMs: () => 100 })
    run.feed({ windows: 0.05, serviceMs: () => 100 })
    expect(run.limit.limit).toBe(28)
  })

  it('falls to its lower bound and no further', () => {
    const run = new Run({ limitMin: 7 })
    run.feed({ windows: 20, serviceMs: () => 10 })
    expect(run.feed({ windows: 60, serviceMs: () => 1_000 })).toBe(7)
  })

  it('neither grows nor falls while less than half of it is in use', () => {
    const run = new Run({ limitInitial: 20 })
    expect(run.feed({ windows: 50, inFlight: () => 9, serviceMs: () => 10 })).toBe(20)
    expect(run.feed({ windows: 50, inFlight: () => 9, serviceMs: () => 1_000 })).toBe(20)
    expect(run.feed({ windows: 50, inFlight: () => 15, serviceMs: () => 10 })).toBeGreaterThan(20)
  })

  it('settles near what the host can do at once, from below and from above', () => {
    // Sixteen run at full speed; more share it.
    const shared = (inFlight: number): number => 10 * Math.max(1, inFlight / 16)
    const fromBelow = new Run({ limitMax: 500, limitInitial: 8 })
    expect(fromBelow.feed({ windows: 100, serviceMs: shared })).toBeGreaterThanOrEqual(16)
    expect(fromBelow.limit.limit).toBeLessThan(40)
    const fromAbove = new Run({ limitMax: 500, limitInitial: 400 })
    fromAbove.feed({ windows: 12, inFlight: () => 10, serviceMs: shared })
    expect(fromAbove.feed({ windows: 100, serviceMs: shared })).toBeLessThan(60)
  })

  it('recovers when service times do, and forgets a long-term time that is far too long', () => {
    const run = new Run({ limitInitial: 20 })
    run.feed({ windows: 20, serviceMs: () => 10 })
    const low = run.feed({ windows: 60, serviceMs: () => 100 })
    expect(low).toBe(4)
    expect(run.feed({ windows: 120, serviceMs: () => 10 })).toBe(64)
    // Ten times faster for three minutes, then back: what was normal before is overload now.
    run.feed({ windows: 120, serviceMs: () => 1 })
    expect(run.feed({ windows: 30, serviceMs: () => 10 })).toBeLessThan(64)
  })

  it('swings little with noise of a factor of two around one time', () => {
    const random = createRandom(7)
    const run = new Run({ limitInitial: 20 })
    expect(run.feed({ windows: 100, serviceMs: () => 10 * 2 ** (2 * random() - 1) })).toBe(64)
  })
})

describe('kinds of query', () => {
  const mixed = (share: (index: number) => boolean): Pick<Load, 'kind' | 'serviceMs'> => ({
    kind: (index) => share(index) ? 'report' : 'lookup', serviceMs: (_, index) => share(index) ? 5_000 : 1,
  })

  it('keep a change of the mix from looking like overload', () => {
    const run = new Run({ limitInitial: 20 })
    const before = run.feed({ windows: 20, ...mixed((index) => index % 20 === 0) })
    expect(run.feed({ windows: 20, ...mixed((index) => index % 20 !== 0) })).toBeGreaterThan(before)
  })

  it('show overload of both alike', () => {
    const run = new Run({ limitInitial: 20 })
    const { kind, serviceMs } = mixed((index) => index % 2 === 0)
    const before = run.feed({ windows: 20, kind: kind as (index: number) => string, serviceMs })
    expect(run.feed({ windows: 20, kind: kind as (index: number) => string, serviceMs: (inFlight, index) => 10 * serviceMs(inFlight, index) })).toBeLessThan(before / 2)
  })

  it('that are not known yet are held against all together', () => {
    const run = new Run({ limitInitial: 20 })
    const before = run.feed({ windows: 20, serviceMs: () => 10, kind: String })
    expect(before).toBeGreaterThan(20)
    expect(run.feed({ windows: 20, serviceMs: () => 100, kind: String })).toBeLessThan(before / 2)
  })

  it('are bounded', () => {
    const run = new Run({ kindsMax: 10 })
    run.feed({ windows: 20, serviceMs: () => 10, kind: String })
    expect(run.limit.kinds).toBe(10)
  })

  it('have one name for queries that differ in literals and spaces', () => {
    expect(queryKind('db', "select * from t  where a = 12 and b = 'it''s'")).toBe(queryKind('db', "select * from t where a = 7.5 and b = 'x'"))
    expect(queryKind('db', 'select a1 from t')).not.toBe(queryKind('db', 'select a2 from t'))
    expect(queryKind('db', 'select 1')).not.toBe(queryKind('other', 'select 1'))
    expect(queryKind('db', 'x'.repeat(1e6)).length).toBeLessThan(300)
  })
})

describe('outcomes', () => {
  it('of failed queries tell nothing', () => {
    const run = new Run({ limitInitial: 20 })
    const before = run.feed({ windows: 20, serviceMs: () => 10 })
    expect(run.feed({ windows: 20, serviceMs: () => 1_000, outcome: 'failed' })).toBe(before)
  })

  it('of cancelled ones tell only that they took at least that long', () => {
    const run = new Run({ limitInitial: 20 })
    const before = run.feed({ windows: 20, serviceMs: () => 10 })
    expect(run.feed({ windows: 20, serviceMs: () => 1, outcome: 'cancelled' })).toBe(before)
    expect(run.feed({ windows: 20, serviceMs: () => 1_000, outcome: 'cancelled' })).toBeLessThan(before / 2)
  })
})

describe('options', () => {
  it('give way with their defaults to a smaller upper bound, and refuse what contradicts', () => {
    expect(parseAdmissionOptions({ limitMax: 1 })).toMatchObject({ limitMin: 1, limitInitial: 1, limitMax: 1 })
    expect(parseAdmissionOptions({ limitMin: 30 })).toMatchObject({ limitMin: 30, limitInitial: 30 })
    expect(() => parseAdmissionOptions({ limitMax: 2, limitMin: 3 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => parseAdmissionOptions({ limitInitial: 65 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

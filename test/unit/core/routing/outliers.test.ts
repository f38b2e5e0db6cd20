import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueryOutcome } from '../../../../src/core/routing/feedback.ts'
import type { OutlierOptions } from '../../../../src/core/routing/outlier-options.ts'
import { Outliers, type OutlierEffect } from '../../../../src/core/routing/outliers.ts'

/** Peers p0 … that all serve `air`. */
function mesh(count: number, options: Partial<OutlierOptions> = {}): Outliers {
  const outliers = new Outliers(options)
  for (let i = 0; i < count; i++) outliers.setServed(0, `p${i}`, ['air'])
  return outliers
}

function send(outliers: Outliers, nowMs: number, peerId: string, { count, outcome = 'answered', durationMs = 10 }: { count: number; outcome?: QueryOutcome; durationMs?: number }): OutlierEffect[] {
  return Array.from({ length: count }, () => outliers.handleOutcome(nowMs, peerId, { database: 'air', durationMs, outcome })).flat()
}

function runUntil(outliers: Outliers, untilMs: number): Array<readonly [number, OutlierEffect]> {
  const seen: Array<readonly [number, OutlierEffect]> = []
  for (let atMs = outliers.nextDeadlineMs(); atMs !== null && atMs <= untilMs; atMs = outliers.nextDeadlineMs()) {
    for (const effect of outliers.handleTimeout(atMs)) seen.push([atMs, effect])
  }
  return seen
}

describe('consecutive failures', () => {
  it('eject at the fifth, for 30 s', () => {
    const outliers = mesh(4)
    expect(send(outliers, 0, 'p0', { count: 4, outcome: 'broken' })).toEqual([])
    expect(send(outliers, 0, 'p0', { count: 1, outcome: 'broken' })).toEqual([
      { kind: 'ejected', peerId: 'p0', reason: 'consecutive-failures', detail: '5 queries in a row broke', forMs: 30_000, ejections: 1 },
    ])
    expect(outliers.isEjected('p0')).toBe(true)
    expect(runUntil(outliers, 29_999)).toEqual([])
    expect(runUntil(outliers, 30_000)).toEqual([[30_000, { kind: 'returned', peerId: 'p0', reason: 'time' }]])
    expect(outliers.isEjected('p0')).toBe(false)
  })

  it('are broken by an answer, and neither by a refusal nor by a cancelled query', () => {
    const outliers = mesh(4)
    send(outliers, 0, 'p0', { count: 4, outcome: 'broken' })
    send(outliers, 0, 'p0', { count: 1 })
    expect(send(outliers, 0, 'p0', { count: 4, outcome: 'broken' })).toEqual([])
    expect(send(outliers, 0, 'p0', { count: 9, outcome: 'refused' })).toEqual([])
    expect(send(outliers, 0, 'p0', { count: 9, outcome: 'cancelled' })).toEqual([])
    expect(send(outliers, 0, 'p0', { count: 1, outcome: 'broken' })).toHaveLength(1)
  })

  it('again: each ejection is longer by 30 s, at most 5 min; quiet intervals take them back', () => {
    const outliers = mesh(4)
    const lengthsMs: number[] = []
    let nowMs = 0
    for (let i = 0; i < 12; i++) {
      const [effect] = send(outliers, nowMs, 'p0', { count: 5, outcome: 'broken' })
      if (effect?.kind !== 'ejected') throw new Error('not ejected')
      lengthsMs.push(effect.forMs / 1_000)
      runUntil(outliers, nowMs += effect.forMs)
      expect(outliers.isEjected('p0')).toBe(false)
    }
    expect(lengthsMs).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])
    // Ten ejections, one taken back each 10 s; then nothing wakes the node any more.
    runUntil(outliers, nowMs += 50_000)
    expect(send(outliers, nowMs, 'p0', { count: 5, outcome: 'broken' })[0]).toMatchObject({ ejections: 6 })
    runUntil(outliers, nowMs + 600_000)
    expect(outliers.nextDeadlineMs()).toBeNull()
    expect(send(outliers, nowMs + 600_000, 'p0', { count: 5, outcome: 'broken' })[0]).toMatchObject({ ejections: 1 })
  })

  it('of a peer that is sick still are not forgiven between its rare queries', () => {
    const outliers = mesh(4)
    send(outliers, 0, 'p0', { count: 5, outcome: 'broken' })
    runUntil(outliers, 30_000)
    for (let nowMs = 32_000; nowMs < 72_000; nowMs += 10_000) {
      send(outliers, nowMs, 'p0', { count: 1, outcome: 'broken' })
      runUntil(outliers, nowMs + 9_999)
    }
    expect(send(outliers, 72_000, 'p0', { count: 1, outcome: 'broken' })[0]).toMatchObject({ kind: 'ejected', ejections: 2 })
  })
})

describe('the share that may be out', () => {
  const ejectAll = (outliers: Outliers, count: number): number => {
    for (let i = 0; i < count; i++) send(outliers, 0, `p${i}`, { count: 5, outcome: 'broken' })
    return outliers.ejectedOf('air')
  }

  it('is 30 %, at least one, and never the only one', () => {
    expect([1, 2, 3, 4, 6, 7, 10, 20].map((count) => ejectAll(mesh(count), count))).toEqual([0, 1, 1, 1, 1, 2, 3, 6])
  })

  it('counts for each database', () => {
    const outliers = mesh(10)
    outliers.setServed(0, 'p0', ['air', 'sea'])
    outliers.setServed(0, 'p1', ['air', 'sea'])
    outliers.setServed(0, 'p2', ['air', 'land'])
    for (let i = 0; i < 4; i++) send(outliers, 0, `p${i}`, { count: 5, outcome: 'broken' })
    // p1 is all that sea has left, p2 all that land has.
    expect(['p0', 'p1', 'p2', 'p3'].map((peerId) => outliers.isEjected(peerId))).toEqual([true, false, false, true])
    expect(outliers.counters.spared).toBe(2)
  })

  it('brings peers back when others leave, the one that is due first first', () => {
    const outliers = mesh(7)
    send(outliers, 0, 'p0', { count: 5, outcome: 'broken' })
    send(outliers, 1_000, 'p1', { count: 5, outcome: 'broken' })
    expect(outliers.remove(2_000, 'p6')).toEqual([{ kind: 'returned', peerId: 'p0', reason: 'share' }])
    for (const peerId of ['p5', 'p4', 'p3', 'p2']) expect(outliers.remove(2_000, peerId)).toEqual([])
    expect(outliers.setServed(3_000, 'p0', ['sea'])).toEqual([{ kind: 'returned', peerId: 'p1', reason: 'share' }])
    expect(runUntil(outliers, 100_000)).toEqual([])
  })

  it('is never exceeded, every database keeps a peer, and all return in the end', () => {
    const step = fc.record({
      verb: fc.constantFrom('fail', 'fail', 'fail', 'serve', 'remove'), peer: fc.integer({ min: 0, max: 9 }), stepMs: fc.integer({ min: 0, max: 15_000 }),
      databases: fc.uniqueArray(fc.constantFrom('air', 'sea', 'land'), { maxLength: 3 }),
    })
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const outliers = new Outliers()
      const serving = new Map<string, readonly string[]>()
      const out = new Set<string>()
      const take = (effects: readonly OutlierEffect[]): void => {
        for (const { kind, peerId } of effects) {
          expect(out.has(peerId)).toBe(kind === 'returned')
          if (kind === 'ejected') out.add(peerId)
          else out.delete(peerId)
        }
      }
      for (let i = 0; i < 10; i++) take(outliers.setServed(0, `p${i}`, ['air', 'sea', 'land'].slice(i % 3)))
      for (let i = 0; i < 10; i++) serving.set(`p${i}`, ['air', 'sea', 'land'].slice(i % 3))
      let nowMs = 0
      for (const { verb, peer, stepMs, databases } of steps) {
        nowMs += stepMs
        for (const [, effect] of runUntil(outliers, nowMs)) take([effect])
        const peerId = `p${peer}`
        if (verb === 'fail') take(send(outliers, nowMs, peerId, { count: 5, outcome: 'broken' }))
        else {
          const served = verb === 'remove' ? [] : databases
          if (served.length === 0) out.delete(peerId)
          serving.set(peerId, served)
          take(verb === 'remove' ? outliers.remove(nowMs, peerId) : outliers.setServed(nowMs, peerId, databases))
        }
        for (const database of ['air', 'sea', 'land']) {
          const servers = [...serving].filter(([, served]) => served.includes(database)).map(([server]) => server)
          const ejected = servers.filter((server) => out.has(server)).length
          expect(outliers.ejectedOf(database)).toBe(ejected)
          expect(ejected).toBeLessThanOrEqual(servers.length < 2 ? 0 : Math.max(1, Math.floor(0.3 * servers.length)))
        }
      }
      for (const [, effect] of runUntil(outliers, nowMs + 3_600_000)) take([effect])
      expect(out.size).toBe(0)
      expect(outliers.nextDeadlineMs()).toBeNull()
    }), { numRuns: 300 })
  })
})

describe('success rate', () => {
  /** So many of 200 queries of each peer break, never five in a row. */
  const interval = (outliers: Outliers, broken: readonly number[], total = 200): void => {
    broken.forEach((count, i) => {
      for (let j = 0; j < total; j++) send(outliers, 0, `p${i}`, { count: 1, outcome: j % Math.floor(total / Math.max(1, count)) === 0 && j / Math.floor(total / Math.max(1, count)) < count ? 'broken' : 'answered' })
    })
  }

  it('ejects who is 1.9 standard deviations below the mean', () => {
    const outliers = mesh(6)
    interval(outliers, [0, 0, 80, 0, 0, 0])
    expect(runUntil(outliers, 10_000)).toEqual([[10_000, {
      kind: 'ejected', peerId: 'p2', reason: 'success-rate', detail: '60 % of its queries were answered, and 93 % on average elsewhere', forMs: 30_000, ejections: 1,
    }]])
  })

  it('says nothing of peers that are all alike, of too few peers, or of too few queries', () => {
    for (const [peers, broken, total] of [[6, [80, 80, 80, 80, 80, 80], 200], [4, [0, 0, 80, 0], 200], [6, [0, 0, 40, 0, 0, 0], 99]] as const) {
      const outliers = mesh(peers)
      interval(outliers, broken, total)
      expect(runUntil(outliers, 10_000)).toEqual([])
    }
  })

  it('judges each interval by itself', () => {
    const outliers = mesh(6)
    interval(outliers, [0, 0, 40, 0, 0, 0], 99)
    runUntil(outliers, 10_000)
    interval(outliers, [0, 0, 40, 0, 0, 0], 99)
    expect(runUntil(outliers, 25_000)).toEqual([])
  })
})

describe('latency', () => {
  it('ejects who is several times as slow as the others by median', () => {
    const outliers = mesh(4)
    for (const [i, durationMs] of [100, 150, 2_000, 200].entries()) send(outliers, 0, `p${i}`, { count: 20, durationMs })
    expect(runUntil(outliers, 10_000)).toEqual([[10_000, {
      kind: 'ejected', peerId: 'p2', reason: 'latency', detail: 'its answers for air took 2000 ms, and 150 ms elsewhere', forMs: 30_000, ejections: 1,
    }]])
  })

  it('spares a far peer, one slow query among many, and who has too few answers or peers to compare', () => {
    const cases: ReadonlyArray<(outliers: Outliers) => void> = [
      // 150 times as slow, by a way of 300 ms.
      (outliers) => [2, 2, 302, 2].forEach((durationMs, i) => send(outliers, 0, `p${i}`, { count: 20, durationMs })),
      (outliers) => {
        for (let i = 0; i < 4; i++) send(outliers, 0, `p${i}`, { count: 19, durationMs: 10 })
        for (let i = 0; i < 4; i++) send(outliers, 0, `p${i}`, { count: 1, durationMs: i === 2 ? 60_000 : 10 })
      },
      (outliers) => [100, 100, 2_000, 100].forEach((durationMs, i) => send(outliers, 0, `p${i}`, { count: i === 2 ? 19 : 20, durationMs })),
      (outliers) => [100, 2_000].forEach((durationMs, i) => send(outliers, 0, `p${i}`, { count: 20, durationMs })),
    ]
    for (const traffic of cases) {
      const outliers = mesh(4)
      traffic(outliers)
      expect(runUntil(outliers, 10_000)).toEqual([])
    }
  })

  it('compares only answers for one database', () => {
    const outliers = mesh(6)
    for (const peerId of ['p0', 'p1', 'p2']) outliers.setServed(0, peerId, ['heavy'])
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 20; j++) outliers.handleOutcome(0, `p${i}`, i < 3 ? { database: 'heavy', durationMs: 5_000, outcome: 'answered' } : { database: 'air', durationMs: 5, outcome: 'answered' })
    }
    expect(runUntil(outliers, 10_000)).toEqual([])
  })
})

describe('outliers', () => {
  it('ignore strangers and times that are none, and wake nobody for them', () => {
    const outliers = mesh(2)
    send(outliers, 0, 'stranger', { count: 9, outcome: 'broken' })
    send(outliers, 0, 'p0', { count: 9, outcome: 'broken', durationMs: Number.NaN })
    expect([outliers.counters.ignored, outliers.isEjected('p0'), outliers.nextDeadlineMs(), outliers.size]).toEqual([18, false, null, 2])
  })

  it('are watched up to a bound', () => {
    const outliers = mesh(3, { peersMax: 2 })
    expect(outliers.size).toBe(2)
    outliers.setServed(0, 'p0', [])
    expect(outliers.size).toBe(1)
  })

  it('refuse options that contradict each other', () => {
    expect(() => new Outliers({ ejectionMsMax: 1_000 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})

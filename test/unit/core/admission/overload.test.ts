/** A host of 16 processors that loses speed beyond 32 queries at once, before and behind a gate. Service times vary exponentially. */
import { describe, expect, it } from 'vitest'
import type { AdmissionOptions } from '../../../../src/core/admission/options.ts'
import { QueryGate, type GateEffect } from '../../../../src/core/admission/query-gate.ts'
import type { Priority } from '../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

const processors = 16
const serviceMs = 20
const deadlineMs = 5_000
const shares: ReadonlyArray<readonly [Priority, number]> = [['critical', 0.05], ['high', 0.2], ['normal', 0.7], ['low', 1]]

interface Outcome {
  /** In time, as a share of what came. */
  readonly answered: Readonly<Record<Priority, number>>
  /** In time, as a share of what the processors can do. */
  readonly goodput: number
  readonly limit: number
}

function simulate(loadFactor: number, options: Partial<AdmissionOptions>): Outcome {
  const gate = new QueryGate({ limitMax: 256, waitingMax: 512, waitingPerClassMax: 256, ...options })
  const random = createRandom(3)
  const queries = new Map<string, { readonly priority: Priority; readonly arrivedMs: number; leftMs: number; startedMs: number }>()
  const running = new Set<string>()
  const came = { critical: 0, high: 0, normal: 0, low: 0 }
  const inTime = { critical: 0, high: 0, normal: 0, low: 0 }
  const durationMs = 30_000
  let due = 0
  let sequence = 0
  const perform = (nowMs: number, effects: readonly GateEffect[]): void => {
    for (const { kind, id } of effects) {
      const query = queries.get(id)
      if (kind !== 'start') queries.delete(id)
      else if (query !== undefined) {
        query.startedMs = nowMs
        running.add(id)
      }
    }
  }
  for (let nowMs = 0; nowMs < durationMs; nowMs++) {
    for (due += loadFactor * processors / serviceMs; due >= 1; due--) {
      const drawn = random()
      const [priority] = shares.find(([, upTo]) => drawn < upTo) ?? ['low']
      const id = `q${sequence++}`
      came[priority]++
      queries.set(id, { priority, arrivedMs: nowMs, leftMs: -Math.log(1 - random()) * serviceMs, startedMs: 0 })
      perform(nowMs, gate.arrive(nowMs, { id, priority, deadlineMs: nowMs + deadlineMs }))
    }
    const speed = Math.min(1, processors / running.size) / (1 + 0.01 * Math.max(0, running.size - 32))
    for (const id of [...running]) {
      const query = queries.get(id)
      if (query === undefined || (query.leftMs -= speed) > 0) continue
      running.delete(id)
      queries.delete(id)
      if (nowMs - query.arrivedMs <= deadlineMs) inTime[query.priority]++
      perform(nowMs, gate.finish(nowMs, { id, outcome: 'completed', serviceMs: nowMs - query.startedMs }))
    }
    perform(nowMs, gate.handleTimeout(nowMs))
  }
  const share = (priority: Priority): number => inTime[priority] / came[priority]
  const total = inTime.critical + inTime.high + inTime.normal + inTime.low
  return {
    answered: { critical: share('critical'), high: share('high'), normal: share('normal'), low: share('low') },
    goodput: total / (durationMs * processors / serviceMs), limit: gate.limit,
  }
}

describe('a host behind the gate', () => {
  it('answers everything below its capacity, however much service times vary', () => {
    const { answered, limit } = simulate(0.8, {})
    expect(Math.min(...Object.values(answered))).toBeGreaterThan(0.99)
    expect(limit).toBeGreaterThanOrEqual(processors)
  })

  it('keeps its throughput at twice its capacity, where one with too many places loses most of it', () => {
    const adaptive = simulate(2, {})
    const fixed = simulate(2, { limitMin: 256, limitInitial: 256 })
    expect(adaptive.goodput).toBeGreaterThan(0.85)
    expect(adaptive.goodput).toBeGreaterThan(2 * fixed.goodput)
    expect(adaptive.limit).toBeLessThan(64)
  })

  it('answers what is critical and high at twice its capacity, and some of what is low', () => {
    const { answered } = simulate(2, {})
    expect(answered.critical).toBeGreaterThan(0.99)
    expect(answered.high).toBeGreaterThan(0.99)
    expect(answered.low).toBeGreaterThan(0.05)
  })
})

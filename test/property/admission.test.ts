/** The gate against a deliberately dumb one, and the bounds of its limit, for any sequence of inputs. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../src/core/admission/concurrency-limit.ts'
import { parseAdmissionOptions } from '../../src/core/admission/options.ts'
import { PRIORITIES, QueryGate, type GateEffect } from '../../src/core/admission/query-gate.ts'

const SEED = 20_260_102
const options = { limitMin: 2, limitInitial: 2, limitMax: 2, waitingMax: 5, waitingPerClassMax: 3, agingMs: 100 }

interface Waiting { readonly id: string; readonly rank: number; readonly arrivedMs: number; readonly deadlineMs: number }

/** One list, searched and sorted afresh for every question. */
class DumbGate {
  waiting: Waiting[] = []
  running: string[] = []

  arrive(nowMs: number, query: Waiting): string[] {
    if (query.deadlineMs <= nowMs) return [`expired ${query.id}`]
    if (this.running.length < options.limitMax) {
      this.running.push(query.id)
      return [`start ${query.id}`]
    }
    const effects = this.expire(nowMs)
    if (this.waiting.filter(({ rank }) => rank === query.rank).length >= options.waitingPerClassMax) return [...effects, `shed ${query.id}`]
    if (this.waiting.length >= options.waitingMax) {
      const lowest = Math.max(...this.waiting.map(({ rank }) => rank))
      if (lowest <= query.rank) return [...effects, `shed ${query.id}`]
      const displaced = this.waiting.filter(({ rank }) => rank === lowest).at(-1) as Waiting
      this.remove(displaced.id)
      effects.push(`shed ${displaced.id}`)
    }
    this.waiting.push(query)
    return effects
  }

  finish(nowMs: number, id: string): string[] {
    if (!this.running.includes(id)) return []
    this.running = this.running.filter((each) => each !== id)
    const effects = this.expire(nowMs)
    if (this.waiting.length === 0) return effects
    const aged = ({ rank, arrivedMs }: Waiting): number => Math.max(0, rank - Math.floor((nowMs - arrivedMs) / options.agingMs))
    // `waiting` is in order of arrival and sort is stable.
    const [next] = [...this.waiting].sort((left, right) => aged(left) - aged(right)) as [Waiting]
    this.remove(next.id)
    this.running.push(next.id)
    return [...effects, `start ${next.id}`]
  }

  cancel(nowMs: number, id: string): string[] {
    this.remove(id)
    return this.expire(nowMs)
  }

  expire(nowMs: number): string[] {
    const due = this.waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    for (const { id } of due) this.remove(id)
    return due.map(({ id }) => `expired ${id}`)
  }

  private remove(id: string): void {
    this.waiting = this.waiting.filter((each) => each.id !== id)
  }
}

/** Which of several expire first at one moment is nobody's concern. */
function texts(effects: readonly GateEffect[]): string[] {
  return effects.map(({ kind, id }) => `${kind} ${id}`)
}

const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ verb: fc.constant('arrive' as const), rank: fc.integer({ min: 0, max: 3 }), withinMs: fc.integer({ min: 0, max: 600 }) }) },
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('finish' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('cancel' as const), index: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('timeout' as const) }) },
)

describe('the gate', () => {
  it('does what the dumb one does', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), anyStep), { maxLength: 80 }), (steps) => {
      const gate = new QueryGate(options)
      const dumb = new DumbGate()
      let nowMs = 0
      let sequence = 0
      for (const [elapsedMs, step] of steps) {
        nowMs += elapsedMs
        let effects: GateEffect[] = []
        let expected: string[] = []
        if (step.verb === 'arrive') {
          const id = `q${sequence++}`
          const deadlineMs = nowMs + step.withinMs
          effects = gate.arrive(nowMs, { id, priority: PRIORITIES[step.rank] as (typeof PRIORITIES)[number], deadlineMs })
          expected = dumb.arrive(nowMs, { id, rank: step.rank, arrivedMs: nowMs, deadlineMs })
        } else if (step.verb === 'finish') {
          const id = dumb.running[step.index] ?? 'nobody'
          effects = gate.finish(nowMs, { id, outcome: 'completed', serviceMs: 1 })
          expected = dumb.finish(nowMs, id)
        } else if (step.verb === 'cancel') {
          const id = dumb.waiting[step.index]?.id ?? 'nobody'
          effects = gate.cancel(nowMs, id)
          expected = dumb.cancel(nowMs, id)
        } else {
          effects = gate.handleTimeout(nowMs)
          expected = dumb.expire(nowMs)
        }
        expect(texts(effects).sort()).toEqual(expected.sort())
        expect(gate.running).toBe(dumb.running.length)
        expect(gate.waitingTotal).toBe(dumb.waiting.length)
        expect(PRIORITIES.map((priority) => gate.waiting[priority])).toEqual([0, 1, 2, 3].map((rank) => dumb.waiting.filter((each) => each.rank === rank).length))
        expect(gate.nextDeadlineMs()).toBe(dumb.waiting.length === 0 ? null : Math.min(...dumb.waiting.map(({ deadlineMs }) => deadlineMs)))
        const { started, shed, expired } = gate.counters
        const shedTotal = PRIORITIES.reduce((sum, priority) => sum + shed[priority], 0)
        expect(started + shedTotal + expired + gate.waitingTotal).toBeLessThanOrEqual(sequence)
      }
    }), { seed: SEED, numRuns: 400 })
  })

  it('keeps everybody waiting only while no place is free, whatever its limit does', () => {
    fc.assert(fc.property(fc.array(fc.record({ serviceMs: fc.double({ min: 0, max: 1e5 }), arrivals: fc.integer({ min: 0, max: 4 }), elapsedMs: fc.integer({ min: 0, max: 400 }) }), { maxLength: 200 }), (steps) => {
      const gate = new QueryGate({ limitMin: 1, limitInitial: 3, limitMax: 12, windowMs: 100, windowSamplesMin: 2, waitingMax: 20 })
      const running: string[] = []
      let nowMs = 0
      let sequence = 0
      const perform = (effects: readonly GateEffect[]): void => {
        for (const { kind, id } of effects) if (kind === 'start') running.push(id)
      }
      for (const { serviceMs, arrivals, elapsedMs } of steps) {
        nowMs += elapsedMs
        for (let arrival = 0; arrival < arrivals; arrival++) perform(gate.arrive(nowMs, { id: `q${sequence++}`, priority: 'normal', deadlineMs: Infinity }))
        const ended = running.shift()
        if (ended !== undefined) perform(gate.finish(nowMs, { id: ended, outcome: 'completed', serviceMs }))
        expect(running.length).toBe(gate.running)
        expect(gate.running).toBeLessThanOrEqual(12)
        if (gate.waitingTotal > 0) expect(gate.running).toBeGreaterThanOrEqual(gate.limit)
      }
    }), { seed: SEED, numRuns: 100 })
  })
})

describe('the limit', () => {
  it('stays between its bounds, whatever it is told', () => {
    const sample = fc.record({
      kind: fc.constantFrom('a', 'b', 'c'), outcome: fc.constantFrom('completed' as const, 'failed' as const, 'cancelled' as const),
      serviceMs: fc.double(), inFlight: fc.oneof(fc.nat(100), fc.double()),
    })
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: -50, max: 500 }), sample), { maxLength: 200 }), (samples) => {
      const limit = new ConcurrencyLimit(parseAdmissionOptions({ limitMin: 2, limitInitial: 8, limitMax: 16, windowMs: 100, windowSamplesMin: 2, kindsMax: 2 }))
      let nowMs = 0
      for (const [elapsedMs, each] of samples) {
        nowMs += elapsedMs
        limit.handleSample(nowMs, each)
        expect(limit.limit).toBeGreaterThanOrEqual(2)
        expect(limit.limit).toBeLessThanOrEqual(16)
        expect(limit.kinds).toBeLessThanOrEqual(2)
      }
    }), { seed: SEED, numRuns: 300 })
  })
})

import { describe, expect, it } from 'vitest'
import { QueryGate, type GateEffect } from '../../../../src/core/admission/query-gate.ts'
import type { AdmissionOptions } from '../../../../src/core/admission/options.ts'
import type { Priority } from '../../../../src/core/routing/types.ts'

const far = 1e9

function gateOf(options: Partial<AdmissionOptions> = {}): QueryGate {
  return new QueryGate({ limitMax: 1, agingMs: 1_000, ...options })
}

function arrive(gate: QueryGate, nowMs: number, id: string, priority: Priority, deadlineMs = far): GateEffect[] {
  return gate.arrive(nowMs, { id, priority, deadlineMs })
}

function finish(gate: QueryGate, nowMs: number, id: string): GateEffect[] {
  return gate.finish(nowMs, { id, outcome: 'completed', serviceMs: 1 })
}

/** Finishes what runs, one after the other at `nowMs`, and returns the order in which the waiting start. */
function drain(gate: QueryGate, nowMs: number, running: string): string[] {
  const order: string[] = []
  for (let id: string | undefined = running; id !== undefined;) {
    const started: GateEffect | undefined = finish(gate, nowMs, id).find(({ kind }) => kind === 'start')
    id = started?.id
    if (id !== undefined) order.push(id)
  }
  return order
}

describe('places', () => {
  it('go to whoever comes while there are any, and then to the next who waits', () => {
    const gate = gateOf({ limitMax: 2, limitMin: 2 })
    expect(arrive(gate, 0, 'a', 'normal')).toEqual([{ kind: 'start', id: 'a' }])
    expect(arrive(gate, 0, 'b', 'low')).toEqual([{ kind: 'start', id: 'b' }])
    expect(gate.hasPlace).toBe(false)
    expect(arrive(gate, 0, 'c', 'critical')).toEqual([])
    expect(gate.running).toBe(2)
    expect(gate.waitingTotal).toBe(1)
    expect(finish(gate, 1, 'a')).toEqual([{ kind: 'start', id: 'c' }])
    expect(finish(gate, 2, 'b')).toEqual([])
    expect(gate.running).toBe(1)
    expect(gate.counters.started).toBe(3)
  })

  it('are freed once, whoever finishes twice or was never there', () => {
    const gate = gateOf()
    arrive(gate, 0, 'a', 'normal')
    arrive(gate, 0, 'b', 'normal')
    arrive(gate, 0, 'c', 'normal')
    expect(finish(gate, 1, 'stranger')).toEqual([])
    expect(finish(gate, 1, 'a')).toEqual([{ kind: 'start', id: 'b' }])
    expect(finish(gate, 1, 'a')).toEqual([])
    expect(gate.running).toBe(1)
  })

  it('stay with newcomers whoever was admitted beside them, and whose times teach the limit nothing', () => {
    const gate = new QueryGate({ limitInitial: 20, limitMin: 4, windowMs: 100, windowSamplesMin: 5 })
    let nowMs = 0
    const readsOf = (count: number): void => {
      for (let i = 0; i < count; i++) {
        nowMs += 20
        expect(arrive(gate, nowMs, 'read', 'low')).toEqual([{ kind: 'start', id: 'read' }])
        expect(gate.finish(nowMs + 2, { id: 'read', outcome: 'completed', serviceMs: 2, kind: 'read' })).toEqual([])
      }
    }
    readsOf(100)
    // More of them than there are places, slower by the minute.
    for (let round = 1; round < 40; round++) {
      for (let i = 0; i < 24; i++) expect(gate.admit(`statement ${i}`)).toEqual([{ kind: 'start', id: `statement ${i}` }])
      expect([gate.running, gate.admitted]).toEqual([0, 24])
      readsOf(20)
      for (let i = 0; i < 24; i++) expect(gate.finish(nowMs, { id: `statement ${i}`, outcome: 'completed', serviceMs: 100 * round, kind: 'statement' })).toEqual([])
    }
    expect([gate.admitted, gate.limit]).toEqual([0, 20])
  })

  it('are not freed by one who was admitted beside them', () => {
    const gate = gateOf()
    arrive(gate, 0, 'a', 'normal')
    arrive(gate, 0, 'b', 'critical')
    gate.admit('beside')
    expect(() => gate.admit('beside')).toThrow('at the gate already')
    expect(() => arrive(gate, 0, 'beside', 'normal')).toThrow('at the gate already')
    expect(finish(gate, 1, 'beside')).toEqual([])
    expect(gate.waitingTotal).toBe(1)
  })

  it('go by class, and first come first served within one', () => {
    const gate = gateOf()
    arrive(gate, 0, 'first', 'low')
    for (const [id, priority] of [['l1', 'low'], ['n1', 'normal'], ['h1', 'high'], ['n2', 'normal'], ['c1', 'critical'], ['l2', 'low'], ['h2', 'high']] as const) arrive(gate, 0, id, priority)
    expect(gate.waiting).toEqual({ critical: 1, high: 2, normal: 2, low: 2 })
    expect(drain(gate, 1, 'first')).toEqual(['c1', 'h1', 'h2', 'n1', 'n2', 'l1', 'l2'])
    expect(gate.counters.aged).toBe(0)
  })

  it('are not given twice to one id', () => {
    const gate = gateOf()
    arrive(gate, 0, 'a', 'normal')
    arrive(gate, 0, 'b', 'normal')
    expect(() => arrive(gate, 0, 'a', 'normal')).toThrow('at the gate already')
    expect(() => arrive(gate, 0, 'b', 'normal')).toThrow('at the gate already')
  })
})

describe('ageing', () => {
  it('raises a waiting query by one class each agingMs', () => {
    for (const [waitedMs, expected] of [[999, ['n', 'low']], [1_000, ['low', 'n']]] as const) {
      const gate = gateOf()
      arrive(gate, 0, 'first', 'normal')
      arrive(gate, 0, 'low', 'low')
      arrive(gate, 500, 'n', 'normal')
      expect(drain(gate, waitedMs, 'first')).toEqual(expected)
      expect(gate.counters.aged).toBe(waitedMs === 1_000 ? 1 : 0)
    }
  })

  it('raises nobody to critical: however many have waited, what is critical goes first', () => {
    const gate = gateOf()
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'c0', 'critical')
    arrive(gate, 1, 'low', 'low')
    arrive(gate, 2, 'c1', 'critical')
    expect(drain(gate, 60_000, 'first')).toEqual(['c0', 'c1', 'low'])
  })

  it('gives one place in eight to those who have aged, while critical ones wait', () => {
    const gate = gateOf()
    arrive(gate, 0, 'first', 'normal')
    for (const low of ['l1', 'l2']) arrive(gate, 0, low, 'low')
    for (let index = 1; index <= 15; index++) arrive(gate, 1, `c${index}`, 'critical')
    const order = drain(gate, 60_000, 'first')
    expect([order.indexOf('l1'), order.indexOf('l2')]).toEqual([7, 15])
  })

  it('starts a low query within twice agingMs and those before it, however many critical ones come', () => {
    const gate = gateOf()
    arrive(gate, 0, 'running', 'critical')
    arrive(gate, 0, 'low', 'low')
    let running = 'running'
    let startedAtMs: number | null = null
    for (let nowMs = 100; nowMs <= 10_000 && startedAtMs === null; nowMs += 100) {
      arrive(gate, nowMs, `c${nowMs}`, 'critical')
      running = finish(gate, nowMs, running).find(({ kind }) => kind === 'start')?.id ?? running
      if (running === 'low') startedAtMs = nowMs
    }
    expect(startedAtMs).toBe(2_000)
  })
})

describe('shedding', () => {
  it('displaces the youngest of the lowest class for a newcomer of a higher one', () => {
    const gate = gateOf({ waitingMax: 3 })
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'l1', 'low')
    arrive(gate, 0, 'l2', 'low')
    arrive(gate, 0, 'n1', 'normal')
    expect(arrive(gate, 1, 'h1', 'high')).toEqual([{ kind: 'shed', id: 'l2', code: 'ERR_OVERLOADED', reason: 'displaced' }])
    expect(arrive(gate, 1, 'h2', 'high')).toEqual([{ kind: 'shed', id: 'l1', code: 'ERR_OVERLOADED', reason: 'displaced' }])
    expect(arrive(gate, 1, 'h3', 'high')).toEqual([{ kind: 'shed', id: 'n1', code: 'ERR_OVERLOADED', reason: 'displaced' }])
    expect(arrive(gate, 1, 'h4', 'high')).toEqual([{ kind: 'shed', id: 'h4', code: 'ERR_OVERLOADED', reason: 'queue-full' }])
    expect(gate.counters.shed).toEqual({ critical: 0, high: 1, normal: 1, low: 2 })
    expect(drain(gate, 2, 'first')).toEqual(['h1', 'h2', 'h3'])
  })

  it('turns a newcomer away where none of a lower class waits, or its own class is full', () => {
    const gate = gateOf({ waitingMax: 3, waitingPerClassMax: 2 })
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'n1', 'normal')
    arrive(gate, 0, 'n2', 'normal')
    expect(arrive(gate, 0, 'n3', 'normal')).toEqual([{ kind: 'shed', id: 'n3', code: 'ERR_OVERLOADED', reason: 'class-full' }])
    arrive(gate, 0, 'c1', 'critical')
    expect(arrive(gate, 0, 'l1', 'low')).toEqual([{ kind: 'shed', id: 'l1', code: 'ERR_OVERLOADED', reason: 'queue-full' }])
  })

  it('keeps a displaced query from expiring or starting later', () => {
    const gate = gateOf({ waitingMax: 1 })
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'l1', 'low', 100)
    arrive(gate, 0, 'h1', 'high')
    expect(gate.nextDeadlineMs()).toBe(far)
    expect(gate.handleTimeout(200)).toEqual([])
    expect(drain(gate, 300, 'first')).toEqual(['h1'])
  })
})

describe('deadlines', () => {
  it('expire who waits, and never start it', () => {
    const gate = gateOf()
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'a', 'critical', 100)
    arrive(gate, 0, 'b', 'low', 50)
    expect(gate.nextDeadlineMs()).toBe(50)
    expect(gate.handleTimeout(49)).toEqual([])
    expect(gate.handleTimeout(50)).toEqual([{ kind: 'expired', id: 'b' }])
    expect(finish(gate, 100, 'first')).toEqual([{ kind: 'expired', id: 'a' }])
    expect(gate.running).toBe(0)
    expect(gate.nextDeadlineMs()).toBeNull()
    expect(gate.counters.expired).toBe(2)
  })

  it('are over for who comes too late, even where a place is free', () => {
    const gate = gateOf()
    expect(arrive(gate, 100, 'late', 'critical', 100)).toEqual([{ kind: 'expired', id: 'late' }])
    expect(gate.running).toBe(0)
  })

  it('make room before anybody is turned away', () => {
    const gate = gateOf({ waitingMax: 1 })
    arrive(gate, 0, 'first', 'normal')
    arrive(gate, 0, 'old', 'normal', 100)
    expect(arrive(gate, 150, 'new', 'normal')).toEqual([{ kind: 'expired', id: 'old' }])
    expect(gate.waitingTotal).toBe(1)
  })
})

describe('cancel', () => {
  it('takes who waits out of its line, from any place in it', () => {
    const gate = gateOf()
    arrive(gate, 0, 'first', 'normal')
    for (const id of ['a', 'b', 'c', 'd', 'e']) arrive(gate, 0, id, 'normal', 100)
    for (const id of ['c', 'a', 'e']) gate.cancel(1, id)
    expect(gate.waiting.normal).toBe(2)
    expect(drain(gate, 2, 'first')).toEqual(['b', 'd'])
    expect(gate.nextDeadlineMs()).toBeNull()
  })

  it('leaves a running query its place until it has finished', () => {
    const gate = gateOf()
    arrive(gate, 0, 'a', 'normal')
    arrive(gate, 0, 'b', 'normal')
    expect(gate.cancel(1, 'a')).toEqual([])
    expect(gate.running).toBe(1)
    expect(gate.finish(2, { id: 'a', outcome: 'cancelled', serviceMs: 2 })).toEqual([{ kind: 'start', id: 'b' }])
  })
})

describe('the place of one who would come now', () => {
  it('is among those of its priority and above, and looking takes none', () => {
    const gate = gateOf({ limitMax: 2, limitMin: 2, waitingMax: 9, waitingPerClassMax: 4 })
    expect(gate.placeOf('low')).toEqual({ running: 0, limit: 2, position: 0, waiting: 0, waitingMax: 4, refusal: null })
    for (const [id, priority] of [['a', 'low'], ['b', 'low'], ['c', 'critical'], ['d', 'normal'], ['e', 'normal'], ['f', 'low']] as const) arrive(gate, 0, id, priority)
    const positions = (): number[] => (['critical', 'high', 'normal', 'low'] as const).map((priority) => gate.placeOf(priority).position)
    expect(positions()).toEqual([2, 2, 4, 5])
    expect(gate.placeOf('normal')).toEqual({ running: 2, limit: 2, position: 4, waiting: 2, waitingMax: 4, refusal: null })
    expect([positions(), gate.waitingTotal, gate.running]).toEqual([[2, 2, 4, 5], 4, 2])
    // As it says, so it is.
    arrive(gate, 0, 'g', 'normal')
    expect(drain(gate, 0, 'a').indexOf('g')).toBe(3)
  })

  it('is none where it would be turned away', () => {
    const gate = gateOf({ waitingMax: 2, waitingPerClassMax: 2 })
    arrive(gate, 0, 'running', 'low')
    for (const id of ['a', 'b']) arrive(gate, 0, id, 'normal')
    // One of a lower priority would make room for the first two.
    expect((['critical', 'high', 'normal', 'low'] as const).map((priority) => gate.placeOf(priority).refusal)).toEqual([null, null, 'class-full', 'queue-full'])
    const mixed = gateOf({ waitingMax: 2, waitingPerClassMax: 2 })
    arrive(mixed, 0, 'running', 'low')
    for (const [id, priority] of [['a', 'normal'], ['b', 'low']] as const) arrive(mixed, 0, id, priority)
    expect((['high', 'normal', 'low'] as const).map((priority) => mixed.placeOf(priority).refusal)).toEqual([null, null, 'queue-full'])
    expect(arrive(mixed, 0, 'late', 'low')).toMatchObject([{ kind: 'shed', reason: 'queue-full' }])
    expect(arrive(mixed, 0, 'better', 'normal')).toMatchObject([{ kind: 'shed', id: 'b' }])
  })
})

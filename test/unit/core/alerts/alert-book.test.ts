import { describe, expect, it } from 'vitest'
import { AlertBook } from '../../../../src/core/alerts/alert-book.ts'
import { ALERT_RULE_NAMES, alertRulesOf } from '../../../../src/core/alerts/rules.ts'

const secondMs = 1_000
const minuteMs = 60_000

/** Tells the same value every 10 s. */
function hold(book: AlertBook, { fromMs, toMs, value, subject = '' }: { readonly fromMs: number; readonly toMs: number; readonly value: number | null; readonly subject?: string }, rule: 'cpu' | 'peerLatency' = 'cpu') {
  const effects = []
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 10 * secondMs) effects.push(...book.handleValue(nowMs, rule, value, { subject }).map((effect) => ({ ...effect, nowMs })))
  return effects
}

describe('AlertBook', () => {
  it('fires once the condition has held for its time, and not again', () => {
    const book = new AlertBook(alertRulesOf({}))
    expect(hold(book, { fromMs: 0, toMs: 20 * minuteMs, value: 95 }).map(({ kind, nowMs }) => [kind, nowMs])).toEqual([['fired', 5 * minuteMs]])
    expect(book.list(20 * minuteMs)).toMatchObject([{ rule: 'cpu', state: 'firing', severity: 'critical', value: 95, threshold: 90, sinceMs: 0, firedAtMs: 5 * minuteMs }])
  })

  it('is pending before, and forgotten when the value falls by the margin', () => {
    const book = new AlertBook(alertRulesOf({}))
    hold(book, { fromMs: 0, toMs: minuteMs, value: 91 })
    expect(book.list(minuteMs)).toMatchObject([{ state: 'pending', firedAtMs: null }])
    expect(book.handleValue(2 * minuteMs, 'cpu', 85)).toEqual([])
    expect(book.list(2 * minuteMs)).toEqual([])
    expect(hold(book, { fromMs: 2 * minuteMs, toMs: 6.5 * minuteMs, value: 91 })).toEqual([])
  })

  it('does not escape by a dip within the margin', () => {
    const book = new AlertBook(alertRulesOf({}))
    hold(book, { fromMs: 0, toMs: 2 * minuteMs, value: 95 })
    hold(book, { fromMs: 2 * minuteMs, toMs: 3 * minuteMs, value: 88 })
    expect(hold(book, { fromMs: 3 * minuteMs, toMs: 5 * minuteMs, value: 95 })).toMatchObject([{ kind: 'fired', nowMs: 5 * minuteMs }])
  })

  it('is resolved when the value has stayed below the margin for a while, and no sooner', () => {
    const book = new AlertBook(alertRulesOf({}))
    hold(book, { fromMs: 0, toMs: 5 * minuteMs, value: 95 })
    hold(book, { fromMs: 5 * minuteMs, toMs: 5.5 * minuteMs, value: 50 })
    expect(book.handleValue(5.6 * minuteMs, 'cpu', 95)).toEqual([])
    const effects = hold(book, { fromMs: 6 * minuteMs, toMs: 9 * minuteMs, value: 50 })
    expect(effects).toMatchObject([{ kind: 'resolved', nowMs: 7 * minuteMs, alert: { state: 'resolved', resolvedAtMs: 7 * minuteMs, value: 50 } }])
    expect(book.list(66 * minuteMs)).toHaveLength(1)
    expect(book.list(67 * minuteMs)).toEqual([])
    expect(book.counters).toEqual({ fired: 1, resolved: 1, refused: 0 })
  })

  it('leaves everything as it is while the value is unknown', () => {
    const book = new AlertBook(alertRulesOf({}))
    hold(book, { fromMs: 0, toMs: 4 * minuteMs, value: 95 })
    expect(hold(book, { fromMs: 4 * minuteMs, toMs: 6 * minuteMs, value: null })).toEqual([])
    expect(book.handleValue(6 * minuteMs, 'cpu', 95)).toMatchObject([{ kind: 'fired' }])
  })

  it('fires states at once, and resolves them at once', () => {
    const book = new AlertBook(alertRulesOf({}))
    expect(book.handleValue(0, 'quorum', 0)).toEqual([])
    expect(book.handleValue(0, 'quorum', 1, { detail: '2 of 5' })).toMatchObject([{ kind: 'fired', alert: { detail: '2 of 5' } }])
    expect(book.handleValue(1, 'quorum', 0)).toMatchObject([{ kind: 'resolved' }])
  })

  it('tells subjects apart, and resolves those that are gone', () => {
    const book = new AlertBook(alertRulesOf({ peerLatency: { forMs: 0 } }))
    expect(book.handleValue(0, 'peerLatency', 300, { subject: 'a' })).toMatchObject([{ alert: { subject: 'a' } }])
    expect(book.handleValue(0, 'peerLatency', 100, { subject: 'b' })).toEqual([])
    expect(book.subjects('peerLatency')).toEqual(['a'])
    expect(book.handleGone(1, 'peerLatency', 'a')).toMatchObject([{ kind: 'resolved', alert: { subject: 'a' } }])
    expect(book.handleGone(1, 'peerLatency', 'a')).toEqual([])
  })

  it('takes what was set of a rule, and follows none that is off', () => {
    const book = new AlertBook(alertRulesOf({ cpu: { above: 50, forMs: 0, severity: 'warning' }, memory: { enabled: false } }))
    expect(book.handleValue(0, 'cpu', 51)).toMatchObject([{ alert: { severity: 'warning', threshold: 50 } }])
    expect(book.handleValue(0, 'memory', 100)).toEqual([])
  })

  it('is bounded', () => {
    const book = new AlertBook(alertRulesOf({ peerLatency: { forMs: 0 } }))
    for (let i = 0; i < 1_200; i++) book.handleValue(0, 'peerLatency', 900, { subject: `peer${i}` })
    expect(book.list(0)).toHaveLength(1_000)
    expect(book.counters.refused).toBe(200)
    for (let i = 0; i < 1_000; i++) book.handleGone(1, 'peerLatency', `peer${i}`)
    expect(book.list(1)).toHaveLength(100)
  })
})

describe('the rules', () => {
  it('are those that were asked for', () => {
    const rules = alertRulesOf({})
    expect(ALERT_RULE_NAMES.map((name) => [name, rules[name].above, rules[name].forMs / minuteMs, rules[name].severity])).toEqual([
      ['cpu', 90, 5, 'critical'], ['memory', 95, 1, 'critical'], ['forwardRate', 50, 10, 'critical'], ['peerLatency', 200, 10, 'warning'], ['decisionTime', 1, 5, 'warning'],
      ['measurementErrors', 20, 5, 'warning'], ['quorum', 0, 0, 'critical'], ['partition', 0, 0, 'critical'], ['disk', 0, 0, 'critical'], ['clock', 2_000, 1, 'warning'],
    ])
  })
})

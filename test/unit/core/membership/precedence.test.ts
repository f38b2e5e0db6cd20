import { describe, expect, it } from 'vitest'
import { INCARNATION_MAX, isIncarnation, judge, type ClaimKind, type HeldState, type Verdict } from '../../../../src/core/membership/precedence.ts'

/** Columns: claim at a lower, the same, a higher incarnation. */
const TABLE: ReadonlyArray<readonly [HeldState, ClaimKind, readonly [Verdict, Verdict, Verdict]]> = [
  ['alive', 'record', ['stale', 'stale', 'accept']],
  ['suspect', 'record', ['stale', 'stale', 'accept']],
  ['failed', 'record', ['stale', 'stale', 'accept']],
  ['left', 'record', ['stale', 'stale', 'accept']],
  ['alive', 'suspect', ['stale', 'accept', 'unproven']],
  ['suspect', 'suspect', ['stale', 'confirm', 'unproven']],
  ['failed', 'suspect', ['stale', 'stale', 'unproven']],
  ['left', 'suspect', ['stale', 'stale', 'unproven']],
  ['alive', 'failed', ['stale', 'accept', 'unproven']],
  ['suspect', 'failed', ['stale', 'accept', 'unproven']],
  ['failed', 'failed', ['stale', 'stale', 'unproven']],
  ['left', 'failed', ['stale', 'stale', 'unproven']],
  ['alive', 'left', ['stale', 'accept', 'accept']],
  ['suspect', 'left', ['stale', 'accept', 'accept']],
  ['failed', 'left', ['stale', 'accept', 'accept']],
  ['left', 'left', ['stale', 'stale', 'accept']],
]

describe('judge', () => {
  it.each(TABLE)('held %s, %s arrives', (state, kind, verdicts) => {
    expect([4, 5, 6].map((incarnation) => judge({ state, incarnation: 5 }, { kind, incarnation }))).toEqual(verdicts)
  })
})

describe('isIncarnation', () => {
  it.each([[0, true], [1.7e12, true], [INCARNATION_MAX, true], [INCARNATION_MAX + 1, false], [-1, false], [0.5, false], [NaN, false], [Infinity, false]])('%d: %s', (value, expected) => {
    expect(isIncarnation(value)).toBe(expected)
  })
})

import { expect, it } from 'vitest'
import { describeCandidate, describeDecision } from '../../../../src/core/routing/describe-decision.ts'
import type { CandidateExplanation } from '../../../../src/core/routing/types.ts'

const candidate: CandidateExplanation = { peerId: 'p', name: 'remote1', latencyMs: 0.4321, cpuPercent: 12.4, memoryPercent: null, inFlight: 3, score: 1.7284, verdict: 'chosen' }

it('says what was decided and why', () => {
  expect(describeDecision({ kind: 'forward', target: 'remote1', reason: 'Local CPU 85% exceeds threshold 80%' })).toEqual([
    'Routing Decision: Forwarded to remote1',
    'Reason: Local CPU 85% exceeds threshold 80%',
  ])
  expect(describeDecision({ kind: 'local', target: 'local1', reason: 'r' })[0]).toBe('Routing Decision: Local')
  expect(describeDecision({ kind: 'local-overloaded', target: 'local1', reason: 'r' })[0]).toBe('Routing Decision: Local, although overloaded')
  expect(describeDecision({ kind: 'refuse', target: null, reason: 'r' })[0]).toBe('Routing Decision: Refused')
})

it('lists the candidates', () => {
  expect(describeDecision({ kind: 'local', target: null, reason: 'r', candidates: [candidate] }).slice(2)).toEqual([
    'Candidates:',
    '  remote1: chosen (latency 0.43 ms, CPU 12%, memory unknown, 3 in flight, score 1.73)',
  ])
  expect(describeCandidate({ ...candidate, latencyMs: null, score: null, verdict: 'not-alive' })).toBe('remote1: not alive (latency unmeasured, CPU 12%, memory unknown, 3 in flight)')
})

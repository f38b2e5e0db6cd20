import { expect, it } from 'vitest'
import { decide } from '../../../../src/core/routing/decide.ts'
import { NO_HINTS } from '../../../../src/core/routing/hints.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import { peerView } from '../../../contract/strategy.ts'

it('an overloaded node sends a read to the nearest healthy copy, not to a nearer one that is overloaded', () => {
  const decision = decide({
    nowMs: 0,
    request: { database: 'users', access: 'read', priority: 'normal', forwarded: false, lastResort: false, hints: NO_HINTS },
    local: {
      peerId: 'self', name: 'local1', site: { datacenter: '', rack: '' }, role: 'replica', ready: true, draining: false, overloaded: true,
      overloadReason: 'CPU 95% exceeds threshold 80%', cpuPercent: 95, memoryPercent: 20, inFlight: 0, inFlightMax: 64, excessRatio: 0.75, lagMs: 0,
    },
    peers: () => [peerView({ peerId: 'far', latencyMs: 50 }), peerView({ peerId: 'near', latencyMs: 2 }), peerView({ peerId: 'busy', latencyMs: 1, overloaded: true })],
    random: createRandom(1),
    options: {},
    explain: true,
  })
  expect(decision).toMatchObject({ kind: 'forward', chain: ['near', 'far'] })
  expect(decision.explanation.candidates.find(({ name }) => name === 'busy')?.verdict).toBe('overloaded')
})

import { describe, expect, it } from 'vitest'
import { sessionKeyOf } from '../../../src/core/routing/affinity.ts'
import { parseFeedbackOptions } from '../../../src/core/routing/feedback-options.ts'
import { parseOutlierOptions } from '../../../src/core/routing/outlier-options.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { PeerExperience, type PeerExperienceParts } from '../../../src/node/peer-experience.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { RoutingEventView } from '../../../src/wire/control.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

function setUp(peers: readonly string[] = ['a', 'b', 'c', 'd'], options: PeerExperienceParts['options'] = {}) {
  const clock = new VirtualClock()
  const events: RoutingEventView[] = []
  const pinged: string[] = []
  const experience = new PeerExperience({ nameOf: (peerId) => `node ${peerId}`, onEvent: (event) => { events.push(event) }, clock, random: createRandom(1), log, options,
    inFlightAt: () => 3, roundTripMs: () => 2, ping: (peerId) => {
      pinged.push(peerId)
      return peerId === 'd' ? Promise.reject(new Error('no answer')) : Promise.resolve(2)
    },
  })
  for (const peerId of peers) experience.handleServing(peerId, ['db'], true)
  const query = (peerId: string, outcome: 'answered' | 'broken' | 'refused', firstRowMs = 5): void => {
    experience.handleDispatch(peerId)
    experience.handleOutcome(peerId, { database: 'db', outcome, firstRowMs })
  }
  return { clock, events, pinged, experience, query }
}

describe('what a node learns of its peers', () => {
  it('is nothing of strangers, and a slow start for newcomers', () => {
    const { clock, experience } = setUp(['a'])
    expect(experience.feedback('stranger')).toBeNull()
    expect(experience.feedback('a')).toMatchObject({ ejectedForMs: 0 })
    expect(experience.feedback('a')?.warmth).toBeLessThan(0.2)
    clock.advance(60_000)
    expect(experience.feedback('a')?.warmth).toBe(1)
  })

  it('goes by the options of each machine', () => {
    const { experience, query } = setUp(undefined, {
      outliers: parseOutlierOptions({ consecutiveFailures: 2, baseEjectionMs: 7_000 }), feedback: parseFeedbackOptions({ warmthMin: 0.75 }), affinity: { timeoutMs: 5_000, keysMax: 3 },
    })
    expect([experience.feedback('a')?.warmth, experience.affinity.options.keysMax]).toEqual([0.75, 3])
    query('a', 'broken')
    expect(experience.feedback('a')?.ejectedForMs).toBe(0)
    query('a', 'broken')
    expect(experience.feedback('a')?.ejectedForMs).toBe(7_000)
  })

  it('keeps a peer out whose queries break one after the other, frees its sessions, and takes it back', () => {
    const { clock, events, experience, query } = setUp()
    experience.affinity.bind(0, sessionKeyOf('s'), 'a')
    for (let broken = 0; broken < 5; broken++) query('a', 'broken')
    expect(events).toMatchObject([{ type: 'peer-ejected', peerId: 'a', reason: 'node a gets no queries from here for 30s: 5 queries in a row broke' }])
    expect(experience.feedback('a')?.ejectedForMs).toBe(30_000)
    expect(experience.affinity.peerOf(0, sessionKeyOf('s'))).toBeNull()
    clock.advance(30_000)
    expect(events).toMatchObject([{}, { type: 'peer-returned', peerId: 'a', reason: 'node a gets queries again, few at first' }])
    expect(experience.feedback('a')).toMatchObject({ ejectedForMs: 0 })
  })

  it('takes an answer for a probe, without the way', () => {
    const { experience, query } = setUp()
    query('a', 'answered', 12)
    expect(experience.feedback('a')?.probe).toMatchObject({ inFlight: 3, latencyMs: 10 })
    query('b', 'refused')
    expect(experience.feedback('b')?.probe).toBeNull()
  })

  it('probes candidates when asked, each once at a time, and forgets those that do not answer', async () => {
    const { clock, pinged, experience } = setUp()
    const candidates = ['a', 'b', 'c', 'd'].map((peerId) => ({ peerId }))
    for (let query = 0; query < 20; query++) {
      experience.requestProbes(candidates)
      await settle(3)
    }
    expect(new Set(pinged)).toEqual(new Set(['a', 'b', 'c', 'd']))
    expect(experience.feedback('a')?.probe).toMatchObject({ inFlight: 3 })
    expect(experience.feedback('d')?.probe).toBeNull()
    expect(experience.counters['probesLost']).toBeGreaterThan(0)
    experience.stop()
    expect(clock.pending).toBe(0)
  })

  it('takes a refusal for no fault', () => {
    const { events, query } = setUp()
    for (let refused = 0; refused < 50; refused++) query('a', 'refused')
    expect(events).toEqual([])
  })

  it('forgets who is gone, and rests once stopped', () => {
    const { clock, experience, query } = setUp()
    for (let broken = 0; broken < 5; broken++) query('a', 'broken')
    experience.handleGone('a')
    expect(experience.feedback('a')).toBeNull()
    experience.stop()
    expect(clock.pending).toBe(0)
  })
})

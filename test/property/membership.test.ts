/** Laws that hold for any sequence of inputs, valid or not. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, STATE_RANK, type ClaimKind, type HeldState } from '../../src/core/membership/precedence.ts'
import { Membership } from '../../src/core/membership/membership.ts'
import { parseMembershipOptions } from '../../src/core/membership/options.ts'
import type { Evidence, MembershipEffect, Report, SyncEntry, Update } from '../../src/core/membership/types.ts'
import { createRandom } from '../../src/core/time/random.ts'
import { packetBytes } from '../simulation/traffic.ts'

const SEED = 20_260_101
const peers = ['self', 'a', 'b', 'c', 'd']
const anyPeer = fc.constantFrom(...peers)
const anyIncarnation = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 6 }) }, { weight: 1, arbitrary: fc.double() })

function signed(peerId: string, incarnation: number): { record: SyncEntry['signed']['record']; envelope: Uint8Array } {
  return {
    record: {
      peerId, name: peerId, incarnation, tcpMultiaddrs: [], udpHost: 'h', udpPort: 1, datagramPublicKey: new Uint8Array(0), datagramEpoch: 0,
      datacenter: '', rack: '', capacity: 1, databases: [], softwareVersion: '', wireVersion: 1, nameSinceMs: 1,
    },
    envelope: new Uint8Array(200),
  }
}

const anyEvidence: fc.Arbitrary<Evidence> = fc.constantFrom('probe', 'closed', 'refused', 'silent', 'lossy', 'table', 'operator')
const anySignedUpdate: fc.Arbitrary<Update> = fc.oneof(
  fc.record({ peerId: anyPeer, incarnation: anyIncarnation }).map(({ peerId, incarnation }): Update => ({ kind: 'record', signed: signed(peerId, incarnation) })),
  fc.record({ peerId: anyPeer, incarnation: anyIncarnation }).map(({ peerId, incarnation }): Update => ({ kind: 'left', leave: { peerId, incarnation, envelope: new Uint8Array(90) } })),
)
const anyUpdate: fc.Arbitrary<Update> = fc.oneof(anySignedUpdate,
  fc.record({ kind: fc.constantFrom('suspect' as const, 'failed' as const, 'removed' as const), peerId: anyPeer, incarnation: anyIncarnation, from: anyPeer, evidence: anyEvidence })
    .map((claim): Update => claim.kind === 'failed' ? { ...claim, kind: 'failed', suspectedBy: claim.from, confirmedBy: ['a', 'b'], probeMs: 1, suspicionMs: 2 } : { ...claim, kind: claim.kind }))
const anyReport: fc.Arbitrary<Report> = fc.record({ peerId: anyPeer, incarnation: anyIncarnation, verdict: fc.constantFrom('dead' as const, 'lossy' as const, 'well' as const), evidence: anyEvidence })

const anyEntry: fc.Arbitrary<SyncEntry> = fc.record({ peerId: anyPeer, incarnation: anyIncarnation, state: fc.constantFrom('alive' as const, 'suspect' as const, 'failed' as const, 'left' as const), withLeave: fc.boolean() })
  .map(({ peerId, incarnation, state, withLeave }) => ({ signed: signed(peerId, incarnation), state, leave: withLeave ? { peerId, incarnation, envelope: new Uint8Array(90) } : null }))

type Step = (machine: Membership, nowMs: number) => MembershipEffect[]
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ from: anyPeer, updates: fc.array(anyUpdate, { maxLength: 5 }), sequence: fc.nat(), target: anyPeer, kind: fc.constantFrom('ping' as const, 'ack' as const, 'nack' as const, 'ping-request' as const, null), reports: fc.array(anyReport, { maxLength: 4 }) })
    .map(({ from, updates, sequence, target, kind, reports }): Step => (machine, nowMs) => machine.handlePacket(nowMs, from, {
      probe: kind === null ? null : kind === 'ping-request' ? { kind, sequence, target } : { kind, sequence }, updates, load: null, reports, coordinate: null,
    })),
  fc.record({ from: anyPeer, updates: fc.array(anyUpdate, { maxLength: 5 }) }).map((input): Step => (machine, nowMs) => machine.handleUpdates(nowMs, input)),
  fc.record({ from: anyPeer, entries: fc.array(anyEntry, { maxLength: 5 }) }).map((input): Step => (machine, nowMs) => machine.handleSync(nowMs, input)),
  fc.record({ peerId: anyPeer, evidence: fc.constantFrom('closed' as const, 'refused' as const) }).map(({ peerId, evidence }): Step => (machine, nowMs) => machine.handleEvidence(nowMs, peerId, evidence)),
  fc.record({ peerId: anyPeer, result: fc.constantFrom('open' as const, 'refused' as const, 'silent' as const) }).map((input): Step => (machine, nowMs) => machine.handleConnect(nowMs, input)),
  fc.record({ peerId: anyPeer, sequence: fc.nat(), answered: fc.boolean() }).map((input): Step => (machine, nowMs) => machine.handleStreamPing(nowMs, input)),
  fc.boolean().map((isOpen): Step => (machine, nowMs) => machine.handlePartition(nowMs, isOpen)),
  anyPeer.map((peerId): Step => (machine, nowMs) => machine.removeMember(nowMs, peerId)),
  fc.integer({ min: 0, max: 5000 }).map((delayMs): Step => (machine) => machine.setLoopDelay(delayMs)),
  fc.constant<Step>((machine, nowMs) => machine.updateSelf(nowMs, { name: 'x' })),
  { weight: 4, arbitrary: fc.constant<Step>((machine, nowMs) => machine.handleTimeout(nowMs)) },
)

function createMachine(membersMax = 4): Membership {
  const machine = new Membership({
    record: signed('self', 3).record, options: parseMembershipOptions({ tombstoneRetentionMs: 60_000, membersMax }), random: createRandom(1), packetBudgetBytes: 600,
    signRecord: (record) => ({ record, envelope: new Uint8Array(200) }), signLeave: (peerId, incarnation) => ({ peerId, incarnation, envelope: new Uint8Array(90) }),
  })
  machine.start(0)
  machine.becomeAlive(0)
  return machine
}

describe('membership laws', () => {
  it('no sequence of inputs throws, overflows a packet, targets the node itself, breaks a bound, or lowers its incarnation', () => {
    fc.assert(fc.property(fc.array(fc.tuple(anyStep, fc.nat({ max: 3000 })), { maxLength: 60 }), (steps) => {
      const machine = createMachine()
      let nowMs = 0
      let incarnation = machine.self.record.incarnation
      for (const [step, elapsedMs] of steps) {
        nowMs += elapsedMs
        for (const effect of step(machine, nowMs)) {
          if (effect.kind === 'send') {
            expect(effect.to).not.toBe('self')
            expect(packetBytes(effect.packet)).toBeLessThanOrEqual(600)
          } else if (effect.kind === 'event') {
            expect(effect.event.record.peerId).not.toBe('self')
          }
        }
        expect(machine.memberCount).toBeLessThan(4)
        expect(machine.queuedUpdates).toBeLessThanOrEqual(peers.length)
        expect(machine.self.record.incarnation).toBeGreaterThanOrEqual(incarnation)
        incarnation = machine.self.record.incarnation
        const counted = (['alive', 'suspect', 'failed', 'left'] as const).reduce((sum, state) => sum + machine.countOf(state), 0)
        expect(counted).toBe(machine.members().length)
      }
    }), { seed: SEED, numRuns: 400 })
  })

  it('a second copy of any message changes nothing', () => {
    fc.assert(fc.property(fc.array(anyUpdate, { maxLength: 20 }), (updates) => {
      const [once, twice] = [createMachine(), createMachine()]
      for (const update of updates) {
        once.handleUpdates(1, { from: 'a', updates: [update] })
        twice.handleUpdates(1, { from: 'a', updates: [update] })
        expect(twice.handleUpdates(1, { from: 'a', updates: [update] }).filter((effect) => effect.kind === 'event')).toEqual([])
      }
      expect(twice.members()).toEqual(once.members())
      expect(twice.self).toEqual(once.self)
    }), { seed: SEED, numRuns: 300 })
  })

  it('what is signed merges to one table in any order, once the records are known', () => {
    fc.assert(fc.property(fc.array(anySignedUpdate, { maxLength: 12 }), fc.nat(), (updates, orderSeed) => {
      const base = ['a', 'b', 'c', 'd'].map((peerId): Update => ({ kind: 'record', signed: signed(peerId, 0) }))
      const merged = (order: readonly Update[]) => {
        const machine = createMachine(100)
        machine.handleUpdates(0, { from: 'a', updates: base })
        for (const update of order) machine.handleUpdates(1, { from: 'a', updates: [update] })
        // A leave above the record's incarnation hides which older record was seen, so compare what counts: state and rank.
        return machine.members().map((member) => [member.signed.record.peerId, member.state]).sort()
      }
      const random = createRandom(orderSeed)
      const shuffled = updates.map((update) => ({ update, key: random() })).sort((left, right) => left.key - right.key).map(({ update }) => update)
      expect(merged(shuffled)).toEqual(merged(updates))
    }), { seed: SEED, numRuns: 300 })
  })

  it('whatever is accepted outranks what was held, and nothing that outranks by signature is turned away', () => {
    const states: HeldState[] = ['alive', 'suspect', 'failed', 'left']
    const kinds: ClaimKind[] = ['record', 'suspect', 'failed', 'left']
    const claimed: Record<ClaimKind, HeldState> = { record: 'alive', suspect: 'suspect', failed: 'failed', left: 'left', removed: 'left' }
    fc.assert(fc.property(fc.constantFrom(...states), fc.nat({ max: 4 }), fc.constantFrom(...kinds), fc.nat({ max: 4 }), (state, held, kind, incoming) => {
      const rises = incoming > held || (incoming === held && STATE_RANK[claimed[kind]] > STATE_RANK[state])
      const isAccepted = judge({ state, incarnation: held }, { kind, incarnation: incoming }) === 'accept'
      if (isAccepted) expect(rises).toBe(true)
      if (rises && (kind === 'record' || kind === 'left')) expect(isAccepted).toBe(true)
    }), { seed: SEED, numRuns: 1000 })
  })
})

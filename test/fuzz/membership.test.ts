/**
 * Operations in any order against the membership machine, most of them by liars. Only owners sign records and farewells; everything else may be
 * said by anybody, about anybody, at any incarnation.
 */
import { describe, expect, it } from 'vitest'
import { Membership } from '../../src/core/membership/membership.ts'
import { parseMembershipOptions } from '../../src/core/membership/options.ts'
import type { Evidence, Member, MemberRecord, MembershipEffect, Packet, Report, SignedRecord, SyncEntry, Update } from '../../src/core/membership/types.ts'
import { createRandom, type Random, randomInteger } from '../../src/core/time/random.ts'
import { claimUpdate, createTestRecord } from '../support/member-records.ts'
import { firstSeed, fuzzRuns, pick } from './mutate.ts'

const self = 'self'
const others = ['a', 'b', 'c', 'd', 'e']
const everybody = [self, ...others, 'stranger']
const evidences: readonly Evidence[] = ['probe', 'closed', 'refused', 'silent', 'lossy', 'table', 'operator']
const packetBudgetBytes = 1_300
const stepsMax = 60

/** What owners have signed so far, and one machine among them. */
class World {
  readonly random: Random
  readonly machine: Membership
  readonly #signed = new Map<string, SignedRecord>()
  nowMs = 0

  constructor(seed: number) {
    this.random = createRandom(seed)
    this.machine = new Membership({
      record: this.#record(self, 100), options: parseMembershipOptions({}), random: createRandom(seed + 1), packetBudgetBytes,
      signRecord: (record) => ({ record, envelope: new Uint8Array(200) }),
      signLeave: (peerId, incarnation) => ({ peerId, incarnation, envelope: new Uint8Array(90) }),
    })
    this.machine.start(0)
    for (const peerId of others) this.sign(peerId, 100)
    this.machine.handleSync(0, { from: 'a', entries: others.map((peerId) => this.entry(peerId, 'alive')) })
    this.machine.becomeAlive(0)
  }

  sign(peerId: string, incarnation: number): SignedRecord {
    const signed = { record: this.#record(peerId, incarnation), envelope: new Uint8Array(200) }
    this.#signed.set(peerId, signed)
    return signed
  }

  signedOf(peerId: string): SignedRecord {
    return peerId === self ? this.machine.self : this.#signed.get(peerId) ?? this.sign(peerId, 100)
  }

  entry(peerId: string, state: SyncEntry['state']): SyncEntry {
    return { signed: this.signedOf(peerId), state, leave: null }
  }

  anyIncarnation(): number {
    return pick(this.random, [0, 1, 99, 100, 101, 102, 5_000, 2 ** 52, 2 ** 53, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
  }

  claim(peerId: string, incarnation: number): Update {
    return claimUpdate(pick(this.random, ['suspect', 'failed', 'removed'] as const), peerId, incarnation, pick(this.random, everybody))
  }

  anyUpdate(): Update {
    const peerId = pick(this.random, everybody)
    if (this.random() < 0.75) return this.claim(peerId, this.anyIncarnation())
    if (peerId === self) return { kind: 'record', signed: this.machine.self }
    return { kind: 'record', signed: this.random() < 0.5 ? this.signedOf(peerId) : this.sign(peerId, this.signedOf(peerId).record.incarnation + 1) }
  }

  anyPacket(): Packet {
    const probe = pick(this.random, [null, 'ping', 'ack', 'nack', 'ping-request'] as const)
    const reports = Array.from({ length: randomInteger(this.random, 4) }, (): Report => ({
      peerId: pick(this.random, everybody), incarnation: this.anyIncarnation(), verdict: pick(this.random, ['dead', 'lossy', 'well'] as const), evidence: pick(this.random, evidences),
    }))
    const sequence = randomInteger(this.random, 200)
    return {
      probe: probe === null ? null : probe === 'ping-request' ? { kind: probe, sequence, target: pick(this.random, everybody) } : { kind: probe, sequence },
      updates: this.anyUpdates(), load: null, reports, coordinate: null,
    }
  }

  anyUpdates(): Update[] {
    return Array.from({ length: randomInteger(this.random, 5) }, () => this.anyUpdate())
  }

  step(): MembershipEffect[] {
    const { machine, random } = this
    const peerId = pick(random, everybody)
    this.nowMs += randomInteger(random, 4) === 0 ? randomInteger(random, 20_000) : randomInteger(random, 300)
    switch (randomInteger(random, 10)) {
      case 0:
      case 1: return machine.handlePacket(this.nowMs, peerId, this.anyPacket())
      case 2: return machine.handleUpdates(this.nowMs, { from: peerId, updates: this.anyUpdates() })
      case 3: return machine.handleSync(this.nowMs, { from: peerId, entries: everybody.map((other) => this.entry(other, pick(random, ['alive', 'suspect', 'failed', 'left'] as const))) })
      case 4: return machine.handleEvidence(this.nowMs, peerId, pick(random, ['closed', 'refused'] as const))
      case 5: return machine.handleConnect(this.nowMs, { peerId, result: pick(random, ['open', 'refused', 'silent'] as const) })
      case 6: return machine.handleStreamPing(this.nowMs, { peerId, sequence: randomInteger(random, 200), answered: random() < 0.5 })
      case 7: return random() < 0.2 ? machine.removeMember(this.nowMs, peerId) : machine.setLoopDelay(randomInteger(random, 2_000))
      default: return machine.handleTimeout(this.nowMs)
    }
  }

  issued(peerId: string): number {
    return this.signedOf(peerId).record.incarnation
  }

  #record(peerId: string, incarnation: number): MemberRecord {
    return createTestRecord(peerId, { name: peerId, incarnation })
  }
}

function fuzzWorlds(check: (world: World) => void, share: number): void {
  for (let seed = firstSeed; seed < firstSeed + Math.max(1, Math.floor(fuzzRuns * share)); seed++) {
    try {
      check(new World(seed))
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_RUNS=1 fails`, { cause: error })
    }
  }
}

describe('the membership machine', () => {
  it('never throws, believes no incarnation that its owner did not sign, and speaks only of members and within its budget', () => {
    fuzzWorlds((world) => {
      const { machine } = world
      for (let step = 0; step < stepsMax; step++) {
        const before = machine.self.record.incarnation
        for (const effect of world.step()) {
          if (effect.kind === 'send') expect([effect.to === self, everybody.includes(effect.to)]).toEqual([false, true])
          if (effect.kind === 'event') expect(effect.event.record.peerId).not.toBe(self)
        }
        expect(machine.self.record.incarnation).toBeGreaterThanOrEqual(before)
        expect(Number.isSafeInteger(machine.self.record.incarnation)).toBe(true)
        for (const { signed: { record } } of machine.members()) {
          expect(record.incarnation).toBeLessThanOrEqual(world.issued(record.peerId))
          expect(Number.isSafeInteger(record.incarnation)).toBe(true)
        }
        expect(machine.queuedUpdates).toBeLessThanOrEqual(everybody.length)
        const deadlineMs = machine.nextDeadlineMs()
        if (deadlineMs !== null) expect(Number.isFinite(deadlineMs)).toBe(true)
      }
    }, 0.1)
  })

  it('is not moved by a member that lies about others’ incarnations', () => {
    const seen = (members: readonly Member[]): unknown => members.map(({ signed, state, suspectedBy }) => [signed.record.peerId, signed.record.incarnation, state, suspectedBy])
    fuzzWorlds((world) => {
      const { machine, random } = world
      const before = seen(machine.members())
      const lies = Array.from({ length: 40 }, () => {
        const peerId = pick(random, others)
        const incarnation = world.anyIncarnation()
        return world.claim(peerId, incarnation === 100 ? 101 : incarnation)
      })
      for (const lie of lies) {
        const effects = random() < 0.5
          ? machine.handleUpdates(10, { from: pick(random, others), updates: [lie] })
          : machine.handlePacket(10, pick(random, others), { probe: null, updates: [lie], load: null, reports: [], coordinate: null })
        expect(effects.filter(({ kind }) => kind === 'event' || kind === 'announce')).toEqual([])
      }
      expect(seen(machine.members())).toEqual(before)
      expect(machine.self.record.incarnation).toBe(100)
    }, 0.3)
  })
})

/** Dadgar, Phillips, Currey: Lifeguard: Local Health Awareness for More Accurate Failure Detection, arXiv 1707.00788. */
import { describe, expect, it } from 'vitest'
import { MEMBERLIST } from '../../../../src/core/membership/features.ts'
import { LocalHealth } from '../../../../src/core/membership/local-health.ts'
import type { Membership } from '../../../../src/core/membership/membership.ts'
import { confirmationsWanted, suspicionMinMs, suspicionTimeoutMs } from '../../../../src/core/membership/suspicion.ts'
import type { MembershipEffect } from '../../../../src/core/membership/types.ts'
import { advance, claim, createAlive as createAny, isPing, packet, sendsIn } from './fixtures.ts'

const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'f']
const createAlive: typeof createAny = (members, options, init) => createAny(members, options, { features: { ...MEMBERLIST, streamProbes: false }, ...init })

function ackAll(machine: Membership): (effect: MembershipEffect, nowMs: number) => void {
  return (effect, nowMs) => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) }
}

/** Helpers say that they are there, and that the target did not answer them either. */
function nackAll(machine: Membership): (effect: MembershipEffect, nowMs: number) => void {
  return (effect, nowMs) => {
    if (effect.kind === 'send' && effect.packet.probe?.kind === 'ping-request') machine.handlePacket(nowMs, effect.to, packet({ kind: 'nack', sequence: effect.packet.probe.sequence }))
  }
}

describe('Lifeguard §IV-A, local health aware probe', () => {
  it('the score stays between 0 and its maximum, the multiplier is one more', () => {
    const health = new LocalHealth({ scoreMax: 8, delayStepMs: 50 })
    health.add(-3)
    expect([health.score, health.multiplier]).toEqual([0, 1])
    health.add(20)
    expect([health.score, health.multiplier]).toEqual([8, 9])
    health.add(-1)
    expect(health.score).toBe(7)
  })

  it('extension: event-loop delay counts at once and is gone at once', () => {
    const health = new LocalHealth({ scoreMax: 8, delayStepMs: 50 })
    health.setLoopDelay(49)
    expect(health.score).toBe(0)
    health.setLoopDelay(170)
    expect(health.score).toBe(3)
    health.setLoopDelay(100_000)
    expect(health.score).toBe(8)
    health.setLoopDelay(2)
    expect(health.score).toBe(0)
  })

  it('a failed probe whose helpers kept silent raises the score by the nacks that are missing', () => {
    const machine = createAlive(MEMBERS)
    advance(machine, 1999)
    expect([machine.counters.pingsLost, machine.localHealth]).toEqual([1, 3])
  })

  it('a failed probe whose helpers all nacked says nothing against this node', () => {
    const machine = createAlive(MEMBERS)
    advance(machine, 1999, nackAll(machine))
    expect([machine.counters.pingsLost, machine.localHealth]).toEqual([1, 0])
  })

  it('a successful probe lowers it', () => {
    const machine = createAlive(MEMBERS)
    advance(machine, 1999)
    advance(machine, 60_000, ackAll(machine))
    expect(machine.localHealth).toBe(0)
  })

  it('having to refute raises it', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(1, 'a', packet(null, [claim('suspect', 'self', 100)]))
    expect(machine.localHealth).toBe(1)
  })

  it('probe interval and ack timeout grow with it', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(0, 'a', packet(null, [claim('suspect', 'self', 100)]))
    expect(machine.localHealth).toBe(1)
    const seen = advance(machine, 5000, nackAll(machine))
    const pings = seen.filter(({ effect }) => isPing(effect))
    const [first, second] = pings
    const request = seen.find(({ effect }) => effect.kind === 'send' && effect.packet.probe?.kind === 'ping-request')
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(2000)
    expect((request?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(1000)
  })
})

describe('extension: a busy event loop', () => {
  it('stretches the timeouts, but not the probe interval: busy is no reason to look away', () => {
    const machine = createAlive(MEMBERS)
    machine.setLoopDelay(100)
    expect(machine.localHealth).toBe(1)
    const seen = advance(machine, 3500, nackAll(machine))
    const [first, second] = seen.filter(({ effect }) => isPing(effect))
    const request = seen.find(({ effect }) => effect.kind === 'send' && effect.packet.probe?.kind === 'ping-request')
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(1000)
    expect((request?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(1000)
  })
})

describe('Lifeguard §IV-B, local health aware suspicion', () => {
  it('the timeout falls from max to min with the logarithm of the confirmations', () => {
    const timeoutOf = (confirmations: number): number => suspicionTimeoutMs({ minMs: 2000, maxMs: 30_000, confirmations, wanted: 3 })
    // memberlist's table for k = 3, min 2 s, max 30 s.
    expect([0, 1, 2, 3, 4].map((confirmations) => Math.floor(timeoutOf(confirmations)))).toEqual([30_000, 16_000, 7810, 2000, 2000])
    expect(suspicionTimeoutMs({ minMs: 2000, maxMs: 30_000, confirmations: 0, wanted: 0 })).toBe(2000)
  })

  it('min grows with log N, and no confirmations are waited for where they cannot be had', () => {
    const options = { suspicionMultiplier: 4, probeIntervalMs: 1000 }
    expect([5, 10, 100, 1000].map((members) => suspicionMinMs(options, members))).toEqual([4000, 4000, 8000, 12_000])
    expect([2, 3, 4, 100].map((members) => confirmationsWanted(options, members))).toEqual([0, 0, 2, 2])
  })

  it('without confirmation a suspicion lasts its maximum, with k of them its minimum', () => {
    const failedAtMs = (accusers: readonly string[]): number | undefined => {
      const machine = createAlive(MEMBERS)
      for (const accuser of accusers) machine.handlePacket(0, accuser, packet(null, [claim('suspect', 'b', 1, accuser)]))
      return advance(machine, 30_000, ackAll(machine)).find(({ effect }) => effect.kind === 'event' && effect.event.type === 'member-failed')?.atMs
    }
    expect(failedAtMs(['a'])).toBe(24_000)
    // The originator does not confirm itself.
    expect(failedAtMs(['a', 'a', 'a'])).toBe(24_000)
    expect(failedAtMs(['a', 'c', 'd'])).toBe(4000)
    expect(failedAtMs(['a', 'c'])).toBeCloseTo(24_000 - 20_000 * Math.log(2) / Math.log(3), 6)
  })

  it('the first k confirmations are gossiped on, further ones are not', () => {
    const machine = createAlive(MEMBERS)
    const accepted = (): number => machine.counters.updatesAccepted
    const before = accepted()
    for (const accuser of ['a', 'c', 'd', 'e', 'f']) machine.handlePacket(0, accuser, packet(null, [claim('suspect', 'b', 1, accuser)]))
    expect([accepted() - before, machine.counters.suspicionsConfirmed]).toEqual([3, 4])
  })

  it('its own failed probe confirms what another member suspected', () => {
    const machine = createAlive(['a', 'b', 'c', 'd'])
    machine.handlePacket(0, 'a', packet(null, [claim('suspect', 'b', 1, 'a')]))
    advance(machine, 12_000, (effect, nowMs) => {
      if (isPing(effect) && effect.to !== 'b') machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
      nackAll(machine)(effect, nowMs)
    })
    expect(machine.member('b')?.suspectedBy).toEqual(['a', 'self'])
  })
})

describe('Lifeguard §IV-C, buddy system', () => {
  it('whatever is sent to a suspect tells it so, first', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(0, 'a', packet(null, [claim('suspect', 'b', 1, 'a')]))
    const [ack] = sendsIn(machine.handlePacket(1, 'b', packet({ kind: 'ping', sequence: 7 })))
    expect(ack?.packet.updates[0]).toMatchObject({ kind: 'suspect', peerId: 'b' })
  })

  it('the suspect’s answer already refutes', () => {
    const suspect = createAlive(['a'])
    const [ack] = sendsIn(suspect.handlePacket(1, 'a', packet({ kind: 'ping', sequence: 7 }, [claim('suspect', 'self', 100, 'a')])))
    expect(ack?.packet.updates[0]).toMatchObject({ kind: 'record', signed: { record: { incarnation: 101 } } })
  })
})

/** Das, Gupta, Motivala: SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol, DSN 2002. */
import { describe, expect, it } from 'vitest'
import type { MembershipEffect } from '../../../../src/core/membership/types.ts'
import { PLAIN_SWIM } from '../../../../src/core/membership/features.ts'
import { suspicionMinMs } from '../../../../src/core/membership/suspicion.ts'
import { advance, claim, createAlive as createAny, eventsIn, isPing, packet, recordUpdate, sendsIn } from './fixtures.ts'

/** The protocol of the paper, without what is built on it. */
const createAlive: typeof createAny = (members, options, init) => createAny(members, options, { features: PLAIN_SWIM, ...init })
const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'f']

describe('SWIM §3.1, the failure detector', () => {
  it('pings one member in each period', () => {
    const machine = createAlive(MEMBERS)
    const pings = advance(machine, 6000, (effect, nowMs) => {
      if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
    }).filter(({ effect }) => isPing(effect))
    expect(pings).toHaveLength(6)
    expect(new Set(pings.map(({ atMs }) => (atMs - (pings[0]?.atMs ?? 0)) / 1000))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
  })

  it('asks k others only when no ack came in time, and suspects nobody before the period ends', () => {
    const machine = createAlive(MEMBERS)
    const seen = advance(machine, 2500)
    const ping = seen.find(({ effect }) => isPing(effect))
    const requests = seen.filter(({ effect }) => effect.kind === 'send' && effect.packet.probe?.kind === 'ping-request')
    const firstRequests = requests.filter(({ atMs }) => atMs === (ping?.atMs ?? 0) + 500)
    expect(firstRequests).toHaveLength(3)
    const target = ping?.effect.kind === 'send' ? ping.effect.to : ''
    for (const { effect } of firstRequests) {
      expect(effect).toMatchObject({ packet: { probe: { kind: 'ping-request', target } } })
      expect(effect.kind === 'send' && effect.to !== target).toBe(true)
    }
    const suspected = seen.find(({ effect }) => effect.kind === 'event')
    expect(suspected?.atMs).toBe((ping?.atMs ?? 0) + 1000)
    expect(suspected?.effect).toMatchObject({ event: { type: 'member-suspected', record: { peerId: target }, from: 'self', sinceProbeMs: 1000 } })
  })

  it('one indirect ack is enough', () => {
    const machine = createAlive(MEMBERS)
    const effects = advance(machine, 10_000, (effect, nowMs) => {
      if (effect.kind !== 'send' || effect.packet.probe?.kind !== 'ping-request') return
      machine.handlePacket(nowMs + 1, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
    })
    expect(eventsIn(effects.map(({ effect }) => effect))).toEqual([])
    expect(machine.counters.indirectAcks).toBeGreaterThanOrEqual(9)
  })

  it('a helper pings the target and relays its ack under the asker’s sequence', () => {
    const machine = createAlive(MEMBERS)
    const [ping] = sendsIn(machine.handlePacket(10, 'a', packet({ kind: 'ping-request', sequence: 77, target: 'b' })))
    expect(ping).toMatchObject({ to: 'b', packet: { probe: { kind: 'ping' } } })
    const relayed = sendsIn(machine.handlePacket(12, 'b', packet({ kind: 'ack', sequence: ping?.packet.probe?.sequence ?? -1 })))
    expect(relayed).toMatchObject([{ to: 'a', packet: { probe: { kind: 'ack', sequence: 77 } } }])
  })

  it('a ping is answered with an ack of the same sequence', () => {
    const machine = createAlive(MEMBERS)
    expect(sendsIn(machine.handlePacket(10, 'c', packet({ kind: 'ping', sequence: 5 })))).toMatchObject([{ to: 'c', packet: { probe: { kind: 'ack', sequence: 5 } } }])
  })
})

describe('SWIM §4.1, dissemination', () => {
  it('news rides on pings and acks', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(1, 'a', packet(null, [recordUpdate('new', 5)]))
    const [ack] = sendsIn(machine.handlePacket(2, 'b', packet({ kind: 'ping', sequence: 1 })))
    expect(ack?.packet.updates.map((update) => update.kind === 'record' && update.signed.record.peerId)).toContain('new')
  })

  it('each update is sent λ·⌈log10(N+1)⌉ times, then the mesh falls silent', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(1, 'a', packet(null, [recordUpdate('new', 5)]))
    const effects = advance(machine, 30_000, (effect, nowMs) => {
      if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
    }).map(({ effect }) => effect)
    const carrying = sendsIn(effects).filter(({ packet: sent }) => sent.updates.some((update) => update.kind === 'record' && update.signed.record.peerId === 'new'))
    expect(carrying).toHaveLength(4)
    expect(machine.queuedUpdates).toBe(0)
  })
})

describe('SWIM §4.2, suspicion', () => {
  it('a suspect that does not refute is declared failed after the timeout', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(100, 'a', packet(null, [claim('suspect', 'b', 1)]))
    expect(machine.member('b')?.state).toBe('suspect')
    const failed = advance(machine, 4100).filter(({ effect }) => effect.kind === 'event' && effect.event.record.peerId === 'b')
    // Seven members with this one: log10(7) < 1, so four periods.
    expect(failed).toMatchObject([{ atMs: 4100, effect: { event: { type: 'member-failed', from: 'self' } } }])
  })

  it('Alive with a higher incarnation un-marks the suspect', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(100, 'a', packet(null, [claim('suspect', 'b', 1)]))
    expect(eventsIn(machine.handlePacket(200, 'a', packet(null, [recordUpdate('b', 1)])))).toEqual([])
    expect(eventsIn(machine.handlePacket(200, 'a', packet(null, [recordUpdate('b', 2)])))).toMatchObject([{ type: 'member-refuted' }])
    const failed = advance(machine, 20_000).filter(({ effect }) => effect.kind === 'event' && effect.event.type === 'member-failed' && effect.event.from === 'self' && effect.event.atMs <= 4100)
    expect(failed).toEqual([])
  })

  it('only the member itself raises its incarnation, above the claim', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(100, 'a', packet(null, [claim('suspect', 'self', 100)]))
    expect(machine.self.record.incarnation).toBe(101)
    machine.handlePacket(100, 'a', packet(null, [claim('suspect', 'self', 100)]))
    expect(machine.self.record.incarnation).toBe(101)
  })

  it('a suspect member is still pinged, as if it were non-faulty', () => {
    const machine = createAlive(['b', 'c'])
    machine.handlePacket(0, 'c', packet(null, [claim('suspect', 'b', 1)]))
    const pinged = advance(machine, 3000).filter(({ effect }) => isPing(effect)).map(({ effect }) => effect.kind === 'send' && effect.to)
    expect(pinged).toContain('b')
  })

  it('the timeout grows with log N', () => {
    const options = { suspicionMultiplier: 4, probeIntervalMs: 1000 }
    expect([1, 10, 100, 1000].map((members) => suspicionMinMs(options, members))).toEqual([4000, 4000, 8000, 12_000])
  })
})

describe('SWIM §4.3, round robin', () => {
  it('bounds the time between two probes of one member by 2N − 1 periods', () => {
    const machine = createAlive(MEMBERS)
    const lastMs = new Map<string, number>()
    let worstMs = 0
    advance(machine, 120_000, (effect: MembershipEffect, nowMs) => {
      if (!isPing(effect)) return
      machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
      worstMs = Math.max(worstMs, nowMs - (lastMs.get(effect.to) ?? nowMs))
      lastMs.set(effect.to, nowMs)
    })
    expect(lastMs.size).toBe(6)
    expect(worstMs).toBeGreaterThan(6000)
    expect(worstMs).toBeLessThanOrEqual(11_000.001)
  })
})

/** A failed member's way back. */
import { describe, expect, it } from 'vitest'
import type { Membership } from '../../../../src/core/membership/membership.ts'
import type { MembershipEffect, Update } from '../../../../src/core/membership/types.ts'
import { advance, claim, createAlive, eventsIn, isPing, packet, recordUpdate, signed, tellFailed } from './fixtures.ts'

const MEMBERS = ['a', 'b', 'c', 'd']

function failed(machine: Membership, nowMs = 0): void {
  tellFailed(machine, nowMs, claim('failed', 'b', machine.member('b')?.signed.record.incarnation ?? 0, 'a'))
}

function run(machine: Membership, untilMs: number): ReturnType<typeof eventsIn> {
  return eventsIn(advance(machine, untilMs, (effect, nowMs) => {
    if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
    if (effect.kind === 'connect') machine.handleConnect(nowMs, { peerId: effect.peerId, result: 'open' })
  }).map(({ effect }) => effect))
}

describe('coming back', () => {
  it('after a restart at once', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    expect(eventsIn(machine.handleUpdates(9000, { from: 'b', updates: [recordUpdate('b', 2, { datagramEpoch: 7 })] }))).toMatchObject([{ type: 'member-joined' }])
  })

  it('without a restart after it was well for a while, the longer the longer it was away', () => {
    const waitedMs = (awayMs: number): number => {
      const machine = createAlive(MEMBERS)
      failed(machine)
      expect(eventsIn(machine.handleUpdates(awayMs, { from: 'b', updates: [recordUpdate('b', 2)] }))).toMatchObject([{ type: 'member-returning' }])
      expect(machine.member('b')).toMatchObject({ state: 'failed' })
      expect(machine.member('b')?.probationUntilMs).toBeGreaterThan(awayMs)
      const joined = run(machine, awayMs + 1_000_000).find((event) => event.type === 'member-joined')
      expect(machine.member('b')).toMatchObject({ state: 'alive', probationUntilMs: null })
      return (joined?.atMs ?? NaN) - awayMs
    }
    expect(waitedMs(17_000)).toBeGreaterThanOrEqual(34_000)
    expect(waitedMs(100)).toBeLessThan(waitedMs(17_000))
  })

  it('within a partition at once', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePartition(0, true)
    failed(machine, 1)
    machine.handlePartition(50_000, false)
    expect(eventsIn(machine.handleUpdates(50_001, { from: 'b', updates: [recordUpdate('b', 2)] }))).toMatchObject([{ type: 'member-joined' }])
  })

  it('also when the partition was told only after it had failed, but not long after', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    machine.handlePartition(5000, true)
    expect(eventsIn(machine.handleUpdates(50_001, { from: 'b', updates: [recordUpdate('b', 2)] }))).toMatchObject([{ type: 'member-joined' }])
  })

  it('a member on probation is watched; a verdict on its new incarnation puts it out again, and it starts over', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    const effects = machine.handleUpdates(20_000, { from: 'b', updates: [recordUpdate('b', 2)] })
    expect(effects.some((effect) => isPing(effect) && effect.to === 'b')).toBe(true)
    expect(eventsIn(tellFailed(machine, 30_000, claim('failed', 'b', 2, 'c')))).toMatchObject([{ type: 'member-failed' }])
    expect(machine.member('b')).toMatchObject({ state: 'failed', probationUntilMs: null })
    expect(run(machine, 200_000).filter((event) => event.type === 'member-joined')).toEqual([])
    expect(eventsIn(machine.handleUpdates(200_001, { from: 'b', updates: [recordUpdate('b', 3)] }))).toMatchObject([{ type: 'member-returning' }])
  })

  it('a suspicion of it neither brings it in nor puts it out', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    machine.handleUpdates(20_000, { from: 'b', updates: [recordUpdate('b', 2)] })
    expect(eventsIn(machine.handleUpdates(20_001, { from: 'c', updates: [claim('suspect', 'b', 2, 'c')] }))).toEqual([])
    expect(machine.member('b')).toMatchObject({ state: 'failed' })
    expect(machine.member('b')?.probationUntilMs).not.toBeNull()
  })

  it('is told to newcomers as alive, who have no reason to keep it out', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    machine.handleUpdates(20_000, { from: 'b', updates: [recordUpdate('b', 2)] })
    expect(machine.syncEntries().find((entry) => entry.signed.record.peerId === 'b')).toMatchObject({ state: 'alive' })
  })

  it('the word of a failed member against others is not heard', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    expect(eventsIn(machine.handleUpdates(1, { from: 'b', updates: [claim('suspect', 'c', 1, 'b')] }))).toEqual([])
    expect(machine.member('c')?.state).toBe('alive')
  })
})

describe('a lone verdict', () => {
  const lone = { ...claim('failed', 'b', 1, 'a'), confirmedBy: [] } as Update

  it('on probes that nobody confirmed is an accusation to others', () => {
    const machine = createAlive(MEMBERS)
    expect(eventsIn(machine.handleUpdates(1, { from: 'a', updates: [lone] }))).toMatchObject([{ type: 'member-suspected', from: 'a' }])
    expect(machine.member('b')?.state).toBe('suspect')
  })

  it('of a host that refuses counts once another says the same', () => {
    const machine = createAlive(MEMBERS)
    tellFailed(machine, 1, { ...lone, evidence: 'refused' } as ReturnType<typeof claim>)
    expect(machine.member('b')?.state).toBe('failed')
  })
})

describe('a verdict told by one member alone, whatever names it bears', () => {
  it('is an accusation, however often it is told, and a reason to look', () => {
    const machine = createAlive(MEMBERS)
    for (let nowMs = 1; nowMs < 200; nowMs++) machine.handleUpdates(nowMs, { from: 'a', updates: [claim('failed', 'b', 1, 'x'), claim('failed', 'b', 1, 'c')] })
    expect(machine.member('b')?.state).toBe('suspect')
    const acks = (effect: MembershipEffect, nowMs: number): void => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) }
    expect(advance(machine, 1500, acks).some(({ effect }) => isPing(effect) && effect.to === 'b')).toBe(true)
    machine.handleUpdates(1501, { from: 'b', updates: [recordUpdate('b', 2)] })
    machine.handleUpdates(1502, { from: 'c', updates: [claim('failed', 'b', 1, 'c')] })
    expect(machine.member('b')).toMatchObject({ state: 'alive', probationUntilMs: null })
  })

  it('counts once this node has found it dead itself, whose own name in it proves nothing', () => {
    const machine = createAlive(MEMBERS)
    machine.handleUpdates(1, { from: 'a', updates: [claim('suspect', 'b', 1, 'self'), claim('failed', 'b', 1, 'a')] })
    machine.handleUpdates(2, { from: 'a', updates: [claim('suspect', 'b', 1, 'self')] })
    expect(machine.member('b')).toMatchObject({ state: 'suspect', suspectedBy: ['a'] })
    machine.handleConnect(3, { peerId: 'b', result: 'refused' })
    const failed = advance(machine, 300).find(({ effect }) => effect.kind === 'event' && effect.event.type === 'member-failed')
    expect(failed?.effect).toMatchObject({ event: { from: 'a', confirmedBy: ['witness1', 'witness2'] } })
  })

  it('is not seconded by an unanswered probe, nor by one who is out or unknown', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    machine.handleUpdates(1, { from: 'a', updates: [claim('failed', 'd', 1, 'a')] })
    for (const from of ['b', 'stranger']) machine.handleUpdates(2, { from, updates: [claim('failed', 'd', 1, from)] })
    machine.handleConnect(3, { peerId: 'd', result: 'open' })
    advance(machine, 3900, (effect, nowMs) => { if (isPing(effect) && effect.to !== 'd') machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) })
    expect(machine.member('d')?.state).toBe('suspect')
  })
})

describe('removal by an operator', () => {
  it('takes a failed member off the list, tells the others, and is believed by them', () => {
    const machine = createAlive(MEMBERS)
    failed(machine)
    const effects = machine.removeMember(10, 'b')
    expect(effects).toContainEqual({ kind: 'announce', updates: [claim('removed', 'b', 1, 'self')] })
    expect(machine.member('b')).toMatchObject({ state: 'left', removedBy: 'self' })
    const other = createAlive(['self', 'b', 'c'], {}, { record: signed('other', 5).record })
    expect(eventsIn(other.handleUpdates(11, { from: 'self', updates: [claim('removed', 'b', 1, 'self')] }))).toEqual([])
    failed(other, 11)
    expect(eventsIn(other.handleUpdates(11, { from: 'self', updates: [claim('removed', 'b', 1, 'self')] }))).toMatchObject([{ type: 'member-left', evidence: 'operator' }])
    expect(other.member('b')).toMatchObject({ state: 'left', removedBy: 'self' })
    expect(machine.removeMember(12, 'b')).toEqual([])
  })

  it('a living one refutes it and is back', () => {
    const victim = createAlive(['a'])
    victim.handleUpdates(1, { from: 'a', updates: [claim('removed', 'self', 100, 'a')] })
    expect(victim.self.record.incarnation).toBe(101)
    const machine = createAlive(MEMBERS)
    machine.removeMember(1, 'b')
    expect(eventsIn(machine.handleUpdates(2, { from: 'b', updates: [recordUpdate('b', 2)] }))).toMatchObject([{ type: 'member-joined' }])
  })

  it('travels by tables, too', () => {
    const machine = createAlive(MEMBERS)
    machine.removeMember(1, 'b')
    const entry = machine.syncEntries().find((one) => one.signed.record.peerId === 'b')
    expect(entry).toMatchObject({ state: 'left', leave: null })
    const other = createAlive(['self', 'b', 'c'], {}, { record: signed('other', 5).record })
    failed(other, 1)
    other.handleSync(2, { from: 'self', entries: entry === undefined ? [] : [entry] })
    expect(other.member('b')).toMatchObject({ state: 'left', removedBy: 'self' })
  })
})

/** The checkers themselves: each must catch the machine that breaks its rule, or the green simulations prove nothing. */
import { describe, expect, it } from 'vitest'
import type { MemberEventType, MembershipEffect, Packet, Update } from '../../src/core/membership/types.ts'
import { createAlive, createMachine, packet, record, recordUpdate, signed } from '../unit/core/membership/fixtures.ts'
import { SimulatedMesh } from './mesh.ts'
import { Registry, SafetyChecker } from './safety.ts'

function event(type: MemberEventType, about = record('a', 1)): MembershipEffect {
  return { kind: 'event', event: { type, atMs: 0, record: about, from: 'a', reason: 'x', sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null } }
}

function setUp() {
  const registry = new Registry()
  const machine = createAlive(['a'])
  for (const member of machine.members()) registry.addRecord(member.signed)
  registry.addRecord(machine.self)
  const checker = new SafetyChecker('self', registry, 1300)
  const check = (effects: readonly MembershipEffect[], phase = 'alive', subjects: string[] = []) => { checker.check(machine, phase, effects, subjects) }
  check([event('member-joined')])
  return { registry, machine, check }
}

const send = (to: string, sent: Packet): MembershipEffect => ({ kind: 'send', to, packet: sent })
const suspectA = (incarnation: number): Update => ({ kind: 'suspect', peerId: 'a', incarnation, from: 'b', evidence: 'probe' })

describe('safety checkers', () => {
  it('accept what is right', () => {
    const { check } = setUp()
    check([send('a', packet({ kind: 'ping', sequence: 1 }, [suspectA(1)]))])
  })

  it.each([
    ['a packet to itself', [send('self', packet(null))], 'to the node itself'],
    ['an oversized packet', [send('a', packet(null, Array.from({ length: 14 }, () => suspectA(1))))], 'bytes, 1300 fit'],
    ['two updates about one member', [send('a', packet(null, [suspectA(1), suspectA(1)]))], 'twice of one member'],
    ['a claim about an incarnation never issued', [send('a', packet(null, [suspectA(2)]))], 'never issued'],
    ['a forged record', [{ kind: 'announce', updates: [recordUpdate('a', 1)] }], 'not what its owner signed'],
    ['an impossible event', [event('member-refuted')], 'while it was alive'],
    ['an event that the table denies', [event('member-failed')], 'the events say failed'],
  ] satisfies Array<[string, MembershipEffect[], string]>)('catch %s', (_what, effects, message) => {
    expect(() => { setUp().check(effects) }).toThrow(message)
  })

  it('catch news and probes after leave, and anything after stop', () => {
    expect(() => { setUp().check([send('a', packet({ kind: 'ping', sequence: 1 }))], 'left') }).toThrow('a probe after leave')
    expect(() => { setUp().check([send('a', packet(null, [suspectA(1)]))], 'left') }).toThrow('news of others')
    expect(() => { setUp().check([send('a', packet({ kind: 'ack', sequence: 1 }))], 'stopped') }).toThrow('after stop')
  })

  it('catch a belief that nobody signed, and a table that forgets', () => {
    const { machine, check } = setUp()
    machine.handleUpdates(1, { from: 'a', updates: [{ kind: 'record', signed: signed('a', 9) }] })
    expect(() => { check([], 'alive', ['a']) }).toThrow('a@9 is not what its owner signed')
  })

  it('catch a table whose incarnation sinks, or whose state improves at the same incarnation', () => {
    const { registry, machine } = setUp()
    const first = machine.member('a')?.signed
    if (first === undefined) throw new Error('unreachable')
    const fresh = createMachine()
    fresh.start(0)
    fresh.handleUpdates(0, { from: 'a', updates: [{ kind: 'record', signed: first }] })
    const joinedEvent = event('member-joined', first.record)
    const checker = new SafetyChecker('self', registry, 1300)
    checker.check(machine, 'alive', [joinedEvent], ['a'])
    checker.check(machine, 'alive', machine.handleUpdates(1, { from: 'a', updates: [suspectA(1)] }), [])
    expect(() => { checker.check(fresh, 'alive', [], ['a']) }).toThrow('went from 1 back to 0')
    const newer = signed('a', 2)
    registry.addRecord(newer)
    const sinking = new SafetyChecker('self', registry, 1300)
    machine.handleUpdates(3, { from: 'a', updates: [{ kind: 'record', signed: newer }] })
    sinking.check(machine, 'alive', [joinedEvent], ['a'])
    expect(() => { sinking.check(fresh, 'alive', [], ['a']) }).toThrow('sank from 2 to 1')
  })

  it('a convergence that does not come is a failure that names who disagrees', () => {
    const mesh = new SimulatedMesh({ nodes: 3, seed: 1 })
    mesh.startAll(10)
    mesh.runFor(5000)
    mesh.crash(2)
    expect(() => mesh.runUntil(() => mesh.isConverged(), { withinMs: 500, what: 'the crash' })).toThrow(/the crash: not within 500 ms; p0000 holds p0002 for alive at \d+, it is crashed/)
  })
})

/** The observers' watch, driven through the whole machine of one observer. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Membership } from '../../../../src/core/membership/membership.ts'
import type { MembershipEffect, Report } from '../../../../src/core/membership/types.ts'
import { CONNECTS_MAX, WATCHES_MAX } from '../../../../src/core/membership/watches.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import { advance, claim, createAlive, isPing, packet, recordUpdate, tellFailed } from './fixtures.ts'

/** With K = 10 all six observe each other. */
const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'f']

type Answer = 'ack' | 'silence'

/** Runs the machine; the members answer pings as told, and the subject's port does as told. */
class Bench {
  readonly machine: Membership
  readonly effects: Array<{ readonly atMs: number; readonly effect: MembershipEffect }> = []
  readonly answers = new Map<string, () => Answer>()
  port: 'open' | 'refused' | 'silent' = 'open'
  nowMs = 0

  constructor(members: readonly string[] = MEMBERS) {
    this.machine = createAlive(members)
    this.runUntil(12_000)
    this.effects.length = 0
  }

  perform(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) {
      this.effects.push({ atMs: this.nowMs, effect })
      if (isPing(effect) && (this.answers.get(effect.to) ?? (() => 'ack'))() === 'ack') {
        this.perform(this.machine.handlePacket(this.nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })))
      } else if (effect.kind === 'send' && effect.packet.probe?.kind === 'ping-request') {
        this.perform(this.machine.handlePacket(this.nowMs, effect.to, packet({ kind: 'nack', sequence: effect.packet.probe.sequence })))
      } else if (effect.kind === 'connect') {
        this.perform(this.machine.handleConnect(this.nowMs, { peerId: effect.peerId, result: this.port }))
      }
    }
  }

  runUntil(untilMs: number): void {
    for (let nextMs = this.machine.nextDeadlineMs(); nextMs !== null && nextMs <= untilMs; nextMs = this.machine.nextDeadlineMs()) {
      this.nowMs = nextMs
      this.perform(this.machine.handleTimeout(nextMs))
    }
    this.nowMs = untilMs
  }

  report(from: string, verdict: Report['verdict'], incarnation = 1, peerId = 'b'): void {
    this.perform(this.machine.handlePacket(this.nowMs, from, { ...packet(null), reports: [{ peerId, incarnation, verdict, evidence: 'refused' }] }))
  }

  closed(peerId = 'b'): void {
    this.perform(this.machine.handleEvidence(this.nowMs, peerId, 'closed'))
  }

  reports(): Array<{ readonly to: string; readonly report: Report }> {
    return this.effects.flatMap(({ effect }) => (effect.kind === 'send' ? effect.packet.reports.map((report) => ({ to: effect.to, report })) : []))
  }

  events(): Array<{ readonly atMs: number; readonly type: string; readonly evidence: string | null }> {
    return this.effects.flatMap(({ atMs, effect }) => (effect.kind === 'event' ? [{ atMs, type: effect.event.type, evidence: effect.event.evidence }] : []))
  }
}

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})

describe('a watch', () => {
  it('finds a refused port and one unanswered ping dead, suspects, and tells the other observers only', () => {
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    bench.closed()
    bench.runUntil(12_100)
    expect(bench.events()).toEqual([{ atMs: 12_100, type: 'member-suspected', evidence: 'refused' }])
    expect(bench.reports().map(({ to }) => to).sort()).toEqual(['a', 'c', 'd', 'e', 'f'])
    expect(bench.reports()[0]?.report).toEqual({ peerId: 'b', incarnation: 1, verdict: 'dead', evidence: 'refused' })
  })

  it('does not wait for a round trip that was never measured when the host has refused', () => {
    const fresh = createAlive(MEMBERS)
    fresh.handleEvidence(0, 'b', 'closed')
    fresh.handleConnect(2, { peerId: 'b', result: 'refused' })
    const suspected = advance(fresh, 400).find(({ effect }) => effect.kind === 'event' && effect.event.type === 'member-suspected')
    expect(suspected?.atMs).toBe(100)
  })

  it('counts from the silence, however long before it began', () => {
    bench.perform(tellFailed(bench.machine, bench.nowMs, claim('failed', 'b', 1, 'a')))
    bench.perform(bench.machine.handleUpdates(bench.nowMs, { from: 'b', updates: [recordUpdate('b', 2)] }))
    bench.runUntil(17_000)
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    for (const from of ['a', 'c', 'd', 'e', 'f']) bench.report(from, 'dead', 2)
    bench.runUntil(19_000)
    const failed = bench.effects.flatMap(({ atMs, effect }) => (effect.kind === 'event' && effect.event.type === 'member-failed' && atMs > 17_000 ? [effect.event] : []))
    expect(failed).toMatchObject([{ evidence: 'refused' }])
    // It was well, and watched, for 5 s before.
    expect(failed[0]?.probeMs).toBeGreaterThan(0)
    expect(failed[0]?.probeMs).toBeLessThanOrEqual((failed[0]?.atMs ?? NaN) - 17_000)
  })

  it('declares at once when HIGH_SHARE of the live observers agree, and says who confirmed', () => {
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    bench.closed()
    bench.runUntil(12_100)
    // Six observers with this one: 0.7 of six is five.
    for (const from of ['a', 'c', 'd']) bench.report(from, 'dead')
    expect(bench.machine.member('b')?.state).toBe('suspect')
    bench.report('e', 'dead')
    expect(bench.machine.member('b')?.state).toBe('failed')
    const failed = bench.effects.find(({ effect }) => effect.kind === 'event' && effect.event.type === 'member-failed')?.effect
    expect(failed).toMatchObject({ event: { evidence: 'refused', suspectedBy: 'self', probeMs: 100, suspicionMs: 0 } })
    expect(failed?.kind === 'event' && [...failed.event.confirmedBy].sort()).toEqual(['a', 'c', 'd', 'e'])
    expect(bench.machine.counters.earlyVerdicts).toBe(1)
  })

  it('one success anywhere stops the early verdict', () => {
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    bench.closed()
    bench.runUntil(12_100)
    bench.report('f', 'well')
    for (const from of ['a', 'c', 'd', 'e']) bench.report(from, 'dead')
    expect(bench.machine.member('b')?.state).toBe('suspect')
  })

  it('whoever finds it well says so to whoever reports it dead', () => {
    bench.report('a', 'dead')
    expect(bench.reports()).toEqual([{ to: 'a', report: { peerId: 'b', incarnation: 1, verdict: 'well', evidence: 'probe' } }])
    expect(bench.machine.member('b')?.state).toBe('alive')
  })

  it('a suspicion makes the observers ping at once', () => {
    bench.perform(bench.machine.handleUpdates(bench.nowMs, { from: 'a', updates: [claim('suspect', 'b', 1, 'a')] }))
    expect(bench.effects.filter(({ effect }) => isPing(effect) && effect.to === 'b')).toHaveLength(1)
    expect(bench.effects.filter(({ effect }) => effect.kind === 'connect')).toHaveLength(1)
  })

  it('a hung process, whose host accepts connections, is not found dead, only confirmed', () => {
    bench.answers.set('b', () => 'silence')
    bench.perform(bench.machine.handleUpdates(bench.nowMs, { from: 'a', updates: [claim('suspect', 'b', 1, 'a')] }))
    bench.runUntil(14_000)
    expect(bench.reports()).toEqual([])
    expect(bench.machine.member('b')).toMatchObject({ state: 'suspect', suspectedBy: ['a', 'self'] })
  })

  it('asks a port again that was open when the process died: connections close before it does', () => {
    bench.answers.set('b', () => 'silence')
    bench.closed()
    bench.port = 'refused'
    bench.runUntil(12_200)
    expect(bench.reports().map(({ report }) => report.evidence)).toEqual(Array(5).fill('refused'))
  })

  it('asks the port of a hung process a bounded number of times', () => {
    bench.answers.set('b', () => 'silence')
    bench.closed()
    bench.runUntil(72_000)
    expect(bench.effects.filter(({ effect }) => effect.kind === 'connect').length).toBeLessThanOrEqual(CONNECTS_MAX)
    expect(bench.machine.member('b')?.state).toBe('failed')
  })

  it('looks anew when a connection breaks while a watch is under way', () => {
    bench.closed()
    bench.runUntil(16_000)
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    bench.closed()
    bench.runUntil(16_200)
    expect(bench.reports().map(({ report }) => report.verdict)).toEqual(Array(5).fill('dead'))
  })

  it('a silent host needs several pings', () => {
    bench.answers.set('b', () => 'silence')
    bench.port = 'silent'
    bench.perform(bench.machine.handleUpdates(bench.nowMs, { from: 'a', updates: [claim('suspect', 'b', 1, 'a')] }))
    bench.runUntil(12_490)
    expect(bench.reports()).toEqual([])
    bench.runUntil(13_500)
    expect(bench.reports()[0]?.report).toMatchObject({ verdict: 'dead', evidence: 'silent' })
  })

  it('a refutation voids what was found dead', () => {
    bench.answers.set('b', () => 'silence')
    bench.port = 'refused'
    bench.closed()
    bench.runUntil(12_100)
    for (const from of ['a', 'c', 'd']) bench.report(from, 'dead')
    bench.port = 'open'
    bench.perform(bench.machine.handleUpdates(bench.nowMs, { from: 'b', updates: [recordUpdate('b', 2)] }))
    bench.answers.clear()
    bench.report('e', 'dead')
    bench.report('e', 'dead', 2)
    expect(bench.machine.member('b')?.state).toBe('alive')
  })

  it('finds lossy what answers, but loses far more than others; most observers together put it out', () => {
    let ping = 0
    bench.answers.set('b', () => (ping++ % 5 === 0 ? 'ack' : 'silence'))
    bench.closed()
    bench.runUntil(20_500)
    expect(bench.reports().some(({ report }) => report.verdict === 'lossy')).toBe(true)
    expect(bench.machine.member('b')?.state).not.toBe('failed')
    for (const from of ['a', 'c', 'd', 'e']) bench.report(from, 'lossy', bench.machine.member('b')?.signed.record.incarnation)
    expect(bench.machine.member('b')?.state).toBe('failed')
    expect(bench.events().at(-1)).toMatchObject({ type: 'member-failed', evidence: 'lossy' })
  })

  it('in a network in which all lose half of their round trips only many pings call a member lossy', () => {
    const sentBefore: number[] = []
    for (let seed = 1; seed <= 20; seed++) {
      const noisy = new Bench()
      const random = createRandom(seed)
      for (const member of MEMBERS) noisy.answers.set(member, () => (random() < 0.5 ? 'ack' : 'silence'))
      noisy.runUntil(25_000)
      noisy.closed()
      noisy.runUntil(35_000)
      const first = noisy.effects.findIndex(({ effect }) => effect.kind === 'send' && effect.packet.reports.some(({ verdict }) => verdict === 'lossy'))
      sentBefore.push(first < 0 ? Infinity : noisy.effects.slice(0, first).filter(({ effect }) => isPing(effect) && effect.to === 'b').length)
    }
    // By chance this node's own loss looks calm now and then; half of the observers at once, it does not.
    expect(sentBefore.filter((sent) => sent < 30).length).toBeLessThanOrEqual(5)
  })

  it('ends after its pings when all is well', () => {
    bench.closed()
    bench.runUntil(40_000)
    const pings = bench.effects.filter(({ effect }) => isPing(effect) && effect.to === 'b')
    // Twelve of the watch, and four or five of the round robin in 28 periods.
    expect(pings.length).toBeGreaterThanOrEqual(12)
    expect(pings.length).toBeLessThanOrEqual(18)
    expect(bench.events()).toEqual([])
  })

  it('a report from whoever is no observer, about an incarnation that is not held, or about strangers changes nothing', () => {
    bench.report('stranger', 'dead')
    bench.report('a', 'dead', 7)
    bench.report('a', 'dead', 1, 'nobody')
    bench.report('a', 'dead', 1, 'self')
    expect(bench.effects).toEqual([])
    expect(bench.machine.counters.updatesUnproven).toBe(4)
  })

  it('a third of a mesh that dies at once starts no more watches than the bound; the others wait their turn', () => {
    const members = Array.from({ length: 24 }, (_, index) => `m${index}`)
    const large = new Bench(members)
    for (const member of members) large.answers.set(member, () => 'silence')
    large.port = 'open'
    // With 25 members not all are ours to observe: those that are not wait for their evidence to be looked at.
    for (const member of members) large.closed(member)
    expect(large.machine.counters.watches).toBeLessThanOrEqual(WATCHES_MAX)
    expect(large.machine.counters.watches).toBeGreaterThan(3)
  })
})

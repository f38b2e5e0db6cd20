import { describe, expect, it } from 'vitest'
import { INCARNATION_MAX } from '../../../../src/core/membership/precedence.ts'
import { ackTimeoutMs, RELAYS_MAX, RELAYS_PER_REQUESTER_MAX } from '../../../../src/core/membership/prober.ts'
import type { Update } from '../../../../src/core/membership/types.ts'
import { advance, claim, createAlive, createMachine, eventsIn, isPing, packet, record, recordUpdate, sendsIn, signed, signedLeave, tellFailed } from './fixtures.ts'

const MEMBERS = ['a', 'b', 'c', 'd', 'e']

describe('life', () => {
  it('joining answers pings, learns, and probes nobody', () => {
    const machine = createMachine()
    expect(machine.handlePacket(0, 'a', packet({ kind: 'ping', sequence: 1 }))).toEqual([])
    machine.start(0)
    expect(machine.selfState).toBe('joining')
    expect(eventsIn(machine.handleSync(1, { from: 'a', entries: [{ signed: signed('a', 1), state: 'alive', leave: null }] }))).toMatchObject([{ type: 'member-joined', from: 'a' }])
    expect(sendsIn(machine.handlePacket(2, 'a', packet({ kind: 'ping', sequence: 1 })))).toHaveLength(1)
    expect(machine.nextDeadlineMs()).toBeNull()
    expect(machine.becomeAlive(3)).toMatchObject([{ kind: 'announce', updates: [{ kind: 'record' }] }])
    expect([machine.selfState, machine.becomeAlive(4)]).toEqual(['alive', []])
  })

  it('starting twice is a programmer’s mistake', () => {
    const machine = createMachine()
    machine.start(0)
    expect(() => machine.start(0)).toThrow('phase joining')
    expect(() => createMachine().becomeAlive(0)).toThrow('before start')
  })

  it('joining judges nobody: a suspicion learned there waits', () => {
    const machine = createMachine()
    machine.start(0)
    machine.handleSync(0, { from: 'a', entries: [{ signed: signed('a', 1), state: 'alive', leave: null }, { signed: signed('b', 1), state: 'suspect', leave: null }] })
    expect(advance(machine, 20_000)).toEqual([])
    expect(machine.member('b')?.state).toBe('suspect')
  })

  it('updateSelf raises the incarnation and announces', () => {
    const machine = createAlive(MEMBERS)
    expect(machine.updateSelf(5, { name: 'new' })).toMatchObject([{ kind: 'announce', updates: [{ signed: { record: { name: 'new', incarnation: 101, peerId: 'self' } } }] }])
    expect(machine.syncEntries()[0]?.signed.record.name).toBe('new')
  })

  it('leave spreads a signed farewell, answers pings, says nothing else, and tells when it is done', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(1, 'a', packet(null, [claim('suspect', 'b', 1)]))
    const [announced, ...told] = machine.leave(10)
    const farewell = [{ kind: 'left', leave: { peerId: 'self', incarnation: 100 } }]
    expect(announced).toMatchObject({ kind: 'announce', updates: farewell })
    expect(told).toMatchObject(told.map(() => ({ kind: 'send', packet: { probe: null, updates: farewell } })))
    expect(new Set(sendsIn(told).map(({ to }) => to))).toEqual(new Set(MEMBERS))
    expect([machine.selfState, machine.isLeaveTransmitted, machine.syncEntries()[0]?.state]).toEqual(['left', false, 'left'])
    const answer = machine.handlePacket(11, 'a', packet({ kind: 'ping', sequence: 3 }, [claim('suspect', 'self', 100), claim('failed', 'c', 1)]))
    expect(sendsIn(answer)).toMatchObject([{ to: 'a', packet: { probe: { kind: 'ack', sequence: 3 }, updates: [{ kind: 'left' }] } }])
    expect(answer).toHaveLength(1)
    const rest = advance(machine, 60_000)
    expect(rest.every(({ effect }) => effect.kind === 'send' && effect.packet.probe === null)).toBe(true)
    expect([machine.isLeaveTransmitted, machine.nextDeadlineMs(), machine.leave(70_000)]).toEqual([true, null, []])
    machine.stop(70_000)
    expect(machine.handlePacket(70_001, 'a', packet({ kind: 'ping', sequence: 4 }))).toEqual([])
  })

  it('a leave with nobody to tell is done at once', () => {
    const machine = createAlive([])
    machine.leave(1)
    expect(machine.isLeaveTransmitted).toBe(true)
  })
})

describe('what is believed', () => {
  it('an unknown record joins once; a newer one updates and says what changed', () => {
    const machine = createAlive(['a'])
    expect(eventsIn(machine.handlePacket(1, 'a', packet(null, [recordUpdate('n', 5), recordUpdate('n', 5), recordUpdate('n', 4)])))).toMatchObject([{ type: 'member-joined', from: 'a' }])
    const [event] = eventsIn(machine.handlePacket(2, 'a', packet(null, [recordUpdate('n', 6, { name: 'other', databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }], datagramEpoch: 2 })])))
    expect(event).toMatchObject({ type: 'member-updated', reason: 'restarted; name name-n → other; databases none → users (primary, duckdb)' })
    expect(machine.counters).toMatchObject({ updatesStale: 2, updatesAccepted: 3 })
  })

  it('reasons carry no control characters of a peer’s name and stay short', () => {
    const machine = createAlive(['a'])
    const [event] = eventsIn(machine.handlePacket(2, 'a', packet(null, [recordUpdate('a', 6, { name: `\u001b[31m${'x'.repeat(500)}` })])))
    expect(event?.reason).toMatch(/^name name-a → \?\[31mx{75}…$/)
  })

  it('equal names of different PeerIds are both kept', () => {
    const machine = createAlive([])
    machine.handleUpdates(1, { from: 'x', updates: [recordUpdate('p', 1, { name: 'same' }), recordUpdate('q', 1, { name: 'same' })] })
    expect(machine.members().map((member) => member.signed.record.name)).toEqual(['same', 'same'])
  })

  it('claims about strangers and about incarnations without a record are ignored and remembered nowhere', () => {
    const machine = createAlive(['a'])
    expect(machine.handleUpdates(1, { from: 'a', updates: [claim('suspect', 'stranger', 1), claim('failed', 'a', 2), claim('suspect', 'a', 7), { kind: 'left', leave: signedLeave('stranger', 1) }] })).toEqual([])
    expect([machine.member('a')?.state, machine.memberCount, machine.counters.updatesUnproven]).toEqual(['alive', 1, 4])
  })

  it('a failed member comes back with a higher incarnation only', () => {
    const machine = createAlive(['a', 'b'])
    expect(eventsIn(tellFailed(machine, 1, claim('failed', 'b', 1, 'a')))).toMatchObject([{ type: 'member-suspected', from: 'a' }, { type: 'member-failed', from: 'a' }])
    expect(machine.member('b')).toMatchObject({ state: 'failed', suspectedBy: ['a', 'witness1', 'witness2'] })
    expect(machine.handleUpdates(2, { from: 'b', updates: [recordUpdate('b', 1)] })).toEqual([])
    expect(eventsIn(machine.handleUpdates(2, { from: 'b', updates: [recordUpdate('b', 2, { datagramEpoch: 2 })] }))).toMatchObject([{ type: 'member-joined', reason: 'came back after it was declared failed; restarted' }])
    expect(machine.member('b')).toMatchObject({ state: 'alive', suspectedBy: [] })
  })

  it('a leave is final for its incarnation, and said once', () => {
    const machine = createAlive(['a', 'b'])
    const left: Update = { kind: 'left', leave: signedLeave('b', 1) }
    expect(eventsIn(machine.handleUpdates(1, { from: 'a', updates: [left, left, claim('suspect', 'b', 1), claim('failed', 'b', 1)] }))).toMatchObject([{ type: 'member-left', from: 'b' }])
    expect([machine.member('b')?.state, machine.countOf('left')]).toEqual(['left', 1])
  })

  it('several accusers are kept, the first one first', () => {
    const machine = createAlive(['a', 'b', 'c'])
    machine.handleUpdates(1, { from: 'a', updates: [claim('suspect', 'b', 1, 'a'), claim('suspect', 'b', 1, 'c'), claim('suspect', 'b', 1, 'c')] })
    expect(machine.member('b')?.suspectedBy).toEqual(['a', 'c'])
  })

  it('a claim about this node is refuted in the very answer to the packet that brought it', () => {
    const machine = createAlive(['a', 'b'])
    const effects = machine.handlePacket(1, 'a', packet({ kind: 'ping', sequence: 9 }, [claim('failed', 'self', 100)]))
    expect(effects).toMatchObject([
      { kind: 'announce', updates: [{ kind: 'record', signed: { record: { incarnation: 101 } } }] },
      { kind: 'send', to: 'a', packet: { probe: { kind: 'ack' }, updates: [{ kind: 'record', signed: { record: { peerId: 'self', incarnation: 101 } } }] } },
    ])
    expect(machine.counters.selfRefutations).toBe(1)
  })

  it('it outranks its own earlier life whose clock ran ahead, but no liar drives it out of exact integers', () => {
    const machine = createAlive(['a'])
    machine.handleUpdates(1, { from: 'a', updates: [recordUpdate('self', 500)] })
    expect(machine.self.record.incarnation).toBe(501)
    machine.handleUpdates(2, { from: 'a', updates: [{ kind: 'left', leave: signedLeave('self', 600) }] })
    expect(machine.self.record.incarnation).toBe(601)
    for (const incarnation of [INCARNATION_MAX, Infinity, NaN, -5, 2 ** 60]) machine.handleUpdates(3, { from: 'a', updates: [claim('suspect', 'self', incarnation)] })
    expect(machine.self.record.incarnation).toBe(601)
  })

  it('the member bound evicts the oldest tombstone first, then refuses newcomers', () => {
    const machine = createAlive(['a', 'b'], { membersMax: 3 })
    machine.handleUpdates(1, { from: 'a', updates: [recordUpdate('c', 1)] })
    expect([machine.member('c'), machine.counters.membersRefused]).toEqual([undefined, 1])
    machine.handleUpdates(2, { from: 'a', updates: [{ kind: 'left', leave: signedLeave('b', 1) }, recordUpdate('c', 1)] })
    expect([machine.member('b'), machine.member('c')?.state, machine.counters.tombstonesEvicted]).toEqual([undefined, 'alive', 1])
  })

  it('a packet of more updates than a datagram holds is cut and counted', () => {
    const machine = createAlive([])
    machine.handlePacket(1, 'x', packet(null, Array.from({ length: 70 }, (_, i) => recordUpdate(`m${i}`, 1))))
    expect([machine.memberCount, machine.counters.updatesMalformed]).toEqual([64, 6])
  })
})

describe('push-pull sync', () => {
  it('another table’s failed is a suspicion here, probed at once with the suspicion on board, and not gossiped', () => {
    const machine = createAlive(MEMBERS)
    advance(machine, 900, (effect, nowMs) => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) })
    const effects = machine.handleSync(901, { from: 'a', entries: [{ signed: signed('b', 1), state: 'failed', leave: null }] })
    expect(eventsIn(effects)).toMatchObject([{ type: 'member-suspected', from: 'a' }])
    expect(sendsIn(effects)[0]).toMatchObject({ to: 'b', packet: { probe: { kind: 'ping' } } })
    expect(sendsIn(effects)[0]?.packet.updates[0]).toMatchObject({ kind: 'suspect', peerId: 'b', from: 'a' })
    expect(sendsIn(effects).filter(({ to }) => to !== 'b').flatMap(({ packet: sent }) => sent.updates.filter((update) => update.kind === 'suspect'))).toEqual([])
  })

  it('an unsigned claim above our own incarnation cannot use up our incarnations', () => {
    const machine = createAlive(MEMBERS)
    machine.handlePacket(1, 'a', packet(null, [claim('suspect', 'self', INCARNATION_MAX)]))
    expect(machine.self.record.incarnation).toBe(100)
    expect(machine.counters.updatesUnproven).toBe(1)
    machine.handlePacket(2, 'a', packet(null, [claim('suspect', 'self', 100)]))
    expect(machine.self.record.incarnation).toBe(101)
  })

  it('another start of the same identity is told and outranked, an earlier life of ours is neither', () => {
    const machine = createAlive(MEMBERS)
    const twin: Update = { kind: 'record', signed: { ...signed('self', 500), record: record('self', 500, { datagramEpoch: 77 }) } }
    expect(machine.handleUpdates(1, { from: 'a', updates: [twin] })).toContainEqual({ kind: 'twin', record: twin.signed.record })
    expect(machine.self.record.incarnation).toBe(501)
    const earlier: Update = { kind: 'record', signed: { ...signed('self', 50), record: record('self', 50, { datagramEpoch: 3 }) } }
    expect(machine.handleUpdates(2, { from: 'a', updates: [earlier] })).toEqual([])
  })

  it('who is no member may read the table, and is not believed about others', () => {
    const machine = createAlive(['a'])
    expect(machine.handleSync(1, { from: 'client', entries: [{ signed: signed('b', 5), state: 'failed', leave: null }] })).toEqual([])
    expect(machine.member('b')).toBeUndefined()
  })

  it.each([
    ['the member itself', 'b', 'failed'],
    ['the member itself', 'b', 'left'],
    ['a second member', 'c', 'failed'],
  ] as const)('who is held for dead because one table says so is in again by the word of %s', (_who, from, state) => {
    const machine = createAlive(['a', 'c'])
    machine.handleSync(1, { from: 'a', entries: [{ signed: signed('b', 5), state, leave: null }] })
    expect(machine.member('b')?.state).toBe(state)
    expect(eventsIn(machine.handleSync(2, { from, entries: [{ signed: signed('b', 5), state: 'alive', leave: null }] }))).toMatchObject([{ type: 'member-joined', record: { peerId: 'b' } }])
    expect(machine.member('b')?.state).toBe('alive')
  })

  it.each([
    ['the table that said so', 'a', 'alive', 5, null],
    ['a second table that agrees', 'c', 'failed', 5, null],
    ['an older record', 'c', 'alive', 4, null],
    ['whoever is no member', 'stranger', 'alive', 5, null],
    ['a second member, after a signed farewell', 'c', 'alive', 5, signedLeave('b', 5)],
  ] as const)('but not by %s', (_who, from, state, incarnation, leave) => {
    const machine = createAlive(['a', 'c'])
    machine.handleSync(1, { from: 'a', entries: [{ signed: signed('b', 5), state: leave === null ? 'failed' : 'left', leave }] })
    const effects = from === 'stranger'
      ? machine.handleUpdates(2, { from, updates: [recordUpdate('b', incarnation)] })
      : machine.handleSync(2, { from, entries: [{ signed: signed('b', incarnation), state, leave: null }] })
    expect([eventsIn(effects), machine.member('b')?.state]).toEqual([[], leave === null ? 'failed' : 'left'])
  })

  it('dead strangers become silent tombstones: no event, no resurrection by old gossip, not passed on', () => {
    const machine = createAlive(['a'])
    const effects = machine.handleSync(1, { from: 'a', entries: [
      { signed: signed('dead', 5), state: 'failed', leave: null },
      { signed: signed('gone', 5), state: 'left', leave: signedLeave('gone', 5) },
      { signed: signed('odd', 5), state: 'left', leave: signedLeave('other', 5) },
    ] })
    expect(eventsIn(effects)).toEqual([])
    expect(machine.members().map((member) => [member.signed.record.peerId, member.state])).toEqual([['a', 'alive'], ['dead', 'failed'], ['gone', 'left']])
    expect(eventsIn(machine.handleUpdates(2, { from: 'a', updates: [recordUpdate('dead', 5), recordUpdate('gone', 4)] }))).toEqual([])
    expect(machine.syncEntries().map((entry) => entry.signed.record.peerId)).toEqual(['self', 'a'])
  })

  it('a node that syncs while we hold it for failed is told so', () => {
    const machine = createAlive(['a', 'b', 'c'])
    tellFailed(machine, 1, claim('failed', 'b', 1))
    expect(sendsIn(machine.handleSync(2, { from: 'b', entries: [{ signed: signed('b', 1), state: 'alive', leave: null }] }))).toMatchObject([{ to: 'b', packet: { probe: null, updates: [{ kind: 'failed', peerId: 'b' }, { kind: 'record' }] } }])
  })

  it('tombstones are offered for half their time, kept for the other half, then forgotten', () => {
    const machine = createAlive(['a', 'b'], { tombstoneRetentionMs: 100_000, reconnectIntervalMs: 86_400_000 })
    machine.handleUpdates(0, { from: 'a', updates: [{ kind: 'left', leave: signedLeave('b', 1) }] })
    const offered = () => machine.syncEntries().some((entry) => entry.signed.record.peerId === 'b')
    const answer = (effect: Parameters<typeof isPing>[0], nowMs: number) => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) }
    advance(machine, 49_999, answer)
    expect(offered()).toBe(true)
    advance(machine, 50_000, answer)
    expect([offered(), machine.member('b')?.state]).toEqual([false, 'left'])
    expect(advance(machine, 100_000, answer)).toContainEqual({ atMs: 100_000, effect: { kind: 'forgotten', peerId: 'b' } })
    expect(machine.member('b')).toBeUndefined()
  })

  it('asks for a sync with a failed member about once an interval and mesh', () => {
    const machine = createAlive(['a', 'b'], { reconnectIntervalMs: 1000 }, { features: { observers: false } })
    machine.handleUpdates(0, { from: 'a', updates: [claim('failed', 'b', 1), claim('failed', 'a', 1)] })
    const syncs = advance(machine, 10_000).filter(({ effect }) => effect.kind === 'sync')
    // Two failed members and nobody else alive: probability 1 each interval.
    expect(syncs.length).toBeGreaterThanOrEqual(9)
    expect(syncs.length).toBeLessThanOrEqual(10)
  })
})

describe('probing', () => {
  /** Evidence, but no observers: the node that has it probes by itself. */
  const ALONE = { features: { observers: false, streamProbes: false } }

  it('the ack timeout follows the round trip between its floor and its maximum', () => {
    const options = { ackTimeoutMs: 500, ackTimeoutFloorMs: 100 }
    expect(ackTimeoutMs(options, null)).toBe(500)
    expect(ackTimeoutMs(options, { smoothedMs: 1, deviationMs: 0.5 })).toBe(100)
    expect(ackTimeoutMs(options, { smoothedMs: 40, deviationMs: 5 })).toBe(180)
    expect(ackTimeoutMs(options, { smoothedMs: 300, deviationMs: 50 })).toBe(500)
  })

  it('evidence probes at once, once a member, a few at a time, the rest in line', () => {
    const machine = createAlive(MEMBERS, { evidenceProbesMax: 2 }, ALONE)
    const pinged: string[] = []
    for (const peerId of MEMBERS) {
      for (const effect of [...machine.handleEvidence(1, peerId, 'closed'), ...machine.handleEvidence(1, peerId, 'closed')]) if (isPing(effect)) pinged.push(effect.to)
    }
    expect(pinged).toEqual(['a', 'b'])
    advance(machine, 2500, (effect) => { if (isPing(effect)) pinged.push(effect.to) })
    expect(new Set(pinged)).toEqual(new Set(MEMBERS))
    expect(machine.handleEvidence(2600, 'stranger', 'closed')).toEqual([])
  })

  it('the reason says what was tried, the sample of a direct ack is a round trip, a helped one is a loss', () => {
    const machine = createAlive(['a', 'b', 'c', 'd'], {}, ALONE)
    const [ping] = sendsIn(machine.handleEvidence(0, 'a', 'closed'))
    expect(machine.handlePacket(3, 'a', packet({ kind: 'ack', sequence: ping?.packet.probe?.sequence ?? 0 }))).toContainEqual({ kind: 'rtt', peerId: 'a', rttMs: 3, coordinate: null })
    machine.handleEvidence(4, 'b', 'closed')
    const effects = advance(machine, 1004, (effect, nowMs) => {
      if (effect.kind !== 'send' || effect.packet.probe === null) return
      const { probe } = effect.packet
      if (probe.kind === 'ping' && effect.to !== 'b') machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: probe.sequence }))
      if (probe.kind === 'ping-request' && effect.to !== 'd') machine.handlePacket(nowMs, effect.to, packet({ kind: 'nack', sequence: probe.sequence }))
    }).map(({ effect }) => effect)
    expect(effects).toContainEqual({ kind: 'lost', peerId: 'b' })
    expect(eventsIn(effects)[0]?.reason).toBe('its connection closed without a goodbye; no ack within 500 ms, nor through 3 helpers (2 of them said that they could not reach it either)')
  })

  it('with nobody to ask the reason says so', () => {
    const machine = createAlive(['a'])
    expect(eventsIn(advance(machine, 2100).map(({ effect }) => effect))[0]?.reason).toBe('no ack within 500 ms, and there was no helper to ask')
  })

  it('a helper nacks in time when the target is silent, at once when it does not know it, and never beyond its bound', () => {
    const machine = createAlive(MEMBERS)
    expect(sendsIn(machine.handlePacket(0, 'a', packet({ kind: 'ping-request', sequence: 1, target: 'stranger' })))).toMatchObject([{ to: 'a', packet: { probe: { kind: 'nack', sequence: 1 } } }])
    machine.handlePacket(0, 'a', packet({ kind: 'ping-request', sequence: 2, target: 'b' }))
    const nack = advance(machine, 450).find(({ effect }) => effect.kind === 'send' && effect.packet.probe?.kind === 'nack')
    expect(nack).toMatchObject({ atMs: 400, effect: { to: 'a', packet: { probe: { sequence: 2 } } } })
  })

  it('a helper works for each requester up to its share, and for all together up to its bound', () => {
    const requesters = Array.from({ length: RELAYS_MAX / RELAYS_PER_REQUESTER_MAX + 1 }, (_, index) => `r${index}`)
    const machine = createAlive(['target', ...requesters])
    const refusedOf = (from: string, requests: number): number => {
      const before = machine.counters.relaysRefused
      for (let sequence = 0; sequence < requests; sequence++) machine.handlePacket(1, from, packet({ kind: 'ping-request', sequence, target: 'target' }))
      return machine.counters.relaysRefused - before
    }
    expect(refusedOf('r0', RELAYS_MAX)).toBe(RELAYS_MAX - RELAYS_PER_REQUESTER_MAX)
    expect(requesters.slice(1).map((from) => refusedOf(from, RELAYS_PER_REQUESTER_MAX))).toEqual([...requesters.slice(2).map(() => 0), RELAYS_PER_REQUESTER_MAX])
  })

  it('acks from others than those asked are counted and believed by nobody', () => {
    const machine = createAlive(MEMBERS, {}, ALONE)
    const [ping] = sendsIn(machine.handleEvidence(0, 'a', 'closed'))
    machine.handlePacket(1, 'b', packet({ kind: 'ack', sequence: ping?.packet.probe?.sequence ?? 0 }))
    machine.handlePacket(1, 'b', packet({ kind: 'nack', sequence: 12345 }))
    expect(machine.counters.answersUnexpected).toBe(2)
    expect(eventsIn(advance(machine, 1000).map(({ effect }) => effect)).map((event) => event.record.peerId)).toContain('a')
  })

  it('the ping of a suspect carries the suspicion first (Lifeguard §IV-C)', () => {
    const machine = createAlive(['a', 'b'], {}, ALONE)
    machine.handleUpdates(0, { from: 'b', updates: [claim('suspect', 'a', 1, 'b')] })
    const [ping] = sendsIn(machine.handleEvidence(1, 'a', 'closed'))
    expect(ping?.packet.updates[0]).toEqual(claim('suspect', 'a', 1, 'b'))
    expect(ping?.packet.updates.filter((update) => update.kind === 'suspect')).toHaveLength(1)
  })

  it('after a stall of its own it probes anew and gives suspects one more period', () => {
    const machine = createAlive(['a', 'b'], {}, ALONE)
    machine.handleUpdates(0, { from: 'b', updates: [claim('suspect', 'a', 1, 'b')] })
    machine.handleEvidence(0, 'b', 'closed')
    const effects = machine.handleTimeout(30_000)
    expect(eventsIn(effects)).toEqual([])
    expect(effects.some((effect) => isPing(effect) && effect.to === 'b')).toBe(true)
    expect(machine.counters.stalls).toBe(1)
    expect(eventsIn(advance(machine, 31_000).map(({ effect }) => effect)).some((event) => event.type === 'member-failed' && event.record.peerId === 'a')).toBe(true)
  })
})

describe('packets', () => {
  it('carry the load that was set, and hand on the sender’s', () => {
    const load = { cpuPercent: 10, memoryPercent: 20, inFlight: 1, overloaded: false, drill: false, sequence: 4 }
    const machine = createAlive(['a'])
    machine.setLoad(load)
    const effects = machine.handlePacket(1, 'a', { ...packet({ kind: 'ping', sequence: 1 }), load })
    expect(effects).toMatchObject([{ kind: 'load', peerId: 'a', load }, { kind: 'send', packet: { load } }])
    expect(machine.handlePacket(1, 'stranger', { ...packet(null), load })).toEqual([])
  })

  it('a record too large for a datagram is announced, and never blocks the queue', () => {
    const machine = createAlive(['a'], {}, { signRecord: (unsigned) => ({ record: unsigned, envelope: new Uint8Array(1250) }) })
    expect([machine.queuedUpdates, machine.counters.updatesOversized]).toEqual([0, 1])
  })

  it('the gossip tick sleeps while there is no news', () => {
    const machine = createAlive(MEMBERS)
    const idle = advance(machine, 20_000, (effect, nowMs) => { if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence })) })
    expect(idle.filter(({ atMs, effect }) => atMs > 2000 && effect.kind === 'send' && effect.packet.probe === null)).toEqual([])
  })
})

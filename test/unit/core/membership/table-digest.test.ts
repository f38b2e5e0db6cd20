/** Digests of a table, and the exchanges that they save or steer (table-digest.ts, push-pull.ts). */
import { describe, expect, it } from 'vitest'
import type { Membership } from '../../../../src/core/membership/membership.ts'
import { FRUITLESS_MS, SYNC_LINES_BYTES_MAX, SYNC_PRINTS_MAX, nextSyncMs, syncIntervalMs } from '../../../../src/core/membership/push-pull.ts'
import { BucketDigests, bucketCountFor, bucketOf, bucketShift, BUCKETS_MAX, isBucketCount, linePrint, STATE_CLASSES, TableDigest } from '../../../../src/core/membership/table-digest.ts'
import { hashPeerId } from '../../../../src/core/membership/observers.ts'
import type { SyncEntry } from '../../../../src/core/membership/types.ts'
import { claim, createAlive, createMachine, record, recordUpdate, signed, signedLeave, tellFailed } from './fixtures.ts'
import { exchange } from './push-pull-pair.ts'

const { living, failed, left } = STATE_CLASSES
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`)

function machineOf(peerId: string, members: readonly SyncEntry[], options: Parameters<typeof createMachine>[0] = {}): Membership {
  const machine = createMachine(options, { record: record(peerId, 100) })
  machine.start(0)
  machine.becomeAlive(0)
  machine.handleSync(0, { from: peerId === 'a' ? 'b' : 'a', entries: [{ signed: signed(peerId === 'a' ? 'b' : 'a', 100), state: 'alive', leave: null }, ...members] })
  return machine
}

const alive = (peerIds: readonly string[], incarnation = 1): SyncEntry[] => peerIds.map((peerId) => ({ signed: signed(peerId, incarnation), state: 'alive', leave: null }))

describe('a table digest', () => {
  it('does not depend on the order, and forgets what is taken out', () => {
    const one = new TableDigest()
    const two = new TableDigest()
    for (const hash of [1, 2, -3]) one.add(hash, 10, living)
    for (const hash of [-3, 7, 1, 2]) two.add(hash, 10, living)
    expect(two.digest).not.toEqual(one.digest)
    two.delete(7, 10, living)
    expect(two.digest).toEqual(one.digest)
    expect(one.digest.count).toBe(3)
  })

  it('sees each part of a line, the digits of an incarnation above 32 bits among them', () => {
    const of = (hash: number, incarnation: number, state: 0 | 1 | 2): string => {
      const digest = new TableDigest()
      digest.add(hash, incarnation, state)
      return `${digest.digest.first} ${digest.digest.second}`
    }
    const lines = [of(1, 5, living), of(2, 5, living), of(1, 6, living), of(1, 5 + 2 ** 32, living), of(1, 5 + 2 ** 51, living), of(1, 5, failed), of(1, 5, left)]
    expect(new Set(lines).size).toBe(lines.length)
    // Both lanes differ each time: neither is a function of the other.
    expect(new Set(lines.flatMap((line) => line.split(' '))).size).toBe(2 * lines.length)
  })

  it('deals the members evenly into buckets', () => {
    const machine = createAlive(names(1000))
    const answer = machine.syncAnswer(1, 'b', { kind: 'compare', salt: 7, digest: { count: 0, first: 0, second: 0 } })
    expect(answer.kind === 'buckets' && [answer.prints.length, new Set(answer.prints).size > 120]).toEqual([128, true])
  })

  it('has a power of two of buckets, of 8 members each', () => {
    expect([0, 1, 8, 9, 32, 33, 1000, 5000, 1e6].map(bucketCountFor)).toEqual([1, 1, 1, 2, 4, 8, 128, 1024, BUCKETS_MAX])
    expect([1, 2, 8192].map(isBucketCount)).toEqual([true, true, true])
    expect([0, 3, -2, 0.5, 16_384, NaN].map(isBucketCount)).toEqual([false, false, false, false, false, false])
    expect([0, -1, 0x7fffffff].map((hash) => bucketOf(hash, bucketShift(1)))).toEqual([0, 0, 0])
    expect([0, -1, 0x7fffffff].map((hash) => bucketOf(hash, bucketShift(4)))).toEqual([0, 3, 1])
  })

  it('has other prints under each salt, so that a chance that hides a difference does not hide it again', () => {
    const buckets = new BucketDigests(1)
    buckets.add(1, 2, living)
    expect(new Set([0, 1, 2, 2 ** 31].map((salt) => buckets.prints(salt)[0])).size).toBe(4)
    expect(linePrint(1, 2, living, 3)).not.toBe(linePrint(1, 2, living, 4))
  })
})

describe('what counts as the same', () => {
  it('suspicion does not: it passes', () => {
    const [a, b] = [machineOf('a', alive(['c', 'd'])), machineOf('b', alive(['c', 'd']))]
    expect(a.tableDigest).toEqual(b.tableDigest)
    b.handleUpdates(1, { from: 'd', updates: [claim('suspect', 'c', 1, 'd')] })
    expect(b.stateOf('c')).toBe('suspect')
    expect(exchange(a, b).kinds).toEqual(['compare', 'nothing'])
  })

  it('failure, farewell and incarnation do', () => {
    const digests = [recordUpdate('c', 2), claim('removed', 'c', 1, 'd'), { kind: 'left' as const, leave: signedLeave('c', 1) }, { kind: 'left' as const, leave: signedLeave('c', 3) }]
      .map((update) => {
        const machine = machineOf('a', alive(['c', 'd']))
        if (update.kind === 'removed') machine.removeMember(1, 'c')
        else machine.handleUpdates(1, { from: 'd', updates: [update] })
        return machine.tableDigest
      })
    expect(digests[1]).toEqual(digests[2])
    expect(new Set([machineOf('a', alive(['c', 'd'])).tableDigest, ...digests].map(({ first }) => first)).size).toBe(4)
  })

  it('this node itself does, also when it has left', () => {
    const a = machineOf('a', [])
    const before = a.tableDigest
    a.updateSelf(1, { rack: 'r2' })
    const raised = a.tableDigest
    a.leave(2)
    expect(new Set([before, raised, a.tableDigest].map(({ first }) => first)).size).toBe(3)
  })

  it('a member on probation counts as living, as it is told to others', () => {
    const a = machineOf('a', alive(['c', 'd']))
    const b = machineOf('b', alive(['d']))
    b.handleUpdates(1, { from: 'd', updates: [recordUpdate('c', 2)] })
    tellFailed(a, 1, { ...claim('failed', 'c', 1, 'd'), evidence: 'refused' } as ReturnType<typeof claim>)
    expect(a.stateOf('c')).toBe('failed')
    a.handleUpdates(2, { from: 'd', updates: [recordUpdate('c', 2)] })
    expect([a.stateOf('c'), a.tableDigest]).toEqual(['failed', b.tableDigest])
  })
})

describe('an exchange', () => {
  it('says nothing when both hold the same', () => {
    const [a, b] = [machineOf('a', alive(names(50))), machineOf('b', alive(names(50)))]
    const { kinds, bytes } = exchange(a, b)
    expect(kinds).toEqual(['compare', 'nothing'])
    expect(bytes).toBeLessThan(30)
  })

  it('carries just the lines that differ, both ways', () => {
    const common = names(200)
    const a = machineOf('a', [...alive(common), ...alive(['only-a']), ...alive(['old'], 1), ...alive(['new'], 5)])
    const b = machineOf('b', [...alive(common), ...alive(['only-b']), ...alive(['old'], 5), ...alive(['new'], 1)])
    const { kinds, carried } = exchange(a, b)
    expect(kinds).toEqual(['compare', 'buckets', 'delta', 'entries', 'push', 'nothing'])
    expect([...new Set(carried)].sort()).toEqual(['new 1 alive', 'new 5 alive', 'old 5 alive', 'only-a 1 alive', 'only-b 1 alive'])
    expect(a.tableDigest).toEqual(b.tableDigest)
    expect(exchange(b, a).kinds).toEqual(['compare', 'nothing'])
  })

  it('brings a newcomer the whole table at once, and introduces it', () => {
    const a = createMachine({}, { record: record('a', 100) })
    a.start(0)
    const b = machineOf('b', alive(names(100)))
    const { kinds, carried } = exchange(a, b)
    expect(kinds).toEqual(['whole', 'entries'])
    expect([carried[0], carried.length]).toEqual(['a 100 alive', 103])
    expect([a.memberCount, b.stateOf('a'), a.tableDigest]).toEqual([101, 'alive', b.tableDigest])
  })

  it('teaches a missed farewell and a missed failure', () => {
    const a = machineOf('a', alive(['c', 'd', 'e']))
    const b = machineOf('b', alive(['c', 'd', 'e']))
    b.handleUpdates(1, { from: 'e', updates: [{ kind: 'left', leave: signedLeave('c', 1) }] })
    tellFailed(b, 1, { ...claim('failed', 'd', 1, 'e'), evidence: 'refused' } as ReturnType<typeof claim>)
    expect(b.stateOf('d')).toBe('failed')
    exchange(a, b)
    expect([a.stateOf('c'), a.stateOf('d')]).toEqual(['left', 'suspect'])
  })

  it('tells the reader what is said about it, even when that is silent', () => {
    const b = machineOf('b', [])
    b.handleSync(0, { from: 'a', entries: [{ signed: signed('c', 5), state: 'failed', leave: null }] })
    const c = createMachine({}, { record: record('c', 5) })
    c.start(0)
    c.handleSync(0, { from: 'b', entries: alive(['b', 'a'], 100) })
    c.becomeAlive(0)
    expect(exchange(c, b).carried).toContain('c 5 failed')
    expect(c.self.record.incarnation).toBe(6)
  })

  it('always asks for what is said about the asker', () => {
    const a = machineOf('a', alive(['c']))
    const lines = [{ signed: signed('a', 50), state: 'failed' as const, leave: null }, { signed: signed('c', 0), state: 'alive' as const, leave: null }]
    a.handleSync(1, { from: 'b', entries: lines })
    const next = a.syncNext(2, a.syncRequest(2, 5), { kind: 'buckets', prints: new Uint16Array(1) })
    const known = next?.kind === 'delta' ? next.known : []
    expect(known).not.toContain(linePrint(hashPeerId('a'), 50, failed, 5))
    expect(known).toContain(linePrint(hashPeerId('c'), 0, living, 5))
  })

  it('answers strangers, and believes nothing that they say about others', () => {
    const b = machineOf('b', alive(['c']))
    const request = { kind: 'whole' as const, salt: 1, entries: [{ signed: signed('c', 1), state: 'failed' as const, leave: null }] }
    expect(b.handleSync(1, { from: 'client', entries: request.entries })).toEqual([])
    const answer = b.syncAnswer(1, 'client', request)
    expect(answer.kind === 'entries' && answer.entries.map(({ signed: { record: { peerId } } }) => peerId).sort()).toEqual(['a', 'b', 'c'])
    expect([b.stateOf('client'), b.stateOf('c')]).toEqual([undefined, 'alive'])
  })

  it('asks nothing of an answer that makes no sense', () => {
    const a = machineOf('a', alive(names(20)))
    const request = a.syncRequest(1, 5)
    expect(a.syncNext(1, request, { kind: 'buckets', prints: new Uint16Array(3) })).toBeNull()
    expect(a.syncNext(1, request, { kind: 'entries', entries: [], wanted: [1, 2], isPartial: false })).toBeNull()
    const delta = { kind: 'delta' as const, salt: 5, bucketCount: 1, buckets: [0], known: [] }
    expect(a.syncNext(1, delta, { kind: 'entries', entries: [], wanted: [1, 2], isPartial: false })).toBeNull()
    expect(a.syncAnswer(1, 'b', { ...delta, bucketCount: 3 })).toEqual({ kind: 'nothing' })
  })
})

describe('bounds', () => {
  const large = (peerIds: readonly string[]): SyncEntry[] => peerIds.map((peerId) => ({ signed: signed(peerId, 1, 8000), state: 'alive', leave: null }))

  it('a table of more than 1 MiB comes in several exchanges that start at different places', () => {
    const b = machineOf('b', large(names(300)))
    const a = createMachine({}, { record: record('a', 100) })
    a.start(0)
    const answers = [1, 2, 3, 4, 5, 6].map((round) => {
      const { messages } = exchange(a, b, { salt: round * 0x2f123457 >>> 0 })
      return messages.flatMap((message) => (message.kind === 'entries' ? [message] : []))[0]
    })
    expect(answers[0]?.isPartial).toBe(true)
    for (const answer of answers) expect((answer?.entries ?? []).reduce((sum, { signed: { envelope } }) => sum + envelope.length, 0)).toBeLessThanOrEqual(SYNC_LINES_BYTES_MAX)
    expect([a.memberCount, a.tableDigest]).toEqual([301, b.tableDigest])
  })

  it('where not all fit, each exchange begins elsewhere', () => {
    const b = machineOf('b', large(names(300)))
    const firsts = [1, 2, 3].map((round) => {
      const answer = b.syncAnswer(1, 'x', { kind: 'whole', salt: round * 97, entries: [] })
      // Behind the answerer's own line.
      return answer.kind === 'entries' ? answer.entries[1]?.signed.record.peerId : undefined
    })
    expect(new Set(firsts).size).toBe(3)
  })

  it('the lines of a push likewise', () => {
    const a = machineOf('a', large(names(300)))
    const b = machineOf('b', alive(['c']))
    for (const salt of [1, 2, 3, 4]) exchange(a, b, { salt: salt * 0x2f123457 >>> 0 })
    expect(b.memberCount).toBe(302)
  })

  it('a question lists no more prints than a message may hold', () => {
    const machine = createAlive(names(SYNC_PRINTS_MAX + 5000), { membersMax: 100_000 })
    const request = machine.syncRequest(1, 77)
    const next = machine.syncNext(1, request, { kind: 'buckets', prints: new Uint16Array(BUCKETS_MAX) })
    expect(next?.kind === 'delta' && next.known.length).toBeGreaterThan(SYNC_PRINTS_MAX - 100)
    expect(next?.kind === 'delta' && next.known.length).toBeLessThanOrEqual(SYNC_PRINTS_MAX)
  })

  it('the interval grows by its length with each doubling above 32 members', () => {
    expect([1, 32, 33, 64, 65, 1000, 5000].map(syncIntervalMs)).toEqual([5000, 5000, 10_000, 10_000, 15_000, 30_000, 45_000])
    // From the second exchange on, the pauses double until then.
    expect([2000, 4000, 16_000, 30_000].map((lastMs) => nextSyncMs(lastMs, 1000))).toEqual([4000, 8000, 30_000, 30_000])
  })
})

describe('a difference that stays', () => {
  it('is not carried again for a while: a full table', () => {
    const a = machineOf('a', alive(['c', 'd']), { membersMax: 4 })
    const b = machineOf('b', alive(['c', 'd', 'e']))
    const first = exchange(a, b)
    expect(first.carried).toEqual(['e 1 alive'])
    const second = exchange(a, b, { nowMs: 1000, salt: 99 })
    expect([second.carried, second.bytes < 150]).toEqual([[], true])
    expect(exchange(b, a, { nowMs: 2000, salt: 98 }).carried).toEqual([])
    expect(a.memberCount).toBe(3)
    expect(exchange(a, b, { nowMs: FRUITLESS_MS + 2, salt: 97 }).carried).toEqual(['e 1 alive'])
  })

  it('does not make tombstones drive one another out of a full table', () => {
    const gone = (peerId: string): SyncEntry => ({ signed: signed(peerId, 1), state: 'left', leave: signedLeave(peerId, 1), ageMs: 1000 })
    const a = machineOf('a', [gone('c')], { membersMax: 3 })
    const b = machineOf('b', [gone('c'), gone('d')])
    expect(exchange(a, b).carried).toEqual(['d 1 left'])
    expect([a.stateOf('c'), a.stateOf('d'), exchange(a, b, { salt: 2 }).carried]).toEqual(['left', undefined, []])
  })

  it('does not hide what is new about the same member', () => {
    const a = machineOf('a', alive(['c', 'd']), { membersMax: 4 })
    const b = machineOf('b', alive(['c', 'd', 'e']))
    exchange(a, b)
    b.handleUpdates(2, { from: 'c', updates: [recordUpdate('e', 2)] })
    expect(exchange(a, b, { nowMs: 3 }).carried).toEqual(['e 2 alive'])
  })

  it('whose tombstone is silent on one side costs no lines', () => {
    const a = machineOf('a', alive(['c']))
    const b = machineOf('b', alive(['c']))
    a.handleSync(0, { from: 'b', entries: [{ signed: signed('gone', 1), state: 'left', leave: signedLeave('gone', 1) }] })
    b.handleSync(0, { from: 'a', entries: [{ signed: signed('gone', 1), state: 'left', leave: signedLeave('gone', 1), ageMs: 1000 }] })
    expect(a.tableDigest).not.toEqual(b.tableDigest)
    expect([exchange(a, b).carried, exchange(b, a).carried]).toEqual([[], []])
  })
})

describe('tombstones', () => {
  const hourMs = 3_600_000
  const left = (ageMs: number): SyncEntry => ({ signed: signed('gone', 1), state: 'left', leave: signedLeave('gone', 1), ageMs })

  function run(machine: Membership, untilMs: number): void {
    for (let nextMs = machine.nextDeadlineMs(); nextMs !== null && nextMs <= untilMs; nextMs = machine.nextDeadlineMs()) machine.handleTimeout(nextMs)
  }

  /** Alone: nobody to probe. */
  function alone(): Membership {
    const machine = createMachine()
    machine.start(0)
    return machine
  }

  it('are as old as their teacher says, and offered no longer than there', () => {
    const machine = alone()
    machine.handleSync(0, { from: 'b', entries: [...alive(['b']), left(11 * hourMs)] })
    const offered = (nowMs: number): unknown => {
      const answer = machine.syncAnswer(nowMs, 'x', { kind: 'whole', salt: 1, entries: [] })
      return answer.kind === 'entries' ? answer.entries.find(({ signed: { record: { peerId } } }) => peerId === 'gone')?.ageMs : null
    }
    expect(offered(600_000)).toBe(11 * hourMs + 600_000)
    run(machine, hourMs + 1)
    expect([offered(hourMs + 1), machine.stateOf('gone')]).toEqual([undefined, 'left'])
    run(machine, 13 * hourMs + 1)
    expect(machine.stateOf('gone')).toBeUndefined()
  })

  it('older than that, or of unknown age, are kept and never offered', () => {
    for (const entry of [left(12 * hourMs), { signed: signed('gone', 1), state: 'left' as const, leave: signedLeave('gone', 1) }]) {
      const machine = alone()
      machine.handleSync(0, { from: 'b', entries: [...alive(['b']), entry] })
      expect(machine.syncEntries().map(({ signed: { record: { peerId } } }) => peerId)).toEqual(['self', 'b'])
      expect(machine.stateOf('gone')).toBe('left')
    }
  })

  it('are forgotten by all in the end, whoever syncs with whom', () => {
    const machines = ['a', 'b', 'c'].map((peerId) => {
      const machine = createMachine({}, { record: record(peerId, 100) })
      machine.start(0)
      machine.handleSync(0, { from: peerId === 'a' ? 'b' : 'a', entries: alive(['a', 'b', 'c'].filter((other) => other !== peerId), 100) })
      return machine
    })
    const [a] = machines as [Membership, Membership, Membership]
    a.handleSync(0, { from: 'b', entries: [left(0)] })
    for (let hour = 1; hour <= 30; hour++) {
      for (const machine of machines) run(machine, hour * hourMs)
      for (const [index, asker] of machines.entries()) exchange(asker, machines[(index + 1) % 3] as Membership, { nowMs: hour * hourMs, salt: hour * 7919 })
      if (hour === 6) expect(machines.map((machine) => machine.stateOf('gone'))).toEqual(['left', 'left', 'left'])
      if (hour === 18) expect(machines.map((machine) => machine.syncEntries().length)).toEqual([3, 3, 3])
    }
    expect(machines.map((machine) => machine.stateOf('gone'))).toEqual([undefined, undefined, undefined])
  })

  it('keep stale gossip from reviving the dead, at whoever learned them by a sync', () => {
    const machine = machineOf('a', [left(hourMs)])
    machine.handleUpdates(1, { from: 'b', updates: [recordUpdate('gone', 1)] })
    expect(machine.stateOf('gone')).toBe('left')
  })
})

import { describe, expect, it } from 'vitest'
import { PartitionMonitor } from '../../../src/core/membership/partition.ts'
import { type Expected, type MinorityPolicy, QuorumWatch } from '../../../src/core/membership/quorum.ts'
import type { MemberEvent, MemberEventType } from '../../../src/core/membership/types.ts'
import { PartitionDriver } from '../../../src/node/partition-driver.ts'
import type { EventView } from '../../../src/wire/control.ts'
import { VirtualClock } from '../../support/query-plane.ts'
import { createTestRecord } from '../../support/member-records.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

function setUp(policy: MinorityPolicy = 'serve') {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const events: EventView[] = []
  const spreading: boolean[] = []
  const refusing: boolean[] = []
  const table = new Map<string, Expected>()
  let censuses = 0
  const driver = new PartitionDriver({
    monitor: new PartitionMonitor({ windowMs: 10_000, settleMs: 1_000, dwellMs: 2_000, forgetMs: 86_400_000 }),
    quorum: new QuorumWatch({ quorumMin: null, dwellMs: 2_000 }),
    policy, selfName: 'local1', clock, log,
    members: () => {
      censuses++
      return [...table.values()]
    },
    onEvent: (view) => { events.push(view) },
    onSpreading: (isSpreading) => { spreading.push(isSpreading) },
    onRefusing: (isRefusing) => { refusing.push(isRefusing) },
  })
  const states = { 'member-joined': 'alive', 'member-failed': 'failed', 'member-left': 'left', 'member-suspected': 'suspect' } as const
  const tell = (type: keyof typeof states, ...peerIds: string[]): Array<string | null> => peerIds.map((peerId) => {
    table.set(peerId, { peerId, name: peerId, state: states[type], wasMet: true })
    return driver.handleEvent(eventOf(type, peerId))
  })
  return { driver, clock, log, events, spreading, refusing, table, tell, censuses: () => censuses }
}

function eventOf(type: MemberEventType, peerId: string): MemberEvent {
  return {
    type, atMs: 0, record: createTestRecord(peerId, { name: peerId }), from: 'x', reason: '', sinceProbeMs: null,
    evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null,
  }
}

describe('a cut', () => {
  it('is one event and one line, its members are marked as part of it, and membership is told while it spreads', () => {
    const { driver, clock, log, events, spreading, tell } = setUp()
    tell('member-joined', 'a', 'b', 'c', 'd')
    driver.start()
    expect(tell('member-failed', 'a', 'b', 'c')).toEqual([null, 'partition-1', 'partition-1'])
    expect(tell('member-suspected', 'd')).toEqual(['partition-1'])
    clock.advance(1_000)
    expect(events.filter(({ type }) => type === 'partition-suspected')).toEqual([{
      type: 'partition-suspected', atWallMs: 1_000, partition: 'partition-1', reachable: 2, lost: 3, durationMs: null,
      reason: '3 of 5 members were lost within 0.0 s, 2 are here, with this node; this side has no quorum',
    }])
    expect(log.lines.filter((line) => line.startsWith('warn partition-suspected'))).toHaveLength(1)
    expect(driver.partitionStatus()).toEqual({ partition: 'partition-1', sinceWallMs: 0, reachable: 2, away: 3, lost: 3 })
    expect(spreading).toEqual([true])
    clock.advance(20_000)
    expect(spreading).toEqual([true, false])
    tell('member-joined', 'a', 'b', 'c')
    clock.advance(5_000)
    expect(events.at(-2)).toMatchObject({ type: 'partition-healed', partition: 'partition-1', durationMs: 21_000, reason: 'after 21.0 s: none of the 3 lost members is away' })
    expect(driver.partitionStatus()).toBeNull()
  })

  it('does not mark what happens long after it', () => {
    const { driver, clock, tell } = setUp()
    tell('member-joined', 'a', 'b', 'c', 'd', 'e')
    driver.start()
    tell('member-failed', 'a', 'b')
    clock.advance(60_000)
    expect(tell('member-failed', 'c')).toEqual([null])
  })
})

describe('quorum', () => {
  it('is judged on one census for a burst of events, and now and then without any', () => {
    const { driver, clock, tell, censuses } = setUp()
    driver.start()
    const before = censuses()
    tell('member-joined', ...Array.from({ length: 100 }, (_, index) => `m${index}`))
    clock.advance(20)
    expect(censuses() - before).toBe(1)
    clock.advance(15_000)
    expect(censuses() - before).toBe(4)
  })

  it('is judged while events come without end', () => {
    const { driver, clock, tell, censuses } = setUp()
    driver.start()
    for (let count = 0; count < 100; count++) {
      tell('member-joined', `m${count}`)
      clock.advance(10)
    }
    expect(censuses()).toBeGreaterThan(30)
  })

  it('sees failures that came without an event', () => {
    const { driver, clock, table, events } = setUp()
    driver.start()
    for (const peerId of ['a', 'b']) table.set(peerId, { peerId, name: peerId, state: 'failed', wasMet: true })
    clock.advance(5_000)
    expect(events).toMatchObject([{ type: 'quorum-lost', reachable: 1, known: 3, needed: 2 }])
  })

  it.each([
    ['serve', [null, null, null], []], ['read-only', [null, 'ERR_QUORUM_LOST', 'ERR_QUORUM_LOST'], []],
    ['refuse', ['ERR_QUORUM_LOST', 'ERR_QUORUM_LOST', 'ERR_QUORUM_LOST'], [true]],
  ] as const)('lost, with the policy %s', (policy, codes, told) => {
    const { driver, refusing, tell, clock, log } = setUp(policy)
    tell('member-joined', 'a', 'b')
    driver.start()
    const refusals = () => (['read', 'write', 'unknown'] as const).map((access) => driver.refusalOf(access)?.code ?? null)
    expect(refusals()).toEqual([null, null, null])
    tell('member-failed', 'a', 'b')
    clock.advance(20)
    expect([refusals(), refusing]).toEqual([codes, told])
    expect(log.lines.some((line) => line.startsWith('warn quorum-lost this node sees 1 of 3 expected members, itself included, and needs 2'))).toBe(true)
    expect(driver.quorumStatus()).toEqual({ hasQuorum: false, reachable: 1, known: 3, needed: 2, policy })
    tell('member-joined', 'a')
    clock.advance(3_000)
    expect([refusals(), refusing]).toEqual([[null, null, null], [...told, ...told.map(() => false)]])
  })

  it('names the sizes and says that nothing was started', () => {
    const { driver, tell } = setUp('refuse')
    tell('member-failed', 'a')
    driver.start()
    expect(driver.refusalOf('read')).toMatchObject({
      message: 'local1 sees 1 of 2 expected members, itself included, and needs 2; under its minority policy, refuse, it takes no query', details: { started: 'no', reachable: 1, known: 2, needed: 2, policy: 'refuse' },
    })
  })

  it('is not judged before the attempt to join has ended, and not after the end', () => {
    const { driver, clock, tell, events } = setUp()
    tell('member-failed', 'a', 'b')
    clock.advance(60_000)
    expect(events).toEqual([])
    driver.start()
    driver.stop()
    tell('member-joined', 'a', 'b')
    clock.advance(60_000)
    expect(events.map(({ type }) => type)).toEqual(['quorum-lost'])
    expect(clock.pending).toBe(0)
  })
})

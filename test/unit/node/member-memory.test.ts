import { describe, expect, it } from 'vitest'
import type { MemberSnapshot, SnapshotMember } from '../../../src/adapters/files/member-snapshot.ts'
import type { Member, MemberState } from '../../../src/core/membership/types.ts'
import { MemberMemory } from '../../../src/node/member-memory.ts'
import { createTestRecord } from '../../support/member-records.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const DAY_MS = 24 * 3_600_000

function memoryOf(members: ReadonlyArray<readonly [peerId: string, state: MemberState, changes?: Partial<Member>]>, loaded: MemberSnapshot | null = null) {
  const clock = new VirtualClock()
  clock.advance(100 * DAY_MS)
  const table = members.map(([peerId, state, changes]): Member => ({
    signed: { record: createTestRecord(peerId, { name: peerId }), envelope: new Uint8Array() }, state, stateSinceMs: 0, suspectedBy: [], probationUntilMs: null, flapping: false, removedBy: null, ...changes,
  }))
  return new MemberMemory({ loaded, selfName: 'local1', members: () => table, clock })
}

const old = (peerId: string, ageMs: number, changes: Partial<SnapshotMember> = {}): SnapshotMember => ({ peerId, name: peerId, tcpMultiaddrs: ['/ip4/1.2.3.4/tcp/1'], lastSeenWallMs: 100 * DAY_MS - ageMs, hasLeft: false, ...changes })
const loadedOf = (...members: readonly SnapshotMember[]): MemberSnapshot => ({ name: 'local1', nameSinceWallMs: 5, members })

describe('what is remembered', () => {
  it('is who is here now, who failed when it did, and who left', () => {
    const { members } = memoryOf([['a', 'alive'], ['s', 'suspect'], ['f', 'failed', { stateSinceMs: 99 * DAY_MS }], ['l', 'left', { stateSinceMs: 98 * DAY_MS }]]).collect()
    expect(members.map(({ peerId, lastSeenWallMs, hasLeft }) => [peerId, lastSeenWallMs / DAY_MS, hasLeft])).toEqual([['a', 100, false], ['s', 100, false], ['f', 99, false], ['l', 98, true]])
  })

  it('is not whom an operator removed, nor who has no address', () => {
    const removed = memoryOf([['r', 'left', { removedBy: 'x' }]], loadedOf(old('r', DAY_MS)))
    expect(removed.collect().members).toEqual([])
    const mute: Member = { signed: { record: createTestRecord('m', { tcpMultiaddrs: [] }), envelope: new Uint8Array() }, state: 'alive', stateSinceMs: 0, suspectedBy: [], probationUntilMs: null, flapping: false, removedBy: null }
    expect(memoryOf([['m', 'alive', mute]]).collect().members).toEqual([])
  })

  it('keeps who has not been met again, for seven days, and lets the table have the last word', () => {
    const memory = memoryOf([['back', 'alive']], loadedOf(old('back', 3 * DAY_MS), old('absent', 3 * DAY_MS), old('stale', 8 * DAY_MS)))
    expect(memory.collect().members.map(({ peerId, lastSeenWallMs }) => [peerId, lastSeenWallMs / DAY_MS])).toEqual([['back', 100], ['absent', 97]])
  })

  it('counts for quorum when it is recent and has not left', () => {
    const memory = memoryOf([], loadedOf(old('recent', 1_000), old('gone', 1_000, { hasLeft: true }), old('long-ago', DAY_MS)))
    expect(memory.expected(DAY_MS / 2).map(({ peerId }) => peerId)).toEqual(['recent'])
  })
})

describe('the age of the name', () => {
  it.each([
    ['is kept over restarts', loadedOf(), 5],
    ['starts anew with another name', { ...loadedOf(), name: 'other' }, 100 * DAY_MS],
    ['starts with the first life', null, 100 * DAY_MS],
    ['is not in the future, whatever the clock said then', { ...loadedOf(), nameSinceWallMs: 200 * DAY_MS }, 100 * DAY_MS],
  ])('%s', (_what, loaded, sinceMs) => {
    const memory = memoryOf([], loaded)
    expect([memory.nameSinceWallMs, memory.collect().nameSinceWallMs]).toEqual([sinceMs, sinceMs])
  })
})

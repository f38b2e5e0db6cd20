import { describe, expect, it } from 'vitest'
import { NameBook } from '../../../src/core/membership/names.ts'
import type { MemberEvent, MemberEventType } from '../../../src/core/membership/types.ts'
import { NameWatch } from '../../../src/node/name-watch.ts'
import type { NameConflictEventView } from '../../../src/wire/control.ts'
import { createTestRecord } from '../../support/member-records.ts'
import { VirtualClock } from '../../support/query-plane.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

function setUp() {
  const names = new NameBook()
  const clock = new VirtualClock()
  const events: NameConflictEventView[] = []
  const log = createRecordingLog()
  const watch = new NameWatch({ names, clock, log, onEvent: (view) => { events.push(view) } })
  watch.handleSelf(createTestRecord('12D3self', { name: 'db1', nameSinceMs: 100 }))
  const tell = (type: MemberEventType, peerId: string, nameSinceMs: number): void => {
    const event: MemberEvent = {
      type, atMs: 0, record: createTestRecord(peerId, { name: 'db1', nameSinceMs }), from: 'x', reason: '', sinceProbeMs: null,
      evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null,
    }
    watch.handleEvent(event)
  }
  return { names, events, log, tell, clock }
}

describe('a conflict of names', () => {
  it('is told when it begins and when it ends', () => {
    const { events, log, tell, clock } = setUp()
    tell('member-joined', '12D3younger', 200)
    tell('member-suspected', '12D3younger', 200)
    clock.advance(1_000)
    tell('member-failed', '12D3younger', 200)
    expect(events).toEqual([
      {
        type: 'name-conflict', atWallMs: 0, name: 'db1', keeper: '12D3self', others: ['12D3younger'],
        reason: '2 members are called db1; 12D3self has borne it longest and keeps it, the others are shown as db1~ounger; give each node a --name of its own',
      },
      { type: 'name-conflict-ended', atWallMs: 1_000, name: 'db1', keeper: '12D3self', others: [], reason: 'the name db1 is borne by one member again' },
    ])
    expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'info'])
  })

  it('is told once a second at most, and then as it is', () => {
    const { events, log, tell, clock } = setUp()
    for (let index = 0; index < 40; index++) tell('member-joined', `12D3other${index}`, 1_000 - index)
    expect(events.map(({ others }) => others)).toEqual([['12D3other0']])
    clock.advance(1_000)
    expect(events.map(({ others }) => others[0])).toEqual(['12D3other0', '12D3other39'])
    for (let index = 0; index < 40; index++) tell('member-left', `12D3other${index}`, 1_000 - index)
    clock.advance(10_000)
    expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'warn', 'info'])
    for (const type of ['member-joined', 'member-left', 'member-joined', 'member-left'] as const) tell(type, '12D3late', 2_000)
    clock.advance(10_000)
    expect([events.slice(3).map(({ type }) => type), clock.pending]).toEqual([['name-conflict', 'name-conflict-ended'], 0])
  })

  it.each([['member-left', null], ['member-failed', 'db1~theirs']] as const)('this node has the name once the older is %s', (type, shown) => {
    const { names, tell } = setUp()
    tell('member-joined', '12D3theirs', 50)
    expect(names.keeperOf('db1')).toBe('12D3theirs')
    tell(type, '12D3theirs', 50)
    expect([names.keeperOf('db1'), names.isContested('db1')]).toEqual(['12D3self', false])
    if (shown !== null) expect(names.shownName('12D3theirs', 'db1')).toBe(shown)
  })

  it('is over while the other one is on probation, and back when it is taken back', () => {
    const { names, tell } = setUp()
    for (const [type, contested] of [['member-joined', true], ['member-failed', false], ['member-returning', false], ['member-joined', true], ['member-flapping', true]] as const) {
      tell(type, '12D3other', 200)
      expect(names.isContested('db1')).toBe(contested)
    }
  })
})

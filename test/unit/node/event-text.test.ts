import { describe, expect, it } from 'vitest'
import { eventText } from '../../../src/node/event-text.ts'
import type { EventView, MemberEventView } from '../../../src/wire/control.ts'

const event = (type: MemberEventView['type'], reason: string, changes: Partial<MemberEventView> = {}): MemberEventView => ({
  type, reason, atWallMs: 0, name: 'db3', from: 'db1', sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null,
  record: {
    peerId: 'c', name: 'db3', incarnation: 1, tcpMultiaddrs: [], udpHost: '10.0.0.3', udpPort: 7400, datagramEpoch: 1, datacenter: 'default', rack: 'default', capacity: 1, databases: [],
    softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1,
  },
  ...changes,
})

describe('an event in words', () => {
  it.each<[EventView, string]>([
    [event('member-joined', 'said so itself', { from: 'db3' }), 'db3: said so itself'],
    [event('member-joined', 'learned from another member'), 'db3: learned from another member (from db1)'],
    [event('member-updated', 'capacity 1 → 2', { from: 'db2' }), 'db3: capacity 1 → 2 (from db2)'],
    [
      event('member-suspected', 'no ack within 500 ms, nor through 2 helpers (2 of them said that they could not reach it either)', { evidence: 'probe', suspectedBy: 'db1', sinceProbeMs: 804 }),
      'db3: no ack within 500 ms, nor through 2 helpers (2 of them said that they could not reach it either); suspected by db1 after 804ms',
    ],
    // What was heard of is told by what it rests on.
    [event('member-suspected', 'suspected by the node that probed it', { evidence: 'refused', suspectedBy: 'db2' }), 'db3: its port refuses connections; suspected by db2'],
    [event('member-suspected', 'failed according to the table of another member', { evidence: 'table', suspectedBy: 'db2' }), 'db3: failed according to the table of another member; suspected by db2'],
    [
      event('member-refuted', 'refuted the suspicion with a higher incarnation', { suspectedBy: 'db1', confirmedBy: ['db2'], suspicionMs: 1_240 }),
      'db3: refuted the suspicion with a higher incarnation; suspected by db1, confirmed by db2 for 1.2s',
    ],
    [
      event('member-failed', 'its port refuses connections', { evidence: 'refused', suspectedBy: 'db1', confirmedBy: ['db2', 'db4'], probeMs: 104, suspicionMs: 12 }),
      'db3: its port refuses connections; suspected by db1 after 104ms, confirmed by db2 and db4, declared 12ms later',
    ],
    [
      event('member-failed', 'its port refuses connections', { from: 'db2', evidence: 'refused', suspectedBy: 'db1', confirmedBy: ['db2', 'db4', 'db5'], probeMs: 0, suspicionMs: 12 }),
      'db3: its port refuses connections; suspected by db1, confirmed by db2, db4 and db5, declared by db2 12ms later',
    ],
    // A verdict that is passed on without its story.
    [event('member-failed', 'it did not answer, nor refute', { from: 'db2', evidence: 'probe', suspectedBy: 'db1', probeMs: 0, suspicionMs: 0, sinceProbeMs: 900 }), 'db3: it did not answer, nor refute; suspected by db1, declared by db2, 900ms after the probe'],
    [event('member-left', 'said farewell', { from: 'db3' }), 'db3: said farewell'],
    [event('member-left', 'removed by an operator', { evidence: 'operator' }), 'db3: removed by an operator; at db1'],
    [event('member-flapping', 'comes and goes (penalty 3.1)', { from: 'db3' }), 'db3: comes and goes (penalty 3.1)'],
    [event('path-degraded', 'it answers over its connection, but not over UDP'), 'db3: it answers over its connection, but not over UDP'],
    [{ type: 'quorum-lost', atWallMs: 0, reason: 'this node sees 1 of 3', reachable: 1, known: 3, needed: 2 }, 'this node sees 1 of 3'],
  ])('%j', (view, text) => {
    expect(eventText(view)).toBe(text)
  })
})

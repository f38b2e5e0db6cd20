import { describe, expect, it } from 'vitest'
import { readMeshLine, readSerfLine } from '../../../../scripts/lab/programs.ts'

describe('lines of this project', () => {
  const line = (type: string, name: string): string => JSON.stringify({ level: 'warn', msg: `${type} ${name}`, event: { type, record: { name }, reason: 'no ack' } })

  it.each([['member-joined', 'joined'], ['member-suspected', 'suspected'], ['member-refuted', 'refuted'], ['member-failed', 'failed'], ['member-left', 'left']])('%s', (type, what) => {
    expect(readMeshLine(line(type, 'host12'))).toEqual({ what, about: 12 })
  })

  it('other events, other lines and half a line say nothing', () => {
    expect(readMeshLine(line('member-updated', 'host1'))).toBeNull()
    expect(readMeshLine(line('member-failed', 'elsewhere'))).toBeNull()
    expect(readMeshLine(JSON.stringify({ msg: 'host1 listens on 10.77.0.1:7400', event: { type: 'quorum-lost' } }))).toBeNull()
    expect(readMeshLine(line('member-failed', 'host1').slice(0, -9))).toBeNull()
    expect(readMeshLine('')).toBeNull()
  })
})

describe('lines of serf', () => {
  it.each([
    ['    2026/11/21 06:50:01 [INFO] serf: EventMemberJoin: host3 10.77.0.4', { what: 'joined', about: 3 }],
    ['2026/11/21 06:50:01 [INFO] serf: EventMemberFailed: host10 10.77.0.11', { what: 'failed', about: 10 }],
    ['2026/11/21 06:50:01 [INFO] serf: EventMemberLeave: host1 10.77.0.2', { what: 'left', about: 1 }],
    ['2026/11/21 06:50:01 [INFO] memberlist: Suspect host29 has failed, no acks received', { what: 'suspected', about: 29 }],
    ['2026/11/21 06:50:01 [INFO] memberlist: Marking host29 as failed, suspect timeout reached (2 peer confirmations)', null],
    ['2026/11/21 06:50:01 [INFO] agent: joined: 1 nodes', null],
  ])('%s', (line, said) => {
    expect(readSerfLine(line)).toEqual(said)
  })
})

import { describe, expect, it } from 'vitest'
import { announcement } from '../../../../src/operations/dashboard/page/announcer.ts'
import { alertsCame, type Change, connectionChanged, EVENTS_MAX, eventsCame, INITIAL_STATE, liveStateCame, membersToldOf, memberSelected, QUERIES_MAX, queriesCame } from '../../../../src/operations/dashboard/page/dashboard-state.ts'
import type { AlertView } from '../../../../src/wire/operations-views.ts'
import { SimulatedMesh } from '../../../support/simulated-mesh.ts'

const mesh = new SimulatedMesh({ nodes: 3, seed: 1, isCalm: true })
const after = (...changes: Change[]): typeof INITIAL_STATE => changes.reduce((state, change) => change(state), INITIAL_STATE)
const alert = (rule: string, state: AlertView['state'], atWallMs = 1, severity: AlertView['severity'] = 'warning'): AlertView => ({ rule, severity, subject: '', state, value: null, threshold: null, unit: '', summary: '', sinceWallMs: atWallMs, firedAtWallMs: atWallMs, resolvedAtWallMs: atWallMs })

describe('the state of the page', () => {
  it('takes each event once, the latest first, and bounds them', () => {
    const event = (atWallMs: number): ReturnType<SimulatedMesh['event']> => mesh.event(atWallMs, 'lyon-1', 'member-joined', 'said so itself')
    const state = after(eventsCame([event(5), event(7)]), eventsCame([event(1), event(5)]))
    expect(state.events.map(({ event }) => event.atWallMs)).toEqual([7, 5, 1])
    expect(new Set(state.events.map(({ key }) => key)).size).toBe(3)
    expect(eventsCame([event(7)])(state)).toBe(state)
    expect(after(eventsCame(Array.from({ length: 500 }, (_, index) => event(index)))).events).toHaveLength(EVENTS_MAX)
  })

  it('shows what an event says of a member before the next state does', () => {
    const state = after(liveStateCame(mesh.state(0)))
    const [, peer] = mesh.members
    const told = (type: Parameters<SimulatedMesh['event']>[2], from = state): unknown[] => membersToldOf([mesh.event(1, peer?.name ?? '', type, '')])(from).live?.members.map((member) => member.state) ?? []
    expect(told('member-failed')).toEqual(['alive', 'failed', 'alive'])
    expect(membersToldOf([mesh.event(1, peer?.name ?? '', 'member-joined', '')])(state)).toBe(state)
    const failed = membersToldOf([mesh.event(1, peer?.name ?? '', 'member-failed', '')])(state)
    expect(told('member-refuted', failed)).toEqual(['alive', 'failed', 'alive'])
    expect(told('member-refuted', membersToldOf([mesh.event(1, peer?.name ?? '', 'member-suspected', '')])(state))).toEqual(['alive', 'alive', 'alive'])
  })

  it('takes each query once, by when it ended, also of a node that counts from 1 again', () => {
    const query = { ...mesh.query(1000), id: 1, durationMs: 10 }
    const state = after(queriesCame([{ ...query, startedWallMs: 100 }]), queriesCame([{ ...query, startedWallMs: 100 }, { ...query, startedWallMs: 900 }, { ...query, startedWallMs: 500, durationMs: 800 }]))
    expect(state.queries.map(({ query }) => query.startedWallMs)).toEqual([500, 900, 100])
    expect(after(queriesCame(Array.from({ length: 300 }, (_, id) => ({ ...query, id })))).queries).toHaveLength(QUERIES_MAX)
  })

  it('shows what fires first, the critical before the rest', () => {
    const state = after(alertsCame([alert('a', 'resolved', 9), alert('b', 'pending', 8), alert('c', 'firing', 2), alert('d', 'firing', 1, 'critical'), alert('e', 'firing', 3)]))
    expect(state.alerts.map(({ rule }) => rule)).toEqual(['d', 'e', 'c', 'b', 'a'])
    expect(alertsCame([alert('d', 'resolved', 10, 'critical')])(state).alerts.map(({ rule }) => rule)).toEqual(['e', 'c', 'b', 'd', 'a'])
  })

  it('takes a selection back when it is made again', () => {
    expect(after(memberSelected('x')).selected).toBe('x')
    expect(after(memberSelected('x'), memberSelected('x')).selected).toBeNull()
  })
})

describe('what is said aloud', () => {
  const live = after(connectionChanged({ phase: 'live' }), liveStateCame(mesh.state(0)))

  it('is nothing while figures change', () => {
    mesh.advance()
    expect(announcement(liveStateCame(mesh.state(1000))(live), live)).toBe('')
    expect(announcement(eventsCame([mesh.event(1, 'lyon-1', 'member-failed', 'no ack')])(live), live)).toBe('')
  })

  it('is of the first connection that it stands, not that it is back, also where the first state came with it', () => {
    const first = after(connectionChanged({ phase: 'live' }))
    expect([announcement(first, INITIAL_STATE), announcement(live, INITIAL_STATE), announcement(live, null), announcement(live, first)]).toEqual(['Connected.', 'Connected.', 'Connected.', ''])
  })

  it('is a connection that is lost and found, once each', () => {
    const waiting = connectionChanged({ phase: 'waiting', attempt: 1, retryAtMs: 0, problem: '' })(live)
    const again = connectionChanged({ phase: 'connecting', attempt: 1 })(waiting)
    expect(announcement(waiting, live)).toBe('Connection lost; trying again.')
    expect(announcement(again, waiting)).toBe('')
    expect(announcement(connectionChanged({ phase: 'waiting', attempt: 2, retryAtMs: 0, problem: '' })(again), again)).toBe('')
    expect(announcement(live, again)).toBe('Connected again.')
  })

  it('is a quorum that is lost, a partition, and an alert that fires or ends', () => {
    expect(announcement(liveStateCame({ ...mesh.state(1), hasQuorum: false, partition: { reachable: 1, away: 2 } })(live), live)).toBe('Quorum lost. The mesh is partitioned.')
    const fired = alertsCame(['a', 'b', 'c', 'd'].map((rule) => alert(rule, 'firing')))(live)
    expect(announcement(fired, live)).toBe('Alert: a, b, c and 1 more.')
    expect(announcement(alertsCame([alert('a', 'resolved')])(fired), fired)).toBe('No longer firing: a.')
    expect(announcement(alertsCame([alert('x', 'pending')])(live), live)).toBe('')
  })
})

import { describe, expect, it } from 'vitest'
import { parseControlRequest } from '../../../src/adapters/local/control-request.ts'
import { createControlService, type ControlServiceParts } from '../../../src/node/control-service.ts'
import { eventText } from '../../../src/node/event-text.ts'
import { recordView } from '../../../src/node/views.ts'
import type { ControlRequest, MemberEventView, MemberView } from '../../../src/wire/control.ts'
import { createTestRecord } from '../../support/member-records.ts'

const member = (name: string, changes: Partial<MemberView> = {}): MemberView => ({
  record: recordView(createTestRecord(`12D3KooWsame${name}`, { name })), name, local: false, state: 'alive', stateSinceWallMs: 1, suspectedBy: [], status: 'healthy', latency: null, load: null,
  nameConflict: false, denied: false, probationUntilWallMs: null, flapping: false, removedBy: null, path: 'direct', ...changes,
})
const load = { cpuPercent: 1, memoryPercent: 2, inFlight: 3, overloaded: false, drill: false }

function setUp(members: readonly MemberView[] = [], isInMesh = true) {
  const removed: string[] = []
  const left: string[] = []
  const refuse = (): never => { throw new Error('not asked in this test') }
  const parts: ControlServiceParts = {
    directory: { self: () => ({ name: 'db1', peerId: 'a' }), memberViews: () => [...members], nodesView: refuse, localLoad: () => load, databasesView: refuse },
    loadDriver: { startDrill: refuse, endDrill: refuse }, keyring: { list: refuse, install: refuse, use: refuse, remove: refuse }, admission: { list: refuse, change: refuse },
    reachability: { paths: () => [], askMesh: () => Promise.resolve({ answered: 1, silent: [], degraded: [], omitted: 0 }) }, distances: { all: () => [], between: refuse }, latency: { view: refuse }, settings: { view: refuse, change: refuse, measurement: refuse }, registry: { list: refuse, register: refuse, unregister: refuse },
    events: { subscribe: (first = []) => (async function* () { for (const event of first) yield await Promise.resolve(event) })() }, logs: { subscribe: refuse }, explain: refuse, status: refuse, drainMs: 10_000,
    removeMember: (peerId) => {
      if (isInMesh) removed.push(peerId)
      return isInMesh
    },
    leave: (reason) => { left.push(reason) },
  }
  const control = createControlService(parts)
  const ask = (request: ControlRequest): Promise<unknown> => Promise.resolve(control(request, new AbortController().signal))
  return { control, ask, removed, left }
}

describe('force-leave', () => {
  it('takes off who has failed, by name', async () => {
    const { ask, removed } = setUp([member('db1', { local: true }), member('db3', { state: 'failed' })])
    expect(await ask({ method: 'force-leave', member: 'db3' })).toEqual({ peerId: '12D3KooWsamedb3', name: 'db3', wasGone: false })
    expect(removed).toEqual(['12D3KooWsamedb3'])
  })

  it('has nothing to do for who has left', async () => {
    const { ask, removed } = setUp([member('db3', { state: 'left' })])
    expect([await ask({ method: 'force-leave', member: 'db3' }), removed]).toEqual([{ peerId: '12D3KooWsamedb3', name: 'db3', wasGone: true }, []])
  })

  it('means the one that is expected back when another of its name has left', async () => {
    const { ask, removed } = setUp([member('db3', { state: 'left', record: recordView(createTestRecord('12D3KooWearlier', { name: 'db3' })) }), member('db3', { state: 'failed' })])
    expect([await ask({ method: 'force-leave', member: 'db3' }), removed]).toEqual([{ peerId: '12D3KooWsamedb3', name: 'db3', wasGone: false }, ['12D3KooWsamedb3']])
    expect(await ask({ method: 'force-leave', member: '12D3KooWearlier' })).toMatchObject({ wasGone: true })
  })

  it('asks which one is meant when several that have left bore the name', async () => {
    const { ask } = setUp([member('db3', { state: 'left' }), member('db3', { state: 'left', record: recordView(createTestRecord('12D3KooWearlier', { name: 'db3' })) })])
    await expect(ask({ method: 'force-leave', member: 'db3' })).rejects.toMatchObject({ code: 'ERR_MEMBER_UNKNOWN', message: '2 members are called "db3": 12D3KooWsamedb3 (db3, left), 12D3KooWearlier (db3, left)' })
    expect(await ask({ method: 'force-leave', member: '12D3KooWearlier' })).toEqual({ peerId: '12D3KooWearlier', name: 'db3', wasGone: true })
  })

  it('names the failed one of the same name when the living one cannot be taken off', async () => {
    const { ask } = setUp([member('db3'), member('db3~rlier', { state: 'failed', record: recordView(createTestRecord('12D3KooWearlier', { name: 'db3' })) })])
    await expect(ask({ method: 'force-leave', member: 'db3' })).rejects.toMatchObject({ code: 'ERR_MEMBER_ALIVE', message: 'db3 is alive; only a failed member can be taken off, such as db3~rlier' })
  })

  it.each<[string, Partial<MemberView>, string, string]>([
    ['alive', {}, 'db3 is alive; only a failed member can be taken off', 'Run rdb leave beside it'],
    ['suspect', { state: 'suspect' }, 'db3 is suspect;', 'Wait until it has refuted'],
    ['returning', { state: 'failed', probationUntilWallMs: 9 }, 'db3 is answering again;', 'Run rdb leave beside it'],
    ['this node', { local: true }, 'db3 is this node', 'rdb leave takes'],
  ])('is refused for one that is %s', async (_what, changes, message, nextStep) => {
    const { ask, removed } = setUp([member('db3', changes)])
    await expect(ask({ method: 'force-leave', member: 'db3' })).rejects.toMatchObject({ code: 'ERR_MEMBER_ALIVE', message: expect.stringContaining(message) as string, nextStep: expect.stringContaining(nextStep) as string })
    expect(removed).toEqual([])
  })

  it('is refused for a stranger, and by a node that is not in the mesh', async () => {
    await expect(setUp([member('db3')]).ask({ method: 'force-leave', member: 'db4' })).rejects.toMatchObject({ code: 'ERR_MEMBER_UNKNOWN' })
    await expect(setUp([member('db3', { state: 'failed' })], false).ask({ method: 'force-leave', member: 'db3' })).rejects.toMatchObject({ code: 'ERR_DRAINING' })
  })
})

describe('the others', () => {
  it('leave answers what runs, and begins', async () => {
    const { ask, left } = setUp()
    expect(await ask({ method: 'leave' })).toEqual({ pid: process.pid, name: 'db1', inFlight: 3, drainMs: 10_000 })
    expect(left).toEqual(['rdb leave'])
  })

  it('reachability asks the mesh only when told to', async () => {
    const { ask } = setUp()
    expect(await ask({ method: 'reachability', mesh: false })).toEqual({ name: 'db1', peerId: 'a', paths: [], mesh: null })
    expect(await ask({ method: 'reachability', mesh: true })).toMatchObject({ mesh: { answered: 1 } })
  })

  it('events begin with what is known, accusers first', async () => {
    const { control } = setUp([member('db2', { state: 'suspect', suspectedBy: ['db1', 'db4'] }), member('db3', { state: 'left' })])
    const events: MemberEventView[] = []
    for await (const event of control({ method: 'events', snapshot: true }, new AbortController().signal) as AsyncIterable<MemberEventView>) events.push(event)
    expect(events).toMatchObject([{ type: 'member-suspected', name: 'db2', from: 'db1', suspectedBy: 'db1', confirmedBy: ['db4'] }])
  })

  it('events that tell what is known do not say who told it first', async () => {
    const { control } = setUp([member('db2', { suspectedBy: ['db1'] }), member('db3', { state: 'failed' })])
    const texts: string[] = []
    for await (const event of control({ method: 'events', snapshot: true }, new AbortController().signal) as AsyncIterable<MemberEventView>) texts.push(eventText(event))
    expect(texts).toEqual(['db2: already known, alive', 'db3: already known, failed'])
  })
})

describe('requests', () => {
  it.each<[object, ControlRequest]>([
    [{ method: 'rtt' }, { method: 'rtt', from: null, to: null }], [{ method: 'rtt', from: 'a' }, { method: 'rtt', from: 'a', to: null }], [{ method: 'rtt', from: 'a', to: 'b' }, { method: 'rtt', from: 'a', to: 'b' }],
    [{ method: 'reachability' }, { method: 'reachability', mesh: false }], [{ method: 'monitor', level: 'warn' }, { method: 'monitor', level: 'warn' }],
    [{ method: 'force-leave', member: 'db3' }, { method: 'force-leave', member: 'db3' }], [{ method: 'leave', more: 1 }, { method: 'leave' }],
  ])('%j', (sent, request) => {
    expect(parseControlRequest(JSON.stringify(sent))).toEqual(request)
  })

  it.each([{ method: 'rtt', to: 'b' }, { method: 'rtt', from: 7 }, { method: 'monitor', level: 'trace' }, { method: 'monitor' }, { method: 'force-leave' }, { method: 'force-leave', member: 'x'.repeat(129) }])('refuses %j', (sent) => {
    expect(() => parseControlRequest(JSON.stringify(sent))).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })
})

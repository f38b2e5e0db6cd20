import { describe, expect, it } from 'vitest'
import type { Member, MemberState, Path, PathFinding } from '../../../src/core/membership/types.ts'
import { MeshError } from '../../../src/errors.ts'
import { ReachabilityService } from '../../../src/node/reachability-service.ts'
import { decodeReachability, encodeReachability, REACHABILITY_ANSWER_BYTES_MAX, REACHABILITY_PATHS_MAX, type TroubledPath } from '../../../src/wire/reachability-codec.ts'
import { createTestRecord } from '../../support/member-records.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const peerId = (name: string): string => `12D3KooW${name.padEnd(44, 'x')}`
const nameOf = (id: string): string => id.slice('12D3KooW'.length).replace(/x+$/, '')

const member = (name: string, state: MemberState = 'alive'): Member => ({
  signed: { record: createTestRecord(peerId(name), { name }), envelope: new Uint8Array() }, state, stateSinceMs: 0, suspectedBy: [], probationUntilMs: null, flapping: false, removedBy: null,
})
const path = (name: string, finding: PathFinding, lostInARow = 0): Path => ({ peerId: peerId(name), finding, sinceMs: 0, lastAckMs: null, lastHeardMs: null, lastIndirectMs: null, lastStreamMs: null, lostInARow })
const troubled = (name: string, finding: PathFinding = 'none'): TroubledPath => ({ peerId: peerId(name), finding, forMs: 1_000, lostInARow: 4 })

type Answer = Uint8Array | Error

function setUp({ members = [], paths = [], answers = {}, denied = [] }: { members?: readonly Member[]; paths?: readonly Path[]; answers?: Readonly<Record<string, Answer>>; denied?: readonly string[] }) {
  const asked: string[] = []
  let serve: (() => Uint8Array) | null = null
  const clock = new VirtualClock()
  const service = new ReachabilityService({
    selfPeerId: peerId('db1'), paths: () => paths, members: () => members, isAllowed: (id) => !denied.includes(nameOf(id)), nameOf, clock,
    mesh: {
      request: (to) => {
        asked.push(nameOf(to))
        const answer = answers[nameOf(to)] ?? new MeshError('ERR_PEER_UNREACHABLE', 'timed out')
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
      },
      onRequest: (_protocol, _bytesMax, handler) => {
        serve = () => handler(peerId('db2'), new Uint8Array(0)) as Uint8Array
        return Promise.resolve()
      },
    },
  })
  return { service, asked, clock, served: () => serve?.() ?? new Uint8Array(0) }
}

describe('paths from here', () => {
  it('are those of every member that has not left: degraded first, failed last, unprobed ones unknown', () => {
    const { service } = setUp({
      members: [member('a'), member('b'), member('c', 'failed'), member('d', 'left'), member('e', 'suspect'), member('f')],
      paths: [path('a', 'direct'), path('b', 'stream-only', 9), path('c', 'none'), path('e', 'none')],
    })
    expect(service.paths().map(({ name, finding }) => [name, finding])).toEqual([['e', 'none'], ['b', 'stream-only'], ['f', 'unknown'], ['a', 'direct'], ['c', 'none']])
    expect(service.paths()[1]).toMatchObject({ udp: '127.0.0.1:7400', tcp: '/ip4/127.0.0.1/tcp/7400', lastAckWallMs: null, lostInARow: 9 })
  })

  it('of a peer that is denied here say so, and are told to nobody', async () => {
    const { service, served } = setUp({ members: [member('a'), member('b')], paths: [path('a', 'direct'), path('b', 'none', 12)], denied: ['b'] })
    await service.start()
    expect(service.paths().map(({ name, denied }) => [name, denied])).toEqual([['a', false], ['b', true]])
    expect(decodeReachability(served())).toEqual({ ok: true, value: { troubled: [], omitted: 0 } })
  })

  it('are told to others as far as they are degraded and the member is up', async () => {
    const { service, served } = setUp({ members: [member('a'), member('b'), member('c', 'failed')], paths: [path('a', 'direct'), path('b', 'inbound-only', 7), path('c', 'none')] })
    await service.start()
    expect(decodeReachability(served())).toEqual({ ok: true, value: { troubled: [{ peerId: peerId('b'), finding: 'inbound-only', forMs: expect.any(Number) as number, lostInARow: 7 }], omitted: 0 } })
  })
})

describe('paths of the mesh', () => {
  it('are those that each member tells, about members that are up', async () => {
    const { service, asked } = setUp({
      members: [member('db2'), member('db3'), member('db4', 'failed'), member('db5'), member('db6'), member('db7')],
      paths: [path('db3', 'stream-only', 9)], denied: ['db6'],
      answers: {
        db2: encodeReachability([troubled('db3', 'stream-only'), troubled('db4'), troubled('db9'), troubled('db1', 'inbound-only'), troubled('db5', 'direct'), troubled('db2')]),
        db3: encodeReachability([]), db7: Buffer.from('{}'),
      },
    })
    const mesh = await service.askMesh()
    expect(asked.toSorted()).toEqual(['db2', 'db3', 'db5', 'db7'])
    expect(mesh.answered).toBe(3)
    expect(mesh.degraded.map(({ from, to, finding }) => [from, to, finding])).toEqual([['db2', 'db1', 'inbound-only'], ['db1', 'db3', 'stream-only'], ['db2', 'db3', 'stream-only']])
    expect(mesh.silent).toEqual([{ peerId: peerId('db5'), name: 'db5', problem: 'timed out' }, { peerId: peerId('db7'), name: 'db7', problem: 'its answer is no list of paths' }])
    expect(service.counters).toEqual({ asked: 4, answered: 0, malformed: 1 })
  })

  it('count what is beyond one answer', async () => {
    const many = Array.from({ length: REACHABILITY_PATHS_MAX + 5 }, () => troubled('db3'))
    const { service } = setUp({ members: [member('db2'), member('db3')], answers: { db2: encodeReachability(many), db3: encodeReachability([]) } })
    expect(await service.askMesh()).toMatchObject({ omitted: 5 })
  })
})

describe('an answer', () => {
  it('fits its bound when it is full', () => {
    const bytes = encodeReachability(Array.from({ length: 500 }, () => ({ ...troubled('db3', 'indirect-only'), forMs: Number.MAX_SAFE_INTEGER, lostInARow: 2 ** 32 })))
    expect(bytes.length).toBeLessThan(REACHABILITY_ANSWER_BYTES_MAX)
    expect(decodeReachability(bytes)).toMatchObject({ ok: true, value: { omitted: 500 - REACHABILITY_PATHS_MAX } })
  })

  it.each([
    '', 'null', '[]', '{"paths":[]}', '{"paths":[],"omitted":-1}', '{"paths":[],"omitted":1e99}', '{"paths":{"length":1},"omitted":0}', '{"paths":[[]],"omitted":0}', '{"paths":[["x","none",1,1]],"omitted":0}',
    `{"paths":[["${peerId('a')}","gone",1,1]],"omitted":0}`, `{"paths":[["${peerId('a')}","none",-1,1]],"omitted":0}`, `{"paths":[["${peerId('a')}","none",1,"1"]],"omitted":0}`,
    JSON.stringify({ paths: Array.from({ length: 129 }, () => [peerId('a'), 'none', 1, 1]), omitted: 0 }), ' '.repeat(REACHABILITY_ANSWER_BYTES_MAX + 1),
  ])('is refused when it is malformed: %.60s', (text) => {
    expect(decodeReachability(Buffer.from(text))).toMatchObject({ ok: false })
  })
})

import { describe, expect, it } from 'vitest'
import { type Expected, QuorumWatch } from '../../../../src/core/membership/quorum.ts'
import type { MemberState } from '../../../../src/core/membership/types.ts'
import { createAlive, signed } from './fixtures.ts'

const members = (states: Readonly<Record<string, MemberState>>): Expected[] => Object.entries(states).map(([peerId, state]) => ({ peerId, name: `name-${peerId}`, state }))
const alive = (...peerIds: string[]): Record<string, MemberState> => Object.fromEntries(peerIds.map((peerId) => [peerId, 'alive']))
const failed = (...peerIds: string[]): Record<string, MemberState> => Object.fromEntries(peerIds.map((peerId) => [peerId, 'failed']))

function started(quorumMin: number | null = null): QuorumWatch {
  const watch = new QuorumWatch({ quorumMin, dwellMs: 2_000 })
  watch.start(0)
  return watch
}

const census = (watch: QuorumWatch, nowMs: number, states: Readonly<Record<string, MemberState>>) => watch.handleCensus(nowMs, { selfName: 'self', members: members(states) })

describe('quorum', () => {
  it('is lost at once and regained after the dwell', () => {
    const watch = started()
    expect(census(watch, 0, alive('a', 'b', 'c', 'd'))).toEqual([])
    expect(census(watch, 10, { ...alive('a'), ...failed('b', 'c', 'd') })).toEqual([{ kind: 'quorum-lost', reachable: 2, known: 5, needed: 3 }])
    expect(census(watch, 20, { ...alive('a'), ...failed('b', 'c', 'd') })).toEqual([])
    expect(census(watch, 100, { ...alive('a', 'b'), ...failed('c', 'd') })).toEqual([])
    expect([watch.hasQuorum, watch.nextDeadlineMs()]).toEqual([false, 2_100])
    expect(watch.handleTimeout(2_100)).toEqual([{ kind: 'quorum-regained', reachable: 3, known: 5, needed: 3 }])
    expect([watch.hasQuorum, watch.nextDeadlineMs()]).toEqual([true, null])
  })

  it('is not regained by a majority that does not last', () => {
    const watch = started()
    census(watch, 0, alive('a', 'b', 'c', 'd'))
    census(watch, 50, { ...alive('a'), ...failed('b', 'c', 'd') })
    expect(watch.hasQuorum).toBe(false)
    census(watch, 100, { ...alive('a', 'b'), ...failed('c', 'd') })
    census(watch, 200, { ...alive('a'), ...failed('b', 'c', 'd') })
    expect(watch.nextDeadlineMs()).toBeNull()
    expect(watch.handleTimeout(5_000)).toEqual([])
  })

  it.each([
    ['alone in the world', {}, true],
    ['one of two', failed('a'), false],
    ['two of four', { ...alive('a'), ...failed('b', 'c') }, false],
    ['two of three', { ...alive('a'), ...failed('b') }, true],
    ['a suspect counts as here', { a: 'suspect', b: 'failed' } as const, true],
    ['who left is not expected', { a: 'left', b: 'left', c: 'left' } as const, true],
  ])('%s', (_what, states, has) => {
    const watch = started()
    census(watch, 0, alive(...Object.keys(states)))
    census(watch, 1, states)
    expect(watch.hasQuorum).toBe(has)
  })

  it('can be a fixed number', () => {
    const one = started(1)
    census(one, 0, alive('a', 'b', 'c'))
    census(one, 1, failed('a', 'b', 'c'))
    expect([one.hasQuorum, one.count.needed]).toEqual([true, 1])
    const four = started(4)
    census(four, 0, alive('a', 'b'))
    expect(four.hasQuorum).toBe(false)
  })

  it('is not judged before the node has tried to join', () => {
    const watch = new QuorumWatch({ quorumMin: null, dwellMs: 2_000 })
    watch.remember(0, members(alive('a', 'b')))
    expect(census(watch, 0, failed('a', 'b'))).toEqual([])
    watch.start(1)
    expect(census(watch, 1, failed('a', 'b'))).toMatchObject([{ kind: 'quorum-lost' }])
  })

  it('of a lone survivor counts those that it remembers from an earlier life', () => {
    const watch = new QuorumWatch({ quorumMin: null, dwellMs: 2_000 })
    watch.remember(0, members(alive('a', 'b')))
    watch.start(0)
    expect(census(watch, 0, {})).toEqual([{ kind: 'quorum-lost', reachable: 1, known: 3, needed: 2 }])
    census(watch, 10, alive('a'))
    expect(watch.handleTimeout(2_010)).toMatchObject([{ kind: 'quorum-regained', reachable: 2 }])
  })

  it('drops a memory when the table says that it has left, or there is a majority anyway', () => {
    const watch = new QuorumWatch({ quorumMin: null, dwellMs: 0 })
    watch.remember(0, members(alive('a', 'b')))
    watch.start(0)
    census(watch, 0, { a: 'left', b: 'left' })
    expect(watch.count).toEqual({ reachable: 1, known: 1, needed: 1 })
    const other = new QuorumWatch({ quorumMin: null, dwellMs: 0 })
    other.remember(0, members(alive('x')))
    other.start(0)
    census(other, 0, alive('a', 'b'))
    expect(other.count).toEqual({ reachable: 3, known: 3, needed: 2 })
  })

  it('is not regained by forgetting the majority', () => {
    const watch = started()
    census(watch, 0, alive('a', 'b', 'c', 'd'))
    census(watch, 1, { ...alive('a'), ...failed('b', 'c', 'd') })
    census(watch, 86_400_000, alive('a'))
    expect([watch.hasQuorum, watch.count.known]).toEqual([false, 5])
  })

  it('does not expect the dead of whom it has only heard, until they were alive here', () => {
    const watch = started()
    const ghosts = ['g1', 'g2', 'g3', 'g4']
    expect(census(watch, 0, { ...alive('a', 'b'), ...failed(...ghosts) })).toEqual([])
    expect(watch.count).toEqual({ reachable: 3, known: 3, needed: 2 })
    census(watch, 1, alive('a', 'b', ...ghosts))
    expect(census(watch, 2, { ...alive('a', 'b'), ...failed(...ghosts) })).toEqual([{ kind: 'quorum-lost', reachable: 3, known: 7, needed: 4 }])
  })

  it('expects who was alive and failed between two censuses', () => {
    expect(started().handleCensus(0, { selfName: 'self', members: members(failed('a', 'b')).map((member) => ({ ...member, wasMet: true })) })).toMatchObject([{ kind: 'quorum-lost', known: 3 }])
    const machine = createAlive(['a'])
    machine.handleSync(1, { from: 'a', entries: [{ signed: signed('ghost', 5), state: 'failed', leave: null }] })
    expect(machine.members().map(({ wasMet }) => wasMet)).toEqual([true, false])
  })

  it('expects again a failed member whose name another one bore for a while', () => {
    const watch = started()
    const old: Expected = { peerId: 'old', name: 'db', state: 'alive' }
    const usurper: Expected = { peerId: 'new', name: 'db', state: 'alive' }
    const take = (nowMs: number, ...members: readonly Expected[]): number => {
      watch.handleCensus(nowMs, { selfName: 'self', members })
      return watch.count.known
    }
    expect([take(0, old), take(1, { ...old, state: 'failed' }, usurper), take(2, { ...old, state: 'failed' }, { ...usurper, state: 'left' })]).toEqual([2, 2, 2])
  })

  it('does not expect who was replaced by a living member of its name', () => {
    const watch = started()
    const replaced: Expected[] = ['a', 'b', 'c'].flatMap((name): Expected[] => [{ peerId: `old-${name}`, name, state: 'failed' }, { peerId: `new-${name}`, name, state: 'alive' }])
    const all: Expected[] = [...replaced, { peerId: 'old-self', name: 'self', state: 'failed' }]
    watch.handleCensus(0, { selfName: 'self', members: all.map((member) => ({ ...member, state: 'alive' })) })
    watch.handleCensus(1, { selfName: 'self', members: all })
    expect(watch.count).toEqual({ reachable: 4, known: 4, needed: 3 })
  })
})

import { describe, expect, it } from 'vitest'
import type { Coordinate } from '../../../src/core/coordinates/types.ts'
import type { LatencySummary } from '../../../src/core/latency/types.ts'
import { NAME_SUFFIX_CHARACTERS } from '../../../src/core/membership/names.ts'
import { Distances } from '../../../src/node/distances.ts'
import { findMember, type NamedMember } from '../../../src/node/member-lookup.ts'

const members: readonly NamedMember[] = ['db1', 'db2', 'db3', 'web'].map((name, index) => ({ peerId: `12D3KooWsame${index}abcdefgh${index}`, name, state: 'alive' }))
const peerId = (name: string): string => members.find((member) => member.name === name)?.peerId ?? ''

describe('a member as an operator names it', () => {
  it.each([['db2'], [peerId('db2')], [peerId('db2').slice(-8)], [`…${peerId('db2').slice(-8)}`], [peerId('db2').slice(-NAME_SUFFIX_CHARACTERS)]])('%s', (text) => {
    expect(findMember(text, members).name).toBe('db2')
  })

  it.each([['db22', 'did you mean db2?'], ['somewhere', 'known are db1, db2, db3, web'], ['h1', 'known are'], ['', 'known are']])('%s is nobody', (text, hint) => {
    expect(() => findMember(text, members)).toThrow(expect.objectContaining({ code: 'ERR_MEMBER_UNKNOWN', message: expect.stringContaining(hint) as string }) as Error)
  })

  it('is not guessed when two PeerIds end so', () => {
    const alike = [...members, { peerId: `x${peerId('db2').slice(-8)}`, name: 'other', state: 'alive' as const }]
    expect(() => findMember(peerId('db2').slice(-8), alike)).toThrow(`2 members are called "${peerId('db2').slice(-8)}": ${peerId('db2')} (db2, alive), x${peerId('db2').slice(-8)} (other, alive)`)
  })

  it('is not guessed when two are shown by one name, and is found by its PeerId then', () => {
    const alike: readonly NamedMember[] = [...members, { peerId: '12D3KooWearlier', name: 'db2', state: 'left' }]
    expect(() => findMember('db2', alike)).toThrow(expect.objectContaining({ code: 'ERR_MEMBER_UNKNOWN', nextStep: 'Give the whole PeerId.' }) as Error)
    expect(findMember('12D3KooWearlier', alike).state).toBe('left')
  })
})

const at = (ms: number, error: number): Coordinate => ({ vectorMs: [ms, 0, 0, 0, 0, 0, 0, 0], heightMs: 1, adjustmentMs: 0, error })
const summary = (samples: number): LatencySummary => ({
  currentMs: 3, smoothedMs: 3.2, meanMs: 3, p99Ms: 9, minMs: 1, maxMs: 9, lossRatio: 0, quality: 1, samples, consecutiveFailures: 0, lastCheckMs: 0,
})

const coordinates = new Map([[peerId('db1'), at(0, 0.1)], [peerId('db2'), at(10, 0.3)], [peerId('db3'), at(40, 0.2)]])
const latencies = new Map([[peerId('db2'), summary(7)], [peerId('db3'), summary(0)]])
const distances = new Distances({ selfPeerId: peerId('db1'), members: () => members, latencyTo: (id) => latencies.get(id) ?? null, coordinateOf: (id) => coordinates.get(id) ?? null })

describe('round trips', () => {
  it('are measured where this node is one end, whichever', () => {
    const measured = { smoothedMs: 3.2, p99Ms: 9, samples: 7 }
    expect(distances.between('db2', null)).toEqual({ from: 'db2', fromPeerId: peerId('db2'), to: 'db1', toPeerId: peerId('db1'), measured, estimated: { rttMs: 12, error: 0.3 } })
    expect(distances.between('db1', 'db2')).toMatchObject({ from: 'db1', to: 'db2', measured })
  })

  it('are estimated elsewhere, as surely as the less certain end', () => {
    expect(distances.between('db2', 'db3')).toMatchObject({ measured: null, estimated: { rttMs: 32, error: 0.3 } })
    expect(distances.between('db3', 'web')).toMatchObject({ measured: null, estimated: null })
  })

  it('of a window without an answer are not measured', () => {
    expect(distances.between('db3', null)).toMatchObject({ measured: null, estimated: { rttMs: 42, error: 0.2 } })
  })

  it('to all are from here, by name', () => {
    expect(distances.all().map(({ from, to }) => [from, to])).toEqual([['db1', 'db2'], ['db1', 'db3'], ['db1', 'web']])
  })

  it('have two ends', () => {
    expect(() => distances.between('db1', null)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: 'both ends are db1' }) as Error)
  })
  it('of each member to its nearest are told once a pair, without those that nobody has heard', () => {
    const many = Array.from({ length: 7 }, (_, index): NamedMember => ({ peerId: `p${index}`, name: `n${index}`, state: 'alive' }))
    const line = new Distances({
      selfPeerId: 'p0', members: () => many, latencyTo: () => null,
      // n0 n1 n2 … in a line, ever further apart; n6 has no coordinate yet.
      coordinateOf: (id) => (id === 'p6' ? null : at(Number(id.slice(1)) ** 2, 0.1)),
    })
    expect(line.nearest(1).map(({ from, to }) => `${from}-${to}`)).toEqual(['n0-n1', 'n1-n2', 'n2-n3', 'n3-n4', 'n4-n5'])
    expect(line.nearest(2).map(({ from, to }) => `${from}-${to}`).sort()).toEqual(['n0-n1', 'n0-n2', 'n1-n2', 'n2-n3', 'n3-n4', 'n3-n5', 'n4-n5'])
    expect(line.nearest(9)).toHaveLength(15)
    expect(line.nearest(1)[4]).toMatchObject({ measured: null, estimated: { rttMs: 11 } })
  })
})

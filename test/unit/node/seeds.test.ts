import { describe, expect, it, vi } from 'vitest'
import { createRandom } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import { Seeds } from '../../../src/node/seeds.ts'
import { turn, VirtualClock } from '../../support/query-plane.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

interface World {
  readonly seeds?: readonly string[]
  readonly remembered?: readonly string[]
  /** Address to PeerId of those that answer. */
  readonly listening?: Record<string, string>
  readonly members?: Set<string>
  readonly names?: Record<string, readonly string[]>
  /** Those among `members` that are alive. */
  alive?: number
}

function setUp(world: World) {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const dialled: string[] = []
  const dialledAtMs: number[] = []
  const members = world.members ?? new Set<string>()
  const synced: string[] = []
  const seeds = new Seeds({
    seeds: world.seeds ?? [], remembered: (world.remembered ?? []).map((peerId) => ({ peerId, tcpMultiaddrs: [`at-${peerId}`] })),
    retryMsMax: 30_000, selfPeerId: 'self', clock, random: createRandom(1), log,
    dial: (address) => {
      dialled.push(address)
      dialledAtMs.push(clock.nowMs())
      const peerId = world.listening?.[address]
      return peerId === undefined ? Promise.reject(new MeshError('ERR_PEER_UNREACHABLE', 'nobody listens there')) : Promise.resolve(peerId)
    },
    resolve: (host) => (world.names?.[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(world.names[host] as readonly string[])),
    sync: (peerId) => {
      synced.push(peerId)
      members.add(peerId)
      return Promise.resolve(true)
    },
    aliveCount: () => world.alive ?? members.size,
    isMember: (peerId) => members.has(peerId),
  })
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(Math.min(100, left))
      await turn()
    }
  }
  return { seeds, clock, log, dialled, dialledAtMs, synced, members, pass, world }
}

describe('a node that joins', () => {
  it('dials every seed and those that it remembers', async () => {
    const { seeds, dialled, synced } = setUp({ seeds: ['s1', 's2'], remembered: ['a', 'self', 'b'], listening: { 's2': 'two', 'at-b': 'b' } })
    await seeds.join()
    expect([dialled, synced]).toEqual([['s1', 's2', 'at-a', 'at-b'], ['two', 'b']])
  })

  it('has joined as soon as one has answered', async () => {
    const clock = new VirtualClock()
    const seeds = new Seeds({
      seeds: ['slow', 'quick'], remembered: [], retryMsMax: 1_000, selfPeerId: 'self', clock, random: createRandom(1), log: createRecordingLog(),
      dial: (address) => (address === 'slow' ? new Promise(() => undefined) : Promise.resolve('q')),
      sync: () => Promise.resolve(true), resolve: () => Promise.resolve([]), aliveCount: () => 1, isMember: () => true,
    })
    await seeds.join()
    expect(seeds.counters.doorsAnswered).toBe(1)
  })

  it('has nothing to wait for without any address', async () => {
    const { seeds, clock, dialled } = setUp({})
    await seeds.join()
    expect([dialled, clock.pending]).toEqual([[], 0])
  })

  it('is not content with itself', async () => {
    const { seeds, log } = setUp({ seeds: ['s1'], listening: { 's1': 'self' } })
    await seeds.join()
    expect(log.lines).toEqual([expect.stringContaining('no seed answered; this node runs on alone')])
  })
})

describe('a node alone', () => {
  it('tries again with growing pauses, at most 30 s and a quarter', async () => {
    const { seeds, dialledAtMs, pass } = setUp({ seeds: ['s1'] })
    await seeds.join()
    await pass(300_000)
    const pauses = dialledAtMs.slice(1).map((atMs, index) => atMs - (dialledAtMs[index] ?? 0))
    expect(pauses[0]).toBeLessThan(1_300)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(37_500)
    expect(dialledAtMs.length).toBeGreaterThan(12)
    expect(dialledAtMs.length).toBeLessThan(22)
  })

  it('asks at most eight of those that it remembers at once, and all of them in turn', async () => {
    const remembered = Array.from({ length: 20 }, (_, index) => `m${index}`)
    const { seeds, dialled, pass } = setUp({ remembered })
    await seeds.join()
    expect(dialled).toEqual(remembered.slice(0, 8).map((peerId) => `at-${peerId}`))
    await pass(10_000)
    expect(new Set(dialled).size).toBe(20)
  })

  it('finds one that comes later', async () => {
    const listening: Record<string, string> = {}
    const { seeds, synced, pass, log } = setUp({ remembered: ['a'], listening })
    await seeds.join()
    listening['at-a'] = 'a'
    await pass(5_000)
    expect([synced, log.lines.at(-1)]).toEqual([['a'], 'info joined through a remembered member at at-a'])
  })

  it('stops when it is told to', async () => {
    const { seeds, dialled, pass, clock } = setUp({ seeds: ['s1'] })
    await seeds.join()
    seeds.stop()
    expect(clock.pending).toBe(0)
    await pass(60_000)
    expect(dialled).toHaveLength(1)
  })
})

describe('a node among others', () => {
  it('still visits the addresses that lead to nobody it knows, one at a time and rarely', async () => {
    const world: World = { seeds: ['dark', 's1'], remembered: ['gone', 'known'], listening: { 's1': 'one' }, members: new Set(['known']), alive: 9 }
    const { seeds, dialled, dialledAtMs, pass } = setUp(world)
    await seeds.join()
    dialled.length = dialledAtMs.length = 0
    // Ten members, 30 s: each of them every five minutes, give or take a quarter.
    await pass(1_500_000)
    expect([...new Set(dialled)].sort()).toEqual(['at-gone', 'dark'])
    expect(dialled.length).toBeGreaterThanOrEqual(4)
    expect(dialled.length).toBeLessThanOrEqual(6)
  })

  it('merges with a half that started apart', async () => {
    const listening: Record<string, string> = { 's1': 'one' }
    const { seeds, synced, pass } = setUp({ seeds: ['s1', 's2'], listening, alive: 1 })
    await seeds.join()
    listening['s2'] = 'two'
    await pass(120_000)
    expect(synced).toEqual(['one', 'two'])
  })

  it('says what to do about a seed, which is no member that could be looked at', async () => {
    const warn = vi.fn()
    const { seeds, log } = setUp({ seeds: ['dark'] })
    log.warn = warn
    await seeds.join()
    expect(warn.mock.calls[0]).toEqual([{ seed: 'dark', code: 'ERR_PEER_UNREACHABLE', nextStep: expect.stringContaining('correct --seed') as string }, 'seed dark is not reachable: nobody listens there'])
  })

  it('does not make a noise about those that are away', async () => {
    const { seeds, log, pass } = setUp({ seeds: ['dark'], remembered: ['gone'], alive: 3 })
    await seeds.join()
    await pass(1_000_000)
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([])
  })
})

describe('a seed by name', () => {
  it('is every address that the name has, but this node itself', async () => {
    const { seeds, dialled, synced } = setUp({ seeds: ['dns:mesh.local:7400'], names: { 'mesh.local': ['10.0.0.1', '10.0.0.2', 'fd00::1'] }, listening: { '10.0.0.1:7400': 'self', '[fd00::1]:7400': 'three' } })
    await seeds.join()
    expect(dialled.toSorted()).toEqual(['10.0.0.1:7400', '10.0.0.2:7400', '[fd00::1]:7400'])
    expect(synced).toEqual(['three'])
  })

  it('is asked anew each round, and dials eight of many', async () => {
    const names: Record<string, readonly string[]> = { many: Array.from({ length: 30 }, (_, index) => `10.0.0.${index + 1}`) }
    const { seeds, dialled, pass, synced } = setUp({ seeds: ['dns:many:7400'], names, listening: { '10.0.1.1:7400': 'new' } })
    await seeds.join()
    expect(new Set(dialled).size).toBe(8)
    names['many'] = ['10.0.1.1']
    await pass(2_000)
    expect(synced).toEqual(['new'])
  })

  it('goes on to be visited when its members are known, since others may come', async () => {
    const { seeds, dialled, pass } = setUp({ seeds: ['dns:mesh:7400'], names: { mesh: ['10.0.0.1'] }, listening: { '10.0.0.1:7400': 'one' }, alive: 1 })
    await seeds.join()
    await pass(200_000)
    expect(dialled.length).toBeGreaterThan(2)
  })

  it('that has no address is said while nobody else is known', async () => {
    const { seeds, log } = setUp({ seeds: ['dns:nowhere:7400'] })
    await seeds.join()
    expect(log.lines[0]).toBe('warn the seed nowhere has no address: ENOTFOUND')
  })
})

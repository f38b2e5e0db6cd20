import { describe, expect, it } from 'vitest'
import { AlertSignals } from '../../../../src/operations/alerts/signals.ts'
import { inspected } from './inspected.ts'

function signals(problem: string | null = null) {
  const node = inspected()
  const source = new AlertSignals(node.inspection, { problem: () => (problem === null ? null : { code: 'disk-full', message: problem, sinceWallMs: 0 }) })
  node.observers.add(source)
  const read = () => Object.fromEntries(source.read().map(({ rule, subject = '', value, detail = '' }) => [subject === '' ? rule : `${rule} ${subject}`, detail === '' ? value : [value, detail]]))
  return { ...node, read }
}

describe('AlertSignals', () => {
  it('means CPU and memory since the last time, and does not know them without a reading', () => {
    const { reading, read } = signals()
    reading(80, 20)
    reading(100, 40)
    expect(read()).toMatchObject({ cpu: 90, memory: 30 })
    expect(read()).toMatchObject({ cpu: null, memory: null })
  })

  it('counts the share of forwarded queries over a minute, of clients only, and of enough of them', () => {
    const { query, read, clock } = signals()
    for (let i = 0; i < 19; i++) query({ decision: 'forward' })
    expect(read()).toMatchObject({ forwardRate: null })
    query({ decision: 'local' })
    for (let i = 0; i < 100; i++) query({ decision: 'local', sentBy: 'another' })
    expect(read()).toMatchObject({ forwardRate: 95 })
    clock.advance(60_001)
    expect(read()).toMatchObject({ forwardRate: 0 })
  })

  it('counts no query that this node had no choice for: of the mesh itself, and where it has no copy', () => {
    const { query, read } = signals()
    for (let i = 0; i < 30; i++) query({ decision: 'forward' })
    for (let i = 0; i < 100; i++) query({ database: 'reedbase' })
    for (let i = 0; i < 100; i++) query({ database: 'elsewhere', decision: 'forward' })
    expect(read()).toMatchObject({ forwardRate: 100 })
  })

  it('takes the p99 of decisions in milliseconds', () => {
    const { query, read } = signals()
    for (let i = 1; i <= 200; i++) query({ decisionUs: i > 197 ? 5_000 : 20 })
    expect(read()).toMatchObject({ decisionTime: 5 })
  })

  it('counts measurements that were lost', () => {
    const { observers, read } = signals()
    for (let i = 0; i < 15; i++) observers.handleRtt('a', 1, 'ping')
    for (let i = 0; i < 5; i++) observers.handleLost('b', 'ping')
    expect(read()).toMatchObject({ measurementErrors: 25 })
  })

  it('tells quorum, partition and disk with what there is to say', () => {
    const { read, figures } = signals('no room')
    figures.hasQuorum = false
    figures.partition = { away: 3, reachable: 2 }
    expect(read()).toMatchObject({ quorum: [1, '2 of 5 members are reachable, 3 are needed'], partition: [1, '3 members are away, 2 are here'], disk: [1, 'no room'] })
  })

  it('tells the round trips of peers that are up', () => {
    const { read, figures } = signals()
    figures.peers = [{ name: 'a', p99Ms: 250 }, { name: 'b', p99Ms: null }, { name: 'c', p99Ms: 900, state: 'failed' }]
    const told = read()
    expect(told).toMatchObject({ 'peerLatency a': 250, 'peerLatency b': null })
    expect(told).not.toHaveProperty('peerLatency c')
  })

  it('goes by most clocks, not by one that is wrong', () => {
    const { read, figures } = signals()
    figures.offsetsMs = [20, 90_000, 35]
    expect(read()).toMatchObject({ clock: [35, expect.stringContaining('ahead of')] })
    figures.offsetsMs = [-5_000, -4_000, 10]
    expect(read()).toMatchObject({ clock: [4_000, 'the clock here is 4 s behind that of most of 3 peers'] })
  })
})

/**
 * 200 nodes, or 100 where much is sent, the real machine, virtual time. The safety checkers (safety.ts) look at every step of every run here; what the tests
 * themselves assert is convergence and how long it took in virtual milliseconds.
 */
import { describe, expect } from 'vitest'
import { SimulatedMesh, type SimulationInit } from './mesh.ts'
import { scenario } from './scenario.ts'

const NODES = 200
const GOSSIPSUB = { delayMs: 10, lossRatio: 0.02 }

/** Of long-standing members unless told otherwise: how they join is what the first scenarios are about. Nothing here is compared by its transcript. */
function joined(init: Omit<SimulationInit, 'nodes'> & { readonly nodes?: number }, how: 'startJoined' | 'startAll' = 'startJoined'): SimulatedMesh {
  const mesh = new SimulatedMesh({ nodes: NODES, transcript: false, ...init })
  mesh[how]()
  mesh.runFor(1500)
  mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'the join' })
  return mesh
}

/** Nobody that runs may be held for failed by anyone that runs. */
function falselyFailed(mesh: SimulatedMesh): string[] {
  const running = mesh.running()
  return running.flatMap((of) => running.filter((about) => of !== about && mesh.stateOf(of, about) === 'failed').map((about) => `${of} about ${about}`))
}

describe('join', () => {
  scenario('200 nodes with one seed find each other by piggyback and syncs alone', [1], (seed) => {
    const mesh = new SimulatedMesh({ nodes: NODES, seed, transcript: false })
    mesh.startAll(1000)
    mesh.runFor(1000)
    const tookMs = mesh.runUntil(() => mesh.isConverged() && mesh.running().length === NODES, { withinMs: 60_000, what: 'the join' })
    expect(tookMs).toBeLessThan(45_000)
    expect(mesh.countEvents('member-joined')).toBe(NODES * (NODES - 1))
    expect(mesh.countEvents('member-suspected')).toBe(0)
  })

  scenario('a late newcomer is known to all within two seconds', [3], (seed) => {
    const mesh = new SimulatedMesh({ nodes: NODES + 1, seed, gossipsub: GOSSIPSUB, transcript: false })
    for (let index = 0; index < NODES; index++) mesh.start(index)
    mesh.runFor(1500)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'the join' })
    mesh.start(NODES)
    mesh.runFor(5)
    expect(mesh.runUntil(() => mesh.isConverged(), { withinMs: 10_000, what: 'the newcomer' })).toBeLessThanOrEqual(2000)
  })
})

describe('crash', () => {
  scenario('one crash is seen by all, nobody else is accused', [11], (seed) => {
    const mesh = joined({ seed })
    const [victim] = mesh.choose(1) as [number]
    mesh.crash(victim)
    const tookMs = mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'detection by all' })
    // Within two periods it is probed by someone, within one more suspected; the fuse is 4·log10(200) periods; then it spreads.
    expect(tookMs).toBeLessThan(3000 + 9200 + 4000)
    expect(mesh.countEvents('member-failed')).toBe(NODES - 1)
    expect(mesh.countEvents('member-suspected', ({ event }) => mesh.indexOf(event.record.peerId) !== victim)).toBe(0)
  })

  scenario('where the connections of its observers close, a crash is known to all within a second', [13], (seed) => {
    const mesh = joined({ seed, crashWitnesses: NODES, gossipsub: GOSSIPSUB })
    const [victim] = mesh.choose(1) as [number]
    mesh.crash(victim)
    mesh.runUntil(() => mesh.running().every((of) => mesh.stateOf(of, victim) === 'failed'), { withinMs: 1000, what: 'failure known to all' })
    const first = mesh.events.find(({ event }) => event.type === 'member-failed')
    expect(first?.event.evidence).toBe('refused')
    expect(first?.event.confirmedBy.length).toBeGreaterThan(0)
    expect(mesh.countEvents('member-failed')).toBe(NODES - 1)
  })

  scenario('witnesses that do not observe it probe it themselves, one after the other', [15], (seed) => {
    const mesh = joined({ seed, crashWitnesses: 5, gossipsub: GOSSIPSUB }, 'startAll')
    const [victim] = mesh.choose(1) as [number]
    mesh.crash(victim)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 4000, what: 'failure known to all' })
    // The period's own probe may come first; without the witnesses there is no other.
    expect(mesh.events.some(({ event }) => event.type === 'member-suspected' && event.evidence !== 'probe')).toBe(true)
  })

  scenario('a third crashes at once: all survivors agree, no survivor is failed', [14], (seed) => {
    const mesh = joined({ seed, crashWitnesses: 3 })
    const victims = mesh.choose(66)
    for (const victim of victims) mesh.crash(victim)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'agreement of the survivors' })
    expect(mesh.countEvents('member-failed', ({ event }) => !victims.includes(mesh.indexOf(event.record.peerId)))).toBe(0)
  })
})

describe('loss', () => {
  scenario('at 30 % loss healthy members stay or return, and none is failed for good', [21], (seed) => {
    const mesh = joined({ seed, nodes: 100 })
    mesh.network.conditions.lossRatio = 0.3
    mesh.runFor(20_000)
    expect(mesh.countEvents('member-suspected')).toBeGreaterThan(0)
    mesh.network.conditions.lossRatio = 0
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 90_000, what: 'return of all' })
    const [victim] = mesh.choose(1) as [number]
    mesh.crash(victim)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 30_000, what: 'a real crash afterwards' })
  })

  scenario('at 30 % loss a real crash is still seen by nine of ten within half a minute', [22], (seed) => {
    const mesh = joined({ seed, gossipsub: GOSSIPSUB, nodes: 60 })
    mesh.network.conditions.lossRatio = 0.3
    mesh.runFor(5000)
    const [victim] = mesh.choose(1) as [number]
    mesh.crash(victim)
    mesh.runUntil(() => mesh.running().filter((of) => mesh.stateOf(of, victim) === 'failed').length >= 53, { withinMs: 30_000, what: 'the crash' })
  })
})

describe('partition', () => {
  scenario('a partition that outlasts every suspicion heals with no operator', [31], (seed) => {
    const mesh = joined({ seed, gossipsub: GOSSIPSUB, nodes: 100 })
    const left = mesh.choose(40)
    const right = mesh.running().filter((index) => !left.includes(index))
    mesh.network.partition([left, right])
    mesh.runUntil(() => left.every((a) => right.every((b) => mesh.stateOf(a, b) === 'failed' && mesh.stateOf(b, a) === 'failed')), { withinMs: 120_000, everyMs: 1000, what: 'both sides declare each other failed' })
    expect(left.every((a) => left.every((b) => a === b || mesh.stateOf(a, b) === 'alive'))).toBe(true)
    mesh.runFor(60_000)
    mesh.network.healPartition()
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 90_000, everyMs: 500, what: 'the heal' })
    mesh.runFor(10_000)
    expect(falselyFailed(mesh)).toEqual([])
  })

  scenario('it heals by piggyback and retries alone, too', [32], (seed) => {
    const mesh = joined({ seed, nodes: 60 })
    const left = mesh.choose(20)
    mesh.network.partition([left, mesh.running().filter((index) => !left.includes(index))])
    mesh.runFor(60_000)
    mesh.network.healPartition()
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 120_000, everyMs: 500, what: 'the heal' })
  })

  scenario('a single node cut off both ways comes back by itself', [33], (seed) => {
    const mesh = joined({ seed, nodes: 30 })
    mesh.network.partition([mesh.running().filter((index) => index !== 4), [4]])
    // Its own probes fail, so it distrusts itself first, and takes its time with everybody else (Lifeguard).
    mesh.runUntil(() => mesh.machine(4).aliveCount === 0, { withinMs: 400_000, everyMs: 1000, what: 'it holds everybody for failed' })
    expect(mesh.running().every((of) => of === 4 || mesh.stateOf(of, 4) === 'failed')).toBe(true)
    mesh.network.healPartition()
    // The next retry, and then the probation of a member that was away for long.
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 150_000, everyMs: 1000, what: 'the return' })
  })

  scenario('a one-way cut between two members is bridged by helpers', [34], (seed) => {
    const mesh = joined({ seed, nodes: 30 })
    mesh.network.cut(3, 4)
    mesh.runFor(120_000)
    expect(mesh.countEvents('member-failed')).toBe(0)
    expect(mesh.countEvents('member-suspected')).toBe(0)
    expect(mesh.machine(3).counters.indirectAcks + mesh.machine(4).counters.indirectAcks).toBeGreaterThan(0)
  })
})

describe('pauses and restarts', () => {
  scenario('a process that stands still for three seconds is suspected at most, and accuses nobody', [41], (seed) => {
    const mesh = joined({ seed, gossipsub: GOSSIPSUB })
    // Right after a crowd's join piggyback is full of its records, and news that gossipsub loses comes late.
    mesh.runFor(60_000)
    const sleepers = mesh.choose(10)
    for (const sleeper of sleepers) mesh.pause(sleeper, 3000)
    mesh.runFor(3100)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 30_000, what: 'calm after the pauses' })
    mesh.runFor(15_000)
    expect(mesh.countEvents('member-failed')).toBe(0)
    expect(mesh.countEvents('member-suspected', ({ event }) => sleepers.includes(mesh.indexOf(event.from)) )).toBe(0)
    expect(sleepers.every((sleeper) => mesh.machine(sleeper).counters.stalls === 1)).toBe(true)
  })

  scenario('a pause that outlasts suspicion ends in failed, then in joined again', [43], (seed) => {
    const mesh = joined({ seed, gossipsub: GOSSIPSUB })
    mesh.pause(9, 40_000)
    mesh.runUntil(() => mesh.running().every((of) => of === 9 || mesh.stateOf(of, 9) === 'failed'), { withinMs: 39_000, what: 'failed everywhere' })
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 90_000, what: 'the return' })
  })

  scenario('a quick restart with the same identity is an update, not a failure', [44], (seed) => {
    const mesh = joined({ seed, gossipsub: GOSSIPSUB })
    mesh.crash(5)
    mesh.runFor(300)
    mesh.start(5)
    mesh.runFor(10)
    mesh.runUntil(() => mesh.isConverged() && mesh.running().every((of) => of === 5 || mesh.machine(of).member('p0005')?.signed.record.incarnation === mesh.machine(5).self.record.incarnation), { withinMs: 30_000, what: 'the restart known to all' })
    expect(mesh.countEvents('member-failed')).toBe(0)
    expect(mesh.events.some(({ event }) => event.record.peerId === 'p0005' && event.reason.includes('restarted'))).toBe(true)
  })

  scenario('a restart long after the failure was declared is a new join', [45], (seed) => {
    const mesh = joined({ seed })
    mesh.crash(5)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'the failure' })
    mesh.start(5)
    mesh.runFor(10)
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 60_000, what: 'the return' })
    expect(mesh.countEvents('member-joined', ({ node, event }) => node !== 5 && event.record.peerId === 'p0005')).toBe(2 * (NODES - 1))
  })
})

describe('leave', () => {
  scenario('a graceful leave is no failure, and is known to all', [51], (seed) => {
    const mesh = joined({ seed })
    mesh.leave(8)
    mesh.runUntil(() => !mesh.isRunning(8), { withinMs: 5000, what: 'the farewell spread' })
    mesh.runUntil(() => mesh.running().every((of) => mesh.stateOf(of, 8) === 'left'), { withinMs: 60_000, what: 'left everywhere' })
    expect(mesh.countEvents('member-failed')).toBe(0)
    expect(mesh.countEvents('member-left')).toBe(NODES - 1)
  })
})

describe('a bad network', () => {
  scenario('duplicates, reordering and loss with churn', [61, 62], (seed) => {
    const mesh = joined({ seed, nodes: 100, gossipsub: { delayMs: 50, lossRatio: 0.2 } })
    Object.assign(mesh.network.conditions, { duplicateRatio: 0.3, reorderRatio: 0.3, reorderDelayMs: 400, lossRatio: 0.05 })
    const crashed = mesh.choose(10)
    for (const victim of crashed) mesh.crash(victim)
    const [leaver, renamed, sleeper] = mesh.choose(3) as [number, number, number]
    mesh.leave(leaver)
    mesh.update(renamed, { name: 'renamed', databases: [{ name: 'users', role: 'replica', engine: 'duckdb' }] })
    mesh.pause(sleeper, 5000)
    mesh.runFor(8000)
    for (const victim of crashed.slice(0, 5)) mesh.start(victim)
    mesh.runFor(30_000)
    Object.assign(mesh.network.conditions, { duplicateRatio: 0, reorderRatio: 0, lossRatio: 0 })
    mesh.runUntil(() => mesh.isConverged(), { withinMs: 120_000, what: 'agreement' })
    expect(mesh.machine(mesh.running().find((index) => index !== renamed) as number).member(mesh.machine(renamed).self.record.peerId)?.signed.record.name).toBe('renamed')
  })
})

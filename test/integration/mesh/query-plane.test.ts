/**
 * The query plane between processes: who takes a query, what a slow, sick or dead peer does to it, and what a session sees. Engines are told
 * what to do, so that nothing here rests on how fast this machine is.
 *
 * `entry` has copies of `d` and `e` and hedges nothing; `gateway` has no copy, and hedges. `p1` has the primary of `d`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { EngineCounters } from '../../support/engine-node.ts'
import { type Answer, EngineMesh, type EngineNode } from '../../support/engine-mesh.ts'
import { until } from '../../support/processes.ts'

let mesh: EngineMesh
let entry: EngineNode
let gateway: EngineNode
let p1: EngineNode
let p2: EngineNode
let p3: EngineNode

beforeAll(async () => {
  mesh = await EngineMesh.create()
  const copy = { engine: 'obedient' }
  p1 = await mesh.start('p1', { databases: { d: { engine: 'obedient', settings: { role: 'primary' } }, e: copy } })
  const { seeds } = p1;
  [p2, p3, entry, gateway] = await Promise.all([
    mesh.start('p2', { seeds, databases: { d: copy, e: copy } }),
    mesh.start('p3', { seeds, databases: { d: copy, e: copy } }),
    mesh.start('entry', { seeds, hotspotRate: 2, databases: { d: { ...copy, strategy: 'round-robin' }, e: { ...copy, strategy: 'least-connections' } } }),
    mesh.start('gateway', { seeds, hedgeAfter: '100ms' }),
  ])
  await mesh.settle()
})
// A test that fails leaves nobody held for those behind it.
afterEach(async () => {
  await Promise.allSettled(mesh.nodes.filter(({ child }) => child.exitCode === null && child.signalCode === null && child.connected).map((node) => node.engine({ isHeld: false, isFailing: false })))
})
afterAll(async () => { await mesh.stop() })

async function inTurn(count: number, ask: () => Promise<Answer>): Promise<string[]> {
  const nodes: string[] = []
  for (let i = 0; i < count; i++) nodes.push((await ask()).node)
  return nodes
}

const remote = { preferRemote: true }

describe('strategies', () => {
  it('are chosen for each database: one of entry takes turns, the other goes by what is under way', async () => {
    // Newcomers lose some of their turns, so the turns are not told here, only that everybody has some.
    const turns = await inTurn(30, () => entry.ask('SELECT * FROM turns', { route: remote }))
    expect(new Set(turns)).toEqual(new Set(['p1', 'p2', 'p3']))
    expect((await entry.ask('SELECT * FROM turns', { route: remote })).route.strategy).toBe('round-robin')

    const inBoth = { database: 'e', route: remote }
    await Promise.all([p1.engine({ isHeld: true }), p2.engine({ isHeld: true })])
    const held: Array<Promise<Answer>> = []
    await until('both held peers to have one', async () => {
      held.push(entry.ask('SELECT * FROM held', inBoth))
      return (await Promise.all([p1.engine(), p2.engine()])).every(({ running }) => running > 0)
    })
    let route: Answer['route'] | null = null
    await until('one that is free to be asked', () => {
      const asked = entry.ask('SELECT * FROM held', { ...inBoth, explain: true })
      held.push(asked)
      asked.then((answer) => { route ??= answer.route }, () => undefined)
      return route
    })
    const { candidates, strategy, executedBy } = route as unknown as Answer['route']
    const scores = new Map(candidates.map(({ name, score }) => [name, score ?? NaN]))
    expect([strategy, executedBy.name]).toEqual(['least-connections', 'p3'])
    // As low is enough: what p3 has just answered may still be in the last that it reported.
    expect(scores.get('p3')).toBeLessThanOrEqual(Math.min(scores.get('p1') ?? NaN, scores.get('p2') ?? NaN))
    await Promise.all([p1.engine({ isHeld: false }), p2.engine({ isHeld: false })])
    expect((await Promise.all(held)).map((answer) => answer.route.strategy)).toEqual(held.map(() => 'least-connections'))
  })

  it('are chosen for each query, by an option or by a hint in the statement', async () => {
    expect((await entry.ask('SELECT * FROM one', { route: { ...remote, strategy: 'peak-ewma' } })).route).toMatchObject({ decision: 'forward', strategy: 'peak-ewma' })
    expect((await entry.ask('/*+ rdb: prefer-remote, strategy=adaptive */ SELECT * FROM one')).route).toMatchObject({ decision: 'forward', strategy: 'adaptive' })
    expect((await gateway.ask('SELECT * FROM one')).route.strategy).toBe('nearest')
    await expect(entry.ask('SELECT * FROM one', { route: { strategy: 'greenest' } })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})

describe('an overloaded node', () => {
  async function forwardedOf(count: number): Promise<number> {
    const before = await entry.counter('queriesForwarded')
    // One after the other: a queue would count as load as well. Of many tables, so that none becomes hot.
    let tables = 0
    const nodes = await inTurn(count, () => entry.ask(`SELECT * FROM share${tables++}`))
    const forwarded = (await entry.counter('queriesForwarded')) - before
    expect(nodes.filter((node) => node !== 'entry')).toHaveLength(forwarded)
    return forwarded
  }

  it('gives away a share of its reads, which grows with the excess', async () => {
    expect(await forwardedOf(50)).toBe(0)
    // At the threshold half of them, from half way to 100 % on all. The bounds are five standard deviations away.
    await entry.drill(80)
    const atThreshold = await forwardedOf(200)
    expect(atThreshold).toBeGreaterThan(64)
    expect(atThreshold).toBeLessThan(136)
    await entry.drill(85)
    const above = await forwardedOf(200)
    expect(above).toBeGreaterThan(atThreshold)
    expect(above).toBeLessThan(182)
    await entry.drill(95)
    expect(await forwardedOf(50)).toBe(50)
    await entry.drill(5)
    await until('the overload to be over', async () => !(await entry.status()).load.overloaded)
  })
})

describe('a session', () => {
  it('reads what it has written, also where the write was forwarded and the next copy is behind', async () => {
    expect((await entry.ask('INSERT INTO d VALUES (1)', { session: 'writer' })).node).toBe('p1')
    expect(await entry.ask('SELECT * FROM mine', { session: 'writer' })).toMatchObject({ node: 'p1', written: 1, route: { decision: 'forward' } })
    expect(await entry.ask('SELECT * FROM mine', { session: 'reader' })).toMatchObject({ node: 'entry', written: 0 })
    expect(await entry.ask('SELECT * FROM mine')).toMatchObject({ node: 'entry', written: 0 })
  })
})

describe('a hot table', () => {
  it('is told, and reads of it go to other copies in part', async () => {
    const events = await entry.events()
    const moved = await entry.counter('hotspotsMoved')
    // 2 a second over a minute; of twice as many the half is to move.
    const nodes = await inTurn(240, () => entry.ask('SELECT * FROM scorching'))
    const event = await until('the event', () => events.seen.find((seen) => seen.type === 'hotspot-detected' && 'table' in seen && seen.table === 'scorching'))
    expect(event).toMatchObject({ database: 'd', peerId: null, reason: expect.stringMatching(/^d\.scorching is asked for too often here/) as string })
    expect(nodes.slice(0, 119)).toEqual(Array.from({ length: 119 }, () => 'entry'))
    const elsewhere = nodes.filter((node) => node !== 'entry').length
    expect(elsewhere).toBeGreaterThan(5)
    expect((await entry.counter('hotspotsMoved')) - moved).toBe(elsewhere)
    expect((await entry.ask('SELECT * FROM temperate')).node).toBe('entry')
    await events.stop()
  })
})

// Before anybody is slow: no more than one of the three may be kept out.
describe('a sick engine', () => {
  it('is found and kept out, its queries answered by others, and an event tells', async () => {
    const events = await gateway.events()
    await p2.engine({ isFailing: true })
    const nodes: string[] = []
    const event = await until('the ejection', async () => {
      nodes.push((await gateway.ask('/*+ rdb: strategy=round-robin */ SELECT * FROM sick')).node)
      return events.seen.find(({ type }) => type === 'peer-ejected')
    })
    expect(event).toMatchObject({ peerId: p2.peerId, database: null })
    expect(nodes).not.toContain('p2')
    const { failed } = await p2.engine()
    expect(failed).toBe(5)
    await inTurn(9, () => gateway.ask('/*+ rdb: strategy=round-robin */ SELECT * FROM sick'))
    expect((await p2.engine({ isFailing: false })).failed).toBe(failed)
    expect(await gateway.counter('experienceEjected')).toBe(1)
    await events.stop()
  })
})

describe('a hedge', () => {
  it('answers for a slow peer, whose engine is told to stop', async () => {
    // Each read earns a twentieth of a hedge; where this machine is slow, some have been spent.
    const nodes = await inTurn(40, () => gateway.ask('SELECT * FROM stick', { session: 'hedged' }))
    const first = nodes.at(-1)
    const slow = mesh.nodes.find(({ name }) => name === first) as EngineNode
    const before = await slow.engine({ isHeld: true })
    const [hedgesBefore, wonBefore] = [await gateway.counter('queriesHedges'), await gateway.counter('queriesHedgesWon')]
    const answer = await gateway.ask('SELECT * FROM stick', { session: 'hedged' })
    expect(answer.node).not.toBe(first)
    expect(answer.route.reason).toContain('the first peer was slow, and this one, asked as well, answered before it')
    const after = await until<EngineCounters | null>('the loser to be cancelled', async () => {
      const counters = await slow.engine()
      return counters.running === 0 ? counters : null
    })
    expect(after).toMatchObject({ started: before.started + 1, cancelled: before.cancelled + 1, finished: before.finished })
    expect((await gateway.counter('queriesHedges')) - hedgesBefore).toBe(1)
    expect((await gateway.counter('queriesHedgesWon')) - wonBefore).toBe(1)
    await slow.engine({ isHeld: false })
  })

  it('is not sent for a write, however long that takes', async () => {
    // Wherever the read goes it is slow.
    const peers = [entry, p1, p2, p3]
    await Promise.all(peers.map((node) => node.engine({ isHeld: true }, { forgets: true })))
    const counters = async (): Promise<number> => (await gateway.counter('queriesHedges')) + (await gateway.counter('queriesHedgesThrottled'))
    const before = await counters()
    const writing = gateway.ask('INSERT INTO d VALUES (2)')
    await until('the write to be there', async () => (await p1.engine()).running === 1)
    // A read that comes after it is due for a hedge after it.
    const reading = gateway.ask('SELECT * FROM slow')
    await until('the read to be hedged, or refused one', async () => (await counters()) > before)
    expect(await counters()).toBe(before + 1)
    await Promise.all(peers.map((node) => node.engine({ isHeld: false })))
    expect(await writing).toMatchObject({ node: 'p1', written: 2 })
    await reading
    const statements = (await Promise.all(peers.map((node) => node.engine()))).flatMap((engine) => engine.statements)
    expect(statements.filter((sql) => sql === 'INSERT INTO d VALUES (2)')).toHaveLength(1)
  })
})

describe('a session whose peer is killed', () => {
  it('stays where it is until then, and moves to another', async () => {
    const sticky = { session: 'sticky', route: remote }
    // Not the primary and not the one that is kept out: both have a say in where a query goes.
    await until('the session to be with p3', async () => {
      if ((await entry.ask('SELECT * FROM mine', sticky)).node === 'p3') return true
      sticky.session += '-'
      return false
    })
    expect(new Set(await inTurn(12, () => entry.ask('SELECT * FROM mine', sticky)))).toEqual(new Set(['p3']))
    await p3.engine({ isHeld: true })
    const underWay = entry.ask('SELECT * FROM mine', sticky)
    await until('it to be under way', async () => (await p3.engine()).running === 1)
    p3.child.kill('SIGKILL')
    const { node, route } = await underWay
    expect(node).not.toBe('p3')
    expect(route.failedAttempts.map(({ name }) => name)).toEqual(['p3'])
    expect(new Set(await inTurn(12, () => entry.ask('SELECT * FROM mine', sticky)))).toEqual(new Set([node]))
  })
})

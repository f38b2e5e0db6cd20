/**
 * What one node makes of many queries: reads that are answered by a held result or by the same read under way, and a full line, from which the
 * lowest priority is turned away first. Node processes of their own, with engines that do as the test says.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMISSION_OPTIONS } from '../../../src/core/admission/options.ts'
import { connect, MeshError, type Priority } from '../../../src/index.ts'
import { EngineMesh, type EngineNode } from '../../support/engine-mesh.ts'
import { until } from '../../support/processes.ts'

let mesh: EngineMesh
/** Primary of `d`, with a cache and coalescing. */
let sharing: EngineNode
/** A replica of it, with the same. */
let replica: EngineNode
/** On its own; one query at a time. */
let narrow: EngineNode

beforeAll(async () => {
  mesh = await EngineMesh.create()
  const databases = { d: { engine: 'obedient', settings: { role: 'primary' } } }
  const shares = { cacheSize: '1MB', cacheAge: '1h', coalesce: true };
  [sharing, narrow] = await Promise.all([mesh.start('sharing', { ...shares, databases }), mesh.start('narrow', { inFlightMax: 1, databases })])
  replica = await mesh.start('replica', { ...shares, seeds: sharing.seeds, databases: { d: { engine: 'obedient' } } })
  await mesh.settle([sharing, replica])
  await narrow.drill(5)
})
afterAll(async () => { await mesh.stop() })

async function sharingCounters(node: EngineNode): Promise<{ readonly hits: number; readonly joined: number; readonly started: number }> {
  const { counters } = await node.status()
  return { hits: counters['sharedReadsHits'] ?? NaN, joined: counters['sharedReadsJoined'] ?? NaN, started: (await node.engine()).started }
}

describe('a held result', () => {
  it('answers the second of two reads, and is dropped on a write', async () => {
    const before = await sharingCounters(sharing)
    const sql = 'SELECT * FROM cached'
    expect([(await sharing.ask(sql)).written, (await sharing.ask(sql)).written]).toEqual([0, 0])
    expect(await sharingCounters(sharing)).toEqual({ ...before, hits: before.hits + 1, started: before.started + 1 })
    await sharing.ask('INSERT INTO cached VALUES (1)', { session: 'writer' })
    // Nobody is given what was there before, whichever session asks.
    expect((await sharing.ask(sql, { session: 'writer' })).written).toBe(1)
    expect((await sharing.ask(sql, { session: 'reader' })).written).toBe(1)
    expect((await sharing.ask(sql)).written).toBe(1)
    expect(await sharingCounters(sharing)).toEqual({ ...before, hits: before.hits + 3, started: before.started + 3 })
  })

  it('is no answer to a session that has written elsewhere, and is dropped where the write came through', async () => {
    const sql = 'SELECT * FROM behind'
    await replica.ask(sql)
    const before = await sharingCounters(replica)
    expect(await replica.ask('INSERT INTO behind VALUES (2)', { session: 'writer' })).toMatchObject({ node: 'sharing' })
    expect(await replica.ask(sql, { session: 'writer' })).toMatchObject({ node: 'sharing', written: 2 })
    expect(await replica.ask(sql, { session: 'reader' })).toMatchObject({ node: 'replica', written: 0 })
    expect(await sharingCounters(replica)).toMatchObject({ hits: before.hits, started: before.started + 1 })
  })

  it('is not for a read that asks for a bound on its age', async () => {
    const sql = 'SELECT * FROM bounded'
    await sharing.ask(sql)
    const before = await sharingCounters(sharing)
    await sharing.ask(sql, { route: { maxStalenessMs: 1_000 } })
    expect(await sharingCounters(sharing)).toEqual({ ...before, started: before.started + 1 })
  })
})

describe('identical reads under way', () => {
  it('share one run, whoever asks, and one that leaves takes it from nobody', async () => {
    await sharing.engine({ isHeld: true })
    const before = await sharingCounters(sharing)
    const other = await connect({ dataDir: sharing.dataDir })
    const leaving = new AbortController()
    const first = sharing.ask('SELECT * FROM shared', { signal: leaving.signal })
    await until('the first to run', async () => (await sharing.engine()).running === 1)
    const others = Array.from({ length: 20 }, (_, index) => sharing.ask('SELECT * FROM shared', {}, index % 2 === 0 ? other : undefined))
    await until('the others to have joined', async () => (await sharingCounters(sharing)).joined === before.joined + 20)
    leaving.abort()
    await expect(first).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await sharing.engine({ isHeld: false })
    expect(new Set((await Promise.all(others)).map(({ node }) => node))).toEqual(new Set(['sharing']))
    expect((await sharing.engine()).started).toBe(before.started + 1)
    await other.close()
  })

  it('are not joined, nor kept, after a write that overtook them', async () => {
    await sharing.engine({ isHeld: true })
    const before = await sharingCounters(sharing)
    const writing = sharing.ask('INSERT INTO overtaken VALUES (3)')
    await until('the write to run', async () => (await sharing.engine()).running === 1)
    const early = sharing.ask('SELECT * FROM overtaken')
    await until('the read to run', async () => (await sharing.engine()).running === 2)
    await sharing.engine({ releases: 1 })
    await writing
    const late = sharing.ask('SELECT * FROM overtaken')
    await until('a run of its own', async () => (await sharing.engine()).running === 2)
    await sharing.engine({ releases: 1 })
    await early
    const latest = sharing.ask('SELECT * FROM overtaken')
    await until('the latest to read along with the late one', async () => (await sharingCounters(sharing)).joined === before.joined + 1)
    await sharing.engine({ isHeld: false })
    expect((await Promise.all([late, latest])).map(({ written }) => written)).toEqual([3, 3])
    expect((await sharing.engine()).started).toBe(before.started + 3)
  })
})

describe('a node whose lines are full', () => {
  it('turns the lowest priority away first, as not started, and lets the critical through', async () => {
    const waitingMax = ADMISSION_OPTIONS.waitingMax.default
    const waitingPerClassMax = ADMISSION_OPTIONS.waitingPerClassMax.default
    await narrow.engine({ isHeld: true }, { forgets: true })
    // Neither has room for all of them.
    const clients = await Promise.all([connect({ dataDir: narrow.dataDir }), connect({ dataDir: narrow.dataDir })])
    const shed: Array<{ readonly priority: Priority; readonly error: MeshError }> = []
    let sent = 0
    const send = (priority: Priority, count: number): void => {
      for (let i = 0; i < count; i++) {
        const client = clients[sent++ % clients.length] as typeof clients[number]
        client.query(`SELECT * FROM ${priority}`, { database: 'd', priority, timeoutMs: 600_000 }).then(() => undefined, (error: unknown) => { if (error instanceof MeshError && error.code === 'ERR_OVERLOADED') shed.push({ priority, error }) })
      }
    }
    // It has much to read and may be slow to answer.
    const waiting = async (): Promise<number> => await narrow.counter('queueWaiting').catch(() => NaN)
    send('low', waitingPerClassMax + 1)
    await until('one to run and the line of the low to be full', async () => (await waiting()) === waitingPerClassMax)
    send('low', 1)
    await until('one more to be turned away', () => shed.length === 1)
    send('normal', waitingMax - waitingPerClassMax)
    await until('all lines together to be full', async () => (await waiting()) === waitingMax)
    send('normal', 2)
    send('critical', 1)
    await until('three of the low to make room', () => shed.length === 4)
    expect(await waiting()).toBe(waitingMax)
    expect(shed.map(({ priority, error }) => [priority, error.code, error.details['reason'], error.details['started'], error.details['retryable']])).toEqual([
      ['low', 'ERR_OVERLOADED', 'class-full', 'no', true], ...Array.from({ length: 3 }, () => ['low', 'ERR_OVERLOADED', 'displaced', 'no', true]),
    ])
    const { counters } = await narrow.status()
    expect(counters).toMatchObject({ queueShedLow: 4, queueShedNormal: 0, queueShedHigh: 0, queueShedCritical: 0 })
    await narrow.engine({ releases: 1 })
    await until('the critical to be the next that runs', async () => (await narrow.engine()).statements[1] === 'SELECT * FROM critical')
    await Promise.all(clients.map((client) => client.close()))
    await until('nobody to wait once their clients are gone', async () => (await waiting()) === 0)
  })
})

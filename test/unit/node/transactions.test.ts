/** Nodes joined by streams in memory, under a virtual clock: an entry node without a copy, and a primary with an engine that keeps a log. */
import { describe, expect, it } from 'vitest'
import { runTransaction } from '../../../src/client/transaction.ts'
import type { Transaction, TransactionOptions as ClientOptions } from '../../../src/client/types.ts'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { SessionAffinity } from '../../../src/core/routing/affinity.ts'
import { Hedging } from '../../../src/core/routing/hedging.ts'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import { RetryBudget } from '../../../src/core/routing/retry-budget.ts'
import type { LocalView, PeerView } from '../../../src/core/routing/types.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import type { TransactionOptions } from '../../../src/core/transactions/options.ts'
import { MeshError } from '../../../src/errors.ts'
import { DatabaseStrategies } from '../../../src/node/database-strategies.ts'
import { HotspotDriver } from '../../../src/node/hotspot-driver.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import { QueryService, type QueryServiceParts } from '../../../src/node/query-service.ts'
import { Sessions } from '../../../src/node/sessions.ts'
import { SharedReads } from '../../../src/node/shared-reads.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { StreamRemote } from '../../../src/ports/peer-streams.ts'
import type { EngineTransaction, QueryEngine } from '../../../src/ports/query-engine.ts'
import { QueryConnections } from '../../../src/query/client.ts'
import { Compression } from '../../../src/query/compression.ts'
import { QueryServer } from '../../../src/query/server.ts'
import type { QueryRequest } from '../../../src/query/types.ts'
import { createRowsResult } from '../../../src/wire/results/rows-result.ts'
import { collect } from '../../support/collect.ts'
import { type MemoryByteStream, memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { readAll, request, settle, until, VirtualClock } from '../../support/query-plane.ts'

const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLog }
const load = { cpuPercent: 5, memoryPercent: 5, inFlight: 0, overloaded: false, drill: false, sequence: 1 }

async function* endless(): AsyncGenerator<readonly [string]> {
  for (;;) yield await Promise.resolve(['x'.repeat(1_000)])
}

/** Writes down what is asked of it. A statement `fail` fails, `hang` lasts until its signal, `big` streams for ever. */
function loggingEngine(log: string[], changes: Partial<QueryEngine> = {}): QueryEngine {
  let number = 0
  const begin: QueryEngine['begin'] = ({ access, signal }) => {
    const name = `t${++number}`
    let isOver = false
    const over = (how: string): void => {
      if (isOver) return
      isOver = true
      log.push(`${name} ${how}`)
    }
    log.push(`${name} begin ${access}`)
    signal.addEventListener('abort', () => { over('rollback') }, { once: true })
    const transaction: EngineTransaction = {
      execute: ({ sql, signal: own }) => {
        log.push(`${name} ${sql}`)
        if (sql === 'fail') return Promise.reject(new MeshError('ERR_SQL', 'no such table'))
        if (sql === 'hang') return new Promise((_resolve, reject) => { own.addEventListener('abort', () => { reject(new MeshError('ERR_QUERY_CANCELLED', 'stopped')) }, { once: true }) })
        if (sql === 'big') own.addEventListener('abort', () => { log.push(`${name} big is left`) }, { once: true })
        return Promise.resolve(createRowsResult([{ name: 'sql', type: 'text' }], sql === 'big' ? endless() : [[`${name} ${sql}`]]))
      },
      commit: () => {
        over('commit')
        return Promise.resolve()
      },
      rollback: () => {
        over('rollback')
        return Promise.resolve()
      },
    }
    return Promise.resolve(transaction)
  }
  return {
    database: 'db', kind: 'logging', role: 'primary', isReady: () => true, classify: () => Promise.resolve('read'), begin,
    execute: ({ sql }) => {
      log.push(sql)
      return Promise.resolve(createRowsResult([{ name: 'sql', type: 'text' }], [[sql]]))
    },
    close: () => Promise.resolve(), ...changes,
  }
}

interface NodeSetup {
  readonly engine?: QueryEngine | null
  readonly gateLimit?: number
  readonly bounds?: Partial<TransactionOptions>
  readonly routeTo?: QueryServiceParts['routeTo']
  readonly cacheBytes?: number
  readonly view?: Partial<LocalView>
}

class Mesh {
  readonly clock = new VirtualClock()
  readonly nodes = new Map<string, TestNode>()
  readonly roles = new Map<string, 'primary' | 'replica'>()

  add(name: string, setup: NodeSetup = {}): TestNode {
    const node = new TestNode(this, name, setup)
    this.nodes.set(name, node)
    if (setup.engine !== undefined && setup.engine !== null) this.roles.set(name, setup.engine.role)
    return node
  }
}

class TestNode {
  readonly name: string
  readonly service: QueryService
  readonly server: QueryServer
  readonly connections: QueryConnections
  readonly gate: QueryGateDriver
  readonly written: string[] = []
  /** To others, by their names. */
  readonly streams = new Map<string, MemoryByteStream>()
  readonly #mesh: Mesh

  constructor(mesh: Mesh, name: string, { engine = null, gateLimit = 64, bounds = {}, routeTo = () => null, cacheBytes = 0, view = {} }: NodeSetup) {
    this.#mesh = mesh
    this.name = name
    const { clock } = mesh
    this.gate = new QueryGateDriver(new QueryGate({ limitMax: gateLimit }), clock)
    this.connections = new QueryConnections({ clock, compression: new Compression('auto', clock), open: (target) => Promise.resolve(this.open(target)) })
    const strategies = new DatabaseStrategies({ standard: 'nearest', ofDatabase: new Map(), random: createRandom(3) })
    const sharedReads = new SharedReads({ cache: new ResultCache({ bytesMax: cacheBytes }), coalescer: null, clock })
    const sessions = new Sessions({ affinity: new SessionAffinity(), readYourWritesMs: 5_000, clock })
    const handleWrite = sessions.handleWrite.bind(sessions)
    sessions.handleWrite = (database, session, peerId) => {
      this.written.push(`${session} at ${peerId}`)
      handleWrite(database, session, peerId)
    }
    this.service = new QueryService({
      self: { peerId: name, name }, engines: engine === null ? new Map() : new Map([['db', engine]]), clock, random: createRandom(1),
      localView: () => ({ peerId: name, name, role: engine?.role ?? null, ready: true, draining: this.#isDraining, overloaded: false, overloadReason: null, site: { datacenter: '', rack: '' }, cpuPercent: 5, memoryPercent: 5, inFlight: 0, inFlightMax: Infinity, excessRatio: 0, lagMs: 0, ...view }),
      peerViews: () => [...mesh.roles].filter(([peerId]) => peerId !== name).map(([peerId, role], index): PeerView => ({
        peerId, name: peerId, role, state: 'alive', status: 'healthy', ready: true, latencyMs: 10 * (index + 1), overloaded: false, cpuPercent: 5, memoryPercent: 5,
        inFlightThere: 0, inFlightFromHere: 0, loadAgeMs: 10, site: { datacenter: 'there', rack: '' }, capacity: 1, feedback: null, lagMs: 0,
      })),
      peerName: (peerId) => peerId, forward: (peerId, asked, options) => this.connections.query(peerId, asked, options),
      classifyUnserved: () => Promise.resolve('read'), localLoad: () => load, refusalOf: () => null, inFlightChanged: () => undefined, latencyTo: () => 10,
      sessions, hotspots: new HotspotDriver({ otherCopies: () => 1, onEvent: () => undefined, clock, random: createRandom(2), log: silentLog }),
      strategies: (database) => strategies.of(database), sharedReads, gate: this.gate, transactions: bounds,
      requestProbes: () => undefined, routeTo, onDelivered: () => undefined, isReachable: () => true, onDispatch: () => undefined, onOutcome: () => undefined,
      hedging: new Hedging(), retryBudget: new RetryBudget(), routing: parseRoutingOptions(),
    })
    this.server = new QueryServer({ handler: this.service.handle, clock })
  }

  #isDraining = false

  open(target: string, remoteOfB: StreamRemote = { kind: 'peer', peerId: this.name }): MemoryByteStream {
    const { a, b } = memoryStreamPair({ remoteOfB })
    this.#mesh.nodes.get(target)?.server.accept(b)
    // Streams of large results are slower than the one that carries the steps.
    if (this.streams.has(target)) {
      const send = a.send.bind(a)
      let sending = Promise.resolve()
      a.send = (bytes) => {
        sending = sending.then(() => settle(20)).then(() => { send(bytes) })
        return true
      }
    } else this.streams.set(target, a)
    return a
  }

  /** A program beside it. */
  client(): { readonly stream: () => MemoryByteStream; readonly connections: QueryConnections; transaction<T>(work: (transaction: Transaction) => Promise<T>, options?: ClientOptions): Promise<T> } {
    let stream: MemoryByteStream | null = null
    const connections = new QueryConnections({ clock: this.#mesh.clock, compression: new Compression('auto', this.#mesh.clock), open: () => {
      stream = this.open(this.name, { kind: 'local-client' })
      return Promise.resolve(stream)
    } })
    return {
      stream: () => stream as MemoryByteStream, connections,
      transaction: (work, options) => runTransaction((asked, signal) => connections.query('', asked, signal === undefined ? {} : { signal }), 'db', work, options),
    }
  }

  async drain(boundMs: number): Promise<void> {
    this.#isDraining = true
    await this.server.drain(boundMs)
  }
}

const rowsOf = async (transaction: Transaction, sql: string): Promise<unknown[]> => await collect((await transaction.query(sql)).rows())

/** An entry node without a copy, and the primary. */
function twoNodes(primary: NodeSetup = {}, entry: NodeSetup = {}) {
  const mesh = new Mesh()
  const log: string[] = []
  const there = mesh.add('primary', { engine: loggingEngine(log), ...primary })
  const here = mesh.add('entry', entry)
  return { mesh, log, there, here, client: here.client() }
}

describe('a transaction from a node without a copy', () => {
  it('goes to the primary with every step, and is committed when its function resolves', async () => {
    const { client, log, here, there } = twoNodes()
    const answer = await client.transaction(async (transaction) => {
      expect(transaction.route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'primary' } })
      const result = await transaction.query('one')
      expect(result.route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'primary' }, reason: 'The transaction began there' })
      expect(await collect(result.rows())).toEqual([{ sql: 't1 one' }])
      expect(await rowsOf(transaction, 'two')).toEqual([{ sql: 't1 two' }])
      expect([here.service.transactionCounters['pinned'], there.service.transactionCounters['open']]).toEqual([1, 1])
      return 7
    }, { session: 's' })
    expect(answer).toBe(7)
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 two', 't1 commit'])
    expect(there.service.transactionCounters).toMatchObject({ open: 0, pinned: 0, begun: 1, committed: 1 })
    expect(here.service.transactionCounters).toMatchObject({ pinned: 0, begun: 0 })
    expect(here.written).toEqual(['s at primary'])
    await until('every query to have ended', () => here.server.inFlight === 0 && there.server.inFlight === 0)
  })

  it('has left a large result before the next statement comes, whichever streams they take', async () => {
    const { client, log } = twoNodes()
    await client.transaction(async (transaction) => {
      for (let round = 0; round < 3; round++) {
        const rows = (await transaction.query('big')).rows()[Symbol.asyncIterator]()
        expect((await rows.next()).done).toBe(false)
        await rows.return?.()
        await rowsOf(transaction, 'one')
      }
      // The commit leaves the last one.
      await (await transaction.query('big')).rows()[Symbol.asyncIterator]().next()
    })
    const round = ['t1 big', 't1 big is left', 't1 one']
    expect(log).toEqual(['t1 begin write', ...round, ...round, ...round, 't1 big', 't1 big is left', 't1 commit'])
  })

  it('is rolled back when its function throws, and the error is the function’s', async () => {
    const { client, log, here } = twoNodes()
    await expect(client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      throw new RangeError('changed my mind')
    }, { session: 's' })).rejects.toThrow(RangeError)
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 rollback'])
    expect(here.written).toEqual([])
  })

  it('says with the error of a statement that the others are gone as well', async () => {
    const { client, log } = twoNodes()
    await expect(client.transaction((transaction) => transaction.query('fail'))).rejects.toMatchObject({ code: 'ERR_SQL', message: 'no such table', nextStep: expect.stringContaining('nothing is kept either') as string, details: { transaction: 'aborted' } })
    expect(log.at(-1)).toBe('t1 rollback')
  })

  it('refuses a hint in a statement, which could no longer be heeded', async () => {
    const { client, log } = twoNodes()
    await expect(client.transaction((transaction) => transaction.query('/*+ rdb: local-only */ one'))).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', nextStep: expect.stringContaining('begin') as string })
    expect(log).toEqual(['t1 begin write', 't1 rollback'])
  })

  it('is rolled back at once when its client is gone', async () => {
    const { client, log, there, here } = twoNodes()
    const result = client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      client.stream().abort(new Error('killed'))
      await rowsOf(transaction, 'two')
    })
    await expect(result).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await until('the rollback', () => log.at(-1) === 't1 rollback')
    expect(log).not.toContain('t1 two')
    await until('both nodes to have forgotten it', () => there.service.transactionCounters['open'] === 0 && here.service.transactionCounters['pinned'] === 0)
    expect(there.service.transactionCounters).toMatchObject({ lost: 1 })
  })

  it('is lost when the way to the primary breaks, before its statement is sent or while it runs, and is not given to another', async () => {
    for (const isRunning of [false, true]) {
      const { client, log, here } = twoNodes()
      const result = client.transaction(async (transaction) => {
        await rowsOf(transaction, 'one')
        const hanging = isRunning ? transaction.query('hang') : null
        hanging?.catch(() => undefined)
        if (isRunning) await until('the statement to run', () => log.includes('t1 hang'))
        here.streams.get('primary')?.abort(new Error('reset'))
        if (hanging === null) await settle()
        await (hanging ?? rowsOf(transaction, 'two'))
      })
      await expect(result).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('primary had the transaction') as string })
      await until('the rollback', () => log.at(-1) === 't1 rollback')
      expect(log).not.toContain('t1 two')
    }
  })

  it('is lost when membership declares its node failed, however silent that is', async () => {
    const { client, here } = twoNodes()
    await expect(client.transaction(async (transaction) => {
      const hanging = transaction.query('hang')
      hanging.catch(() => undefined)
      await settle()
      here.service.handlePeerDown('primary')
      await hanging
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('primary failed') as string })
  })

  it('is ambiguous when the way breaks while it is committed', async () => {
    const log: string[] = []
    const committing = Promise.withResolvers<void>()
    const engine = loggingEngine(log)
    const { client, here, there, mesh } = twoNodes({ engine: { ...engine, begin: async (options) => ({ ...await (engine.begin as NonNullable<QueryEngine['begin']>)(options), commit: () => {
      committing.resolve()
      return new Promise<void>(() => undefined)
    } }) } })
    const result = client.transaction((transaction) => rowsOf(transaction, 'one'), { session: 's' })
    result.catch(() => undefined)
    await committing.promise
    here.streams.get('primary')?.abort(new Error('reset'))
    await expect(result).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    // It may have been done, so that its session reads there.
    expect(here.written).toEqual(['s at primary'])
    expect(there.service.transactionCounters).toMatchObject({ open: 1 })
    mesh.clock.advance(60_000)
    await until('the place of one that is never committed to be free', () => there.service.transactionCounters['open'] === 0)
    expect([there.gate.running, there.gate.admitted]).toEqual([0, 0])
  })

  it('is rolled back when its commit cannot be sent', async () => {
    const { client, log } = twoNodes()
    const query = client.connections.query.bind(client.connections)
    client.connections.query = (target, asked, options) => (asked.transaction?.step === 'commit' ? Promise.reject(new MeshError('ERR_OVERLOADED', 'too many queries', { details: { started: 'no' } })) : query(target, asked, options))
    await expect(client.transaction((transaction) => rowsOf(transaction, 'one'))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    await until('the rollback', () => log.at(-1) === 't1 rollback')
  })

  it('keeps no stream for large results while it is open', async () => {
    const { client, there } = twoNodes()
    await client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      expect(there.server.counters()).toMatchObject({ bulkTransfers: 0, bulkRefused: 0 })
      await (await transaction.query('big')).rows()[Symbol.asyncIterator]().next()
      expect(there.server.counters()).toMatchObject({ bulkTransfers: 1 })
    })
  })

  it('for reading runs on a replica by the strategy, as for writing it does not', async () => {
    const { mesh, client, log } = twoNodes()
    const replicaLog: string[] = []
    mesh.roles.clear()
    mesh.add('replica', { engine: loggingEngine(replicaLog, { role: 'replica' }) })
    mesh.roles.set('primary', 'primary')
    await client.transaction((transaction) => rowsOf(transaction, 'one'), { readOnly: true })
    await client.transaction((transaction) => rowsOf(transaction, 'two'))
    expect([replicaLog, log]).toEqual([['t1 begin read', 't1 one', 't1 commit'], ['t1 begin write', 't1 two', 't1 commit']])
  })

  it('goes on to the next copy when the first one cannot begin it, and names both', async () => {
    const { mesh, client } = twoNodes({ bounds: { openMax: 0 } })
    const log: string[] = []
    mesh.add('other', { engine: loggingEngine(log) })
    await client.transaction((transaction) => {
      expect(transaction.route).toMatchObject({ executedBy: { peerId: 'other' }, failedAttempts: [{ peerId: 'primary', code: 'ERR_OVERLOADED' }] })
      return rowsOf(transaction, 'one')
    })
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 commit'])
  })

  it('begins here when the others cannot, unless what it asks of its copy speaks against this one', async () => {
    const begin = async (lagMs: number, route: string): Promise<string> => {
      const log: string[] = []
      const { client } = twoNodes({ bounds: { openMax: 0 }, view: { site: { datacenter: 'there', rack: '' } } }, { engine: loggingEngine(log, { role: 'replica' }), view: { lagMs } })
      return await client.transaction((transaction) => Promise.resolve(transaction.route?.decision ?? ''), { readOnly: true, route }).catch((error: unknown) => {
        expect(log).toEqual([])
        return (error as MeshError).code
      })
    }
    expect(await begin(3_600_000, 'prefer-remote')).toBe('local')
    expect(await begin(3_600_000, 'max-staleness=1s')).toBe('ERR_OVERLOADED')
    expect(await begin(500, 'max-staleness=1s, prefer-remote')).toBe('local')
    expect(await begin(0, 'zone=there')).toBe('ERR_OVERLOADED')
  })

  it('that writes is refused at once by an engine that only reads', async () => {
    const log: string[] = []
    const { client } = twoNodes({}, { engine: loggingEngine(log, { isReadOnly: true }) })
    await expect(client.transaction((transaction) => transaction.query('one'))).rejects.toMatchObject({ code: 'ERR_READ_ONLY', message: expect.stringContaining('db cannot be written: its logging engine only reads') as string })
    expect(log).toEqual([])
  })

  it('goes on to the next copy when the engine of the first one has none, or its node knows none, and from its own', async () => {
    const { begin: _, ...single } = loggingEngine([])
    const old = loggingEngine([], { begin: () => Promise.reject(new MeshError('ERR_SQL', 'BEGIN is not allowed here', { details: { started: 'no' } })) })
    for (const [engine, hasOwn] of [[single, false], [old, false], [single, true]] as const) {
      const { mesh, client } = twoNodes({ engine }, hasOwn ? { engine: single } : {})
      await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_TRANSACTION_UNSUPPORTED' })
      const log: string[] = []
      mesh.add('other', { engine: loggingEngine(log) })
      await client.transaction((transaction) => {
        expect(transaction.route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'other' }, failedAttempts: [{ peerId: 'primary', code: 'ERR_TRANSACTION_UNSUPPORTED' }] })
        return rowsOf(transaction, 'one')
      })
      expect(log).toEqual(['t1 begin write', 't1 one', 't1 commit'])
    }
  })

  it('is refused by the only copy there is, when its engine has none, for that reason', async () => {
    const { begin: _, ...single } = loggingEngine([])
    const mesh = new Mesh()
    await expect(mesh.add('alone', { engine: single }).client().transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_TRANSACTION_UNSUPPORTED', message: expect.stringContaining('logging of db') as string })
    const { client } = twoNodes({ bounds: { openMax: 0 } }, { engine: single })
    await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
  })

  it('goes on to the next copy when the first one never answers its begin', async () => {
    const { mesh, client, here } = twoNodes()
    const log: string[] = []
    mesh.add('other', { engine: loggingEngine(log) })
    const asked: string[] = []
    const query = here.connections.query.bind(here.connections)
    here.connections.query = (target, asking, options) => {
      asked.push(target)
      return target === 'primary' ? new Promise((_resolve, reject) => { options?.signal?.addEventListener('abort', () => { reject(new MeshError('ERR_QUERY_CANCELLED', 'left')) }, { once: true }) }) : query(target, asking, options)
    }
    const running = client.transaction(({ route }) => Promise.resolve(route))
    await until('the first to be asked', () => asked.length === 1)
    mesh.clock.advance(29_999)
    await settle()
    expect(asked).toEqual(['primary'])
    mesh.clock.advance(1)
    await until('the next to be asked', () => asked.includes('other'))
    expect(await running).toMatchObject({ executedBy: { peerId: 'other' }, failedAttempts: [{ peerId: 'primary', code: 'ERR_PEER_UNREACHABLE' }] })
    expect(log).toEqual(['t1 begin write', 't1 commit'])
  })

  it('goes on to the next copy when the engine of the first one never begins it, and what that begins too late is rolled back', async () => {
    const log: string[] = []
    const engine = loggingEngine(log)
    const begin = engine.begin as NonNullable<QueryEngine['begin']>
    const slow = Promise.withResolvers<void>()
    const { mesh, client, there } = twoNodes({ engine: { ...engine, begin: async ({ signal: _, ...options }) => {
      await slow.promise
      return await begin({ ...options, signal: new AbortController().signal })
    } } })
    mesh.add('other', { engine: loggingEngine([]) })
    const running = client.transaction(({ route }) => Promise.resolve(route))
    await until('it to be begun', () => there.gate.running === 1)
    expect(there.service.transactionCounters['open']).toBe(1)
    mesh.clock.advance(20_000)
    await until('its places to be free', () => there.gate.running === 0 && there.service.transactionCounters['open'] === 0)
    expect(await running).toMatchObject({ executedBy: { peerId: 'other' }, failedAttempts: [{ peerId: 'primary', code: 'ERR_NOT_SERVING' }] })
    slow.resolve()
    await until('the rollback', () => log.length === 2)
    expect(log).toEqual(['t1 begin write', 't1 rollback'])
  })

  it('is told at once when its engine has lost it', async () => {
    const log: string[] = []
    const engine = loggingEngine(log)
    const begin = engine.begin as NonNullable<QueryEngine['begin']>
    let lose: (error: MeshError) => void = () => undefined
    const { client, there } = twoNodes({ engine: { ...engine, begin: (options) => {
      lose = options.onLost ?? lose
      return begin(options)
    } } })
    await expect(client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      lose(new MeshError('ERR_TRANSACTION_LOST', 'the connection broke'))
      await until('the place to be free', () => there.service.transactionCounters['open'] === 0)
      expect(log.at(-1)).toBe('t1 rollback')
      await settle()
      await rowsOf(transaction, 'two')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('the connection broke') as string })
    expect(log).not.toContain('t1 two')
    expect(there.service.transactionCounters).toMatchObject({ lost: 1 })
  })

  it('that is refused for a hint says which', async () => {
    const { client } = twoNodes({}, { engine: loggingEngine([], { role: 'replica' }) })
    await expect(client.transaction((transaction) => transaction.query('one'), { route: 'local-only' })).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY', nextStep: expect.stringContaining('Leave out the hint local-only') as string })
  })

  it('keeps to its relay', async () => {
    const asked: string[] = []
    let via: string | null = 'relay'
    const { mesh, client, log, here } = twoNodes({}, { routeTo: () => (via === null ? null : { via }) })
    const relay = mesh.add('relay')
    const query = here.connections.query.bind(here.connections)
    here.connections.query = (target, asking, options) => {
      asked.push(target)
      return query(target, asking, options)
    }
    await client.transaction(async (transaction) => {
      via = null
      await rowsOf(transaction, 'one')
    })
    expect([asked, log]).toEqual([['relay', 'relay', 'relay'], ['t1 begin write', 't1 one', 't1 commit']])
    expect(relay.service.counters.relayed).toBe(3)
  })
})

describe('a step that was on its way', () => {
  it('is told why its transaction is gone, if it is its owner’s', async () => {
    const { client, here, mesh } = twoNodes({ bounds: { idleMs: 1_000 } })
    const stranger = here.client()
    let id = ''
    const query = client.connections.query.bind(client.connections)
    client.connections.query = (target, asked, options) => {
      id = asked.transaction?.id ?? id
      return query(target, asked, options)
    }
    await expect(client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      mesh.clock.advance(1_000)
      await settle()
      const late = request({ database: 'db', sql: 'late', transaction: { id, step: 'statement' } })
      await expect(query('', late)).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('had no statement for 1000 ms') as string })
      await expect(stranger.connections.query('', late)).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: 'no such transaction is open here any more' })
      return 'not committed'
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
  })
})

describe('a transaction of somebody else', () => {
  it('is as if there were none, and goes on', async () => {
    const { client, here, there, log, mesh } = twoNodes()
    const stranger = here.client()
    const peer = mesh.add('peer')
    let id = ''
    const query = client.connections.query.bind(client.connections)
    client.connections.query = (target, asked, options) => {
      id = asked.transaction?.id ?? id
      return query(target, asked, options)
    }
    const steps = ['statement', 'commit', 'rollback'] as const
    await client.transaction(async (transaction) => {
      await rowsOf(transaction, 'one')
      const stolen = (step: typeof steps[number]): QueryRequest => request({ database: 'db', sql: 'stolen', transaction: { id, step } })
      for (const step of steps) {
        await expect(stranger.connections.query('', stolen(step))).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
        await expect(peer.connections.query('primary', { ...stolen(step), visited: ['peer'] })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
      }
      await expect(stranger.connections.query('', request({ database: 'db', transaction: { id, step: 'begin' } }))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' })
      await rowsOf(transaction, 'two')
    })
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 two', 't1 commit'])
    expect(there.service.transactionCounters).toMatchObject({ open: 0, committed: 1 })
  })
})

describe('bounds', () => {
  it('roll back who sends nothing for long, and say so', async () => {
    const { client, mesh, log } = twoNodes({ bounds: { idleMs: 1_000 } })
    await expect(client.transaction(async (transaction) => {
      for (let round = 0; round < 3; round++) {
        mesh.clock.advance(900)
        await rowsOf(transaction, 'one')
      }
      mesh.clock.advance(1_000)
      await settle()
      expect(log.at(-1)).toBe('t1 rollback')
      await rowsOf(transaction, 'two')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('had no statement for 1000 ms') as string })
    expect(log).not.toContain('t1 two')
  })

  it('roll back what is open for too long, also while a statement runs', async () => {
    const { client, mesh, log, there } = twoNodes({ bounds: { idleMs: 1_000, lifetimeMs: 10_000 } })
    await expect(client.transaction(async (transaction) => {
      const hanging = transaction.query('hang', { timeoutMs: 60_000 })
      hanging.catch(() => undefined)
      await settle()
      mesh.clock.advance(10_000)
      await settle()
      expect(log.at(-1)).toBe('t1 rollback')
      await hanging
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('was open for 10000 ms') as string })
    expect(there.service.transactionCounters).toMatchObject({ lifetime: 1, open: 0 })
  })

  it('end at the client’s own limit, and at its signal', async () => {
    const { client, mesh, log } = twoNodes()
    await expect(client.transaction(async (transaction) => {
      mesh.clock.advance(5_000)
      await settle()
      await rowsOf(transaction, 'late')
    }, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT', message: 'the transaction took longer than 5000 ms and was rolled back' })
    const controller = new AbortController()
    await expect(client.transaction(async (transaction) => {
      controller.abort()
      await settle()
      await rowsOf(transaction, 'late')
    }, { signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    expect(log).toEqual(['t1 begin write', 't1 rollback', 't2 begin write', 't2 rollback'])
  })

  it('refuse one too many, which can be tried again', async () => {
    const { client, there } = twoNodes({ bounds: { openMax: 1 } })
    await client.transaction(async () => {
      await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    })
    await client.transaction(() => Promise.resolve())
    expect(there.service.transactionCounters).toMatchObject({ begun: 2, refused: 1 })
  })

  it('refuse engines that have none', async () => {
    const { begin: _, ...engine } = loggingEngine([])
    const { client } = twoNodes({ engine })
    await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_TRANSACTION_UNSUPPORTED' })
  })
})

describe('at the gate', () => {
  it('a statement does not wait behind those who wait for what its transaction has locked', async () => {
    const log: string[] = []
    const free = Promise.withResolvers<void>()
    // Others hang in the engine until the transaction is committed, as on a lock of a row.
    const engine = loggingEngine(log, { execute: async ({ sql }) => {
      await free.promise
      return createRowsResult([{ name: 'sql', type: 'text' }], [[sql]])
    } })
    const begin = engine.begin as NonNullable<QueryEngine['begin']>
    const locking: QueryEngine = { ...engine, begin: async (options) => {
      const transaction = await begin(options)
      return { ...transaction, commit: async () => {
        await transaction.commit()
        free.resolve()
      } }
    } }
    const { client, there } = twoNodes({ engine: locking, gateLimit: 2 })
    const others = there.client()
    const waiting: Array<Promise<unknown>> = []
    await client.transaction(async (transaction) => {
      for (let i = 0; i < 5; i++) waiting.push(others.connections.query('', request({ database: 'db', access: 'read', priority: 'critical' })))
      await until('all places to be taken', () => there.gate.running === 2 && there.gate.waitingTotal === 3)
      expect(await rowsOf(transaction, 'one')).toEqual([{ sql: 't1 one' }])
    })
    await Promise.all(waiting)
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 commit'])
  })

  it('statements and commits keep nobody out', async () => {
    const log: string[] = []
    const engine = loggingEngine(log)
    const committing = Promise.withResolvers<void>()
    const begin = engine.begin as NonNullable<QueryEngine['begin']>
    const { there, client } = twoNodes({ gateLimit: 2, engine: { ...engine, begin: async (options) => ({ ...await begin(options), commit: () => committing.promise }) } })
    const others = there.client()
    const controller = new AbortController()
    const open = [0, 1, 2].map(() => client.transaction(async (transaction) => { await transaction.query('hang', { signal: controller.signal }) }).catch(() => undefined))
    const committed = client.transaction((transaction) => rowsOf(transaction, 'one'))
    await until('all to run', () => there.gate.admitted === 4)
    await readAll(await others.connections.query('', request({ database: 'db', access: 'read', priority: 'low', sql: 'SELECT a' })))
    expect(there.gate.running).toBe(0)
    committing.resolve()
    controller.abort()
    await Promise.all([committed, ...open])
    await until('all to have ended', () => there.gate.admitted === 0)
  })

  it('beginning waits for its turn', async () => {
    const { client, there, log } = twoNodes({ gateLimit: 1 })
    const ticket = there.gate.tryEnter('normal')
    const running = client.transaction((transaction) => rowsOf(transaction, 'one'))
    await until('it to wait', () => there.gate.waitingTotal === 1)
    expect(log).toEqual([])
    ticket?.finish('completed', 1)
    await running
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 commit'])
  })
})

describe('who waits to begin', () => {
  it('keeps no place from others, and not for long: another copy may have one', async () => {
    const { client, mesh, there, log } = twoNodes({ gateLimit: 1, bounds: { openMax: 1 } })
    const ticket = there.gate.tryEnter('normal')
    const running = Promise.allSettled([0, 1].map(() => client.transaction((transaction) => rowsOf(transaction, 'one'))))
    await until('both to wait', () => there.gate.waitingTotal === 2)
    expect(there.service.transactionCounters).toMatchObject({ open: 0, refused: 0 })
    const other: string[] = []
    mesh.add('other', { engine: loggingEngine(other) })
    const third = client.transaction(({ route }) => Promise.resolve(route))
    await until('all to wait', () => there.gate.waitingTotal === 3)
    mesh.clock.advance(20_000)
    expect(await third).toMatchObject({ executedBy: { peerId: 'other' }, failedAttempts: [{ peerId: 'primary', code: 'ERR_OVERLOADED', message: 'no place became free for 20000 ms' }] })
    for (const failed of await running) expect(failed).toMatchObject({ reason: { code: 'ERR_OVERLOADED' } })
    ticket?.finish('completed', 1)
    await client.transaction((transaction) => rowsOf(transaction, 'two'))
    expect([log, other]).toEqual([['t1 begin write', 't1 two', 't1 commit'], ['t1 begin write', 't1 commit']])
  })

  it('is refused at once where all transactions are taken', async () => {
    const { client, there } = twoNodes({ gateLimit: 1, bounds: { openMax: 1 } })
    await client.transaction(async () => {
      const ticket = there.gate.tryEnter('normal')
      await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
      expect(there.gate.waitingTotal).toBe(0)
      ticket?.finish('completed', 1)
    })
  })
})

describe('a node that drains', () => {
  it('takes no new ones, lets those that are open end, and then rolls back', async () => {
    const { client, log, there } = twoNodes()
    let draining: Promise<void> = Promise.resolve()
    await client.transaction(async (transaction) => {
      draining = there.drain(10_000)
      expect(await rowsOf(transaction, 'one')).toEqual([{ sql: 't1 one' }])
      await expect(there.client().transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_DRAINING' })
    })
    await draining
    expect(log).toEqual(['t1 begin write', 't1 one', 't1 commit'])

    const again = twoNodes()
    await expect(again.client.transaction(async (transaction) => {
      draining = again.there.drain(10_000)
      await settle()
      again.mesh.clock.advance(10_000)
      await draining
      await settle()
      expect(again.log.at(-1)).toBe('t1 rollback')
      await rowsOf(transaction, 'two')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('shutting down') as string })
  })
})

describe('kept results', () => {
  it('are not for statements of a transaction, and end with its commit', async () => {
    const log: string[] = []
    const { here, there } = twoNodes({ engine: loggingEngine(log), cacheBytes: 1 << 20 })
    expect(here.name).toBe('entry')
    const client = there.client()
    const read = async (): Promise<void> => { await readAll(await client.connections.query('', request({ database: 'db', sql: 'SELECT a' }))) }
    await read()
    await read()
    expect(log).toEqual(['SELECT a'])
    await client.transaction(async (transaction) => {
      await rowsOf(transaction, 'SELECT a')
      await read()
    })
    expect(log).toEqual(['SELECT a', 't1 begin write', 't1 SELECT a', 't1 commit'])
    await read()
    expect(log.at(-1)).toBe('SELECT a')
  })
})

/** The driver of syncs between real machines, real codecs and signatures, and a mesh in memory. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Membership } from '../../../src/core/membership/membership.ts'
import type { Update } from '../../../src/core/membership/types.ts'
import { SYNC_INTERVAL_MS } from '../../../src/core/membership/push-pull.ts'
import { parseMembershipOptions } from '../../../src/core/membership/options.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { SECOND_SYNC_MS, SYNC_PROTOCOL, SYNC_TIMEOUT_MS, SyncDriver, SYNCS_AT_ONCE_MAX, SYNCS_WAITING_MAX } from '../../../src/node/sync-driver.ts'
import type { Log } from '../../../src/ports/log.ts'
import { createRecordVerifier, type RecordSigner } from '../../../src/wire/membership-signatures.ts'
import { encodeSyncAnswer } from '../../../src/wire/sync-codec.ts'
import { createTestRecord, createTestSigner } from '../../support/member-records.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }
type Handler = (from: string, bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

let clock: VirtualClock
let signers: RecordSigner[]
let nodes: Node[]
beforeEach(async () => {
  clock = new VirtualClock()
  nodes = []
  signers = await Promise.all([1, 2, 3, 4, 5, 6].map(createTestSigner))
})

class Node {
  readonly peerId: string
  readonly membership: Membership
  readonly driver: SyncDriver
  /** Of each question asked: whom, and after how long it would have been given up. */
  readonly asked: Array<{ readonly peerId: string; readonly timeoutMs: number }> = []
  denied = new Set<string>()
  handle: Handler = () => { throw new Error('it does not answer yet') }
  /** In place of the mesh's way. */
  request: ((peerId: string, bytes: Uint8Array) => Promise<Uint8Array>) | null = null

  constructor(index: number) {
    const signer = signers[index] as RecordSigner
    this.peerId = signer.peerId
    this.membership = new Membership({
      record: createTestRecord(signer.peerId, { name: `node${index}`, incarnation: 100 + index }), options: parseMembershipOptions(), random: createRandom(index), packetBudgetBytes: 1300,
      signRecord: (record) => signer.signRecord(record), signLeave: (_peerId, incarnation) => signer.signLeave(incarnation),
    })
    this.driver = new SyncDriver({
      membership: this.membership, clock, random: createRandom(index + 1), log, verifier: createRecordVerifier(), isAllowed: (peerId) => !this.denied.has(peerId), perform: () => undefined,
      mesh: {
        request: async (peerId, protocol, bytes, { timeoutMs }) => {
          expect(protocol).toBe(SYNC_PROTOCOL)
          this.asked.push({ peerId, timeoutMs })
          if (this.request !== null) return this.request(peerId, bytes)
          const peer = nodes.find((node) => node.peerId === peerId)
          if (peer === undefined) throw new Error('unreachable')
          return peer.handle(this.peerId, bytes)
        },
        onRequest: (_protocol, _bytesMax, handler) => { this.handle = handler; return Promise.resolve() },
      },
    })
  }

  states(): string[] {
    return this.membership.members().map(({ signed, state }) => `${signed.record.name} ${state}`).sort()
  }
}

async function start(index: number): Promise<Node> {
  const node = new Node(index)
  nodes.push(node)
  await node.driver.start()
  node.membership.start(clock.nowMs())
  return node
}

/** All know each other. */
async function mesh(count: number): Promise<Node[]> {
  const [first, ...others] = await Promise.all(Array.from({ length: count }, (_, index) => start(index))) as [Node, ...Node[]]
  for (const round of [1, 2]) for (const node of others) expect([round, await node.driver.sync(first.peerId)]).toEqual([round, true])
  for (const node of [first, ...others]) node.membership.becomeAlive(clock.nowMs())
  return [first, ...others]
}

function refusedBy(declarer: Node, subject: Node): Update {
  const { peerId } = declarer
  return { kind: 'failed', peerId: subject.peerId, incarnation: subject.membership.self.record.incarnation, from: peerId, evidence: 'refused', suspectedBy: peerId, confirmedBy: [], probeMs: 0, suspicionMs: 0 }
}

describe('an exchange', () => {
  it('introduces a newcomer and brings it the whole table with one question', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    const c = await start(2)
    expect(await c.driver.sync(a.peerId)).toBe(true)
    expect([c.asked.length, c.states(), a.states()]).toEqual([1, ['node0 alive', 'node1 alive'], ['node1 alive', 'node2 alive']])
    expect(await b.driver.sync(a.peerId)).toBe(true)
    expect(b.states()).toEqual(['node0 alive', 'node2 alive'])
  })

  it('of equal tables takes one question of a few bytes and is counted as such', async () => {
    const [a, b] = await mesh(4) as [Node, Node]
    const before = { ...b.driver.counters }
    expect(await b.driver.sync(a.peerId)).toBe(true)
    const { syncs, syncsEqual, syncBytesSent, syncBytesReceived, syncLinesSent } = b.driver.counters
    expect([syncs - before.syncs, syncsEqual - before.syncsEqual, syncLinesSent - before.syncLinesSent]).toEqual([1, 1, 0])
    expect(syncBytesSent + syncBytesReceived - before.syncBytesSent - before.syncBytesReceived).toBeLessThan(30)
  })

  it('brings both what the other has missed, a removal among it', async () => {
    const [a, b, c, d] = await mesh(4) as [Node, Node, Node, Node]
    for (const from of [b, c]) a.membership.handleUpdates(clock.nowMs(), { from: from.peerId, updates: [refusedBy(b, d)] })
    c.membership.leave(clock.nowMs())
    await c.driver.sync(a.peerId)
    b.membership.removeMember(clock.nowMs(), d.peerId)
    expect([a.states(), b.states()]).toEqual([['node1 alive', 'node2 left', 'node3 failed'], ['node0 alive', 'node2 alive', 'node3 left']])
    expect(await a.driver.sync(b.peerId)).toBe(true)
    expect([a.states(), b.states()]).toEqual([['node1 alive', 'node2 left', 'node3 left'], ['node0 alive', 'node2 left', 'node3 left']])
    expect(a.membership.member(d.peerId)?.removedBy).not.toBeNull()
    expect(a.membership.tableDigest).toEqual(b.membership.tableDigest)
  })

  it('is shared while it is under way', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    const before = b.driver.counters.syncs
    expect(await Promise.all([b.driver.sync(a.peerId), b.driver.sync(a.peerId)])).toEqual([true, true])
    expect(b.driver.counters.syncs).toBe(before + 1)
  })

  it('says nothing against a peer that this node refuses', async () => {
    const [a, b, c, d] = await mesh(4) as [Node, Node, Node, Node]
    a.denied.add(c.peerId)
    for (const from of [b, d]) a.membership.handleUpdates(clock.nowMs(), { from: from.peerId, updates: [refusedBy(b, c)] })
    expect(a.states()).toContain('node2 failed')
    expect([await a.driver.sync(b.peerId), await b.driver.sync(a.peerId)]).toEqual([true, true])
    expect(b.states()).toContain('node2 alive')
  })

  it('has one deadline for all its questions', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    a.membership.updateSelf(clock.nowMs(), { rack: 'r9' })
    b.asked.length = 0
    b.request = async (_peerId, bytes) => {
      clock.advance(1000)
      return await a.handle(b.peerId, bytes)
    }
    expect(await b.driver.sync(a.peerId)).toBe(true)
    expect(b.asked.map(({ timeoutMs }) => timeoutMs)).toEqual([SYNC_TIMEOUT_MS, SYNC_TIMEOUT_MS - 1000])
  })
})

describe('what goes wrong', () => {
  it('a peer that does not answer is a counted failure, not an error', async () => {
    const a = await start(0)
    expect(await a.driver.sync('nobody')).toBe(false)
    expect(a.driver.counters).toMatchObject({ syncs: 0, syncFailures: 1, syncsMalformed: 0 })
  })

  it('so is an answer that is none', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    b.request = () => Promise.resolve(Uint8Array.from([1, 2, 3, 255]))
    expect(await b.driver.sync(a.peerId)).toBe(false)
    expect(b.driver.counters).toMatchObject({ syncFailures: 1, syncsMalformed: 1 })
  })

  it('a question that is none is refused and counted', async () => {
    const a = await start(0)
    expect(() => a.handle('stranger', Uint8Array.from([1, 2, 3, 255]))).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error)
    expect(a.driver.counters).toMatchObject({ syncsMalformed: 1, syncQuestionsAnswered: 0 })
  })

  it('answers that never agree come to an end', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    b.asked.length = 0
    const wanted = b.membership.syncNext(clock.nowMs(), { kind: 'compare', salt: 1, digest: b.membership.tableDigest }, { kind: 'buckets', prints: new Uint16Array(1) })
    expect(wanted?.kind).toBe('delta')
    b.request = () => Promise.resolve(encodeSyncAnswer({ kind: 'buckets', prints: new Uint16Array(1) }))
    expect(await b.driver.sync(a.peerId)).toBe(true)
    expect(b.asked.length).toBe(2)
  })

  it('more exchanges than may run wait, and more than may wait are given up', async () => {
    const a = await start(0)
    const answers: Array<() => void> = []
    a.request = () => new Promise((resolve) => { answers.push(() => { resolve(encodeSyncAnswer({ kind: 'nothing' })) }) })
    const results = Array.from({ length: SYNCS_AT_ONCE_MAX + SYNCS_WAITING_MAX + 3 }, (_, index) => a.driver.sync(`peer-${index}`))
    await settle(5)
    expect([a.asked.length, a.driver.counters.syncsRefused]).toEqual([SYNCS_AT_ONCE_MAX, 3])
    while (answers.length > 0) {
      answers.shift()?.()
      await settle(2)
      expect(answers.length).toBeLessThanOrEqual(SYNCS_AT_ONCE_MAX)
    }
    const ended = await Promise.all(results)
    expect(ended.filter(Boolean).length).toBe(SYNCS_AT_ONCE_MAX + SYNCS_WAITING_MAX)
    // All places are free again.
    a.request = () => Promise.resolve(encodeSyncAnswer({ kind: 'nothing' }))
    expect(await Promise.all(Array.from({ length: SYNCS_AT_ONCE_MAX }, (_, index) => a.driver.sync(`again-${index}`)))).not.toContain(false)
  })
})

describe('in the course of time', () => {
  /** When questions were asked, while the clock ran. */
  async function run(node: Node, ms: number): Promise<number[]> {
    const times: number[] = []
    for (let step = 0; step < ms / 50; step++) {
      const before = node.asked.length
      clock.advance(50)
      if (node.asked.length > before) times.push(clock.nowMs())
      await settle(1)
    }
    return times
  }

  it('a random living member is asked soon after joining, and then at intervals', async () => {
    const [a] = await mesh(4) as [Node]
    a.asked.length = 0
    const startMs = clock.nowMs()
    a.driver.startAsking()
    const times = await run(a, 60_000)
    expect((times[0] ?? 0) - startMs).toBeGreaterThanOrEqual(0.75 * SECOND_SYNC_MS)
    expect((times[0] ?? 0) - startMs).toBeLessThanOrEqual(1.25 * SECOND_SYNC_MS + 50)
    for (const [index, atMs] of times.slice(1).entries()) {
      expect(atMs - (times[index] ?? 0)).toBeGreaterThanOrEqual(0.75 * SYNC_INTERVAL_MS - 50)
      expect(atMs - (times[index] ?? 0)).toBeLessThanOrEqual(1.25 * SYNC_INTERVAL_MS + 50)
    }
    expect(times.length).toBeGreaterThan(9)
    expect(new Set(a.asked.map(({ peerId }) => peerId)).size).toBe(3)
  })

  it('what did not fit is asked for soon', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    a.driver.startAsking()
    await run(a, 3000)
    a.request = (_peerId, bytes) => Promise.resolve(bytes[1] === 1
      ? encodeSyncAnswer({ kind: 'buckets', prints: new Uint16Array(1) })
      : encodeSyncAnswer({ kind: 'entries', entries: [], wanted: [], isPartial: true }))
    await a.driver.sync(b.peerId)
    const startMs = clock.nowMs()
    const [nextMs] = await run(a, 3000)
    expect((nextMs ?? Infinity) - startMs).toBeLessThanOrEqual(1.25 * SECOND_SYNC_MS + 50)
  })

  it('a node that stopped amid an exchange neither goes on with it nor learns from it', async () => {
    const [a, b] = await mesh(2) as [Node, Node]
    const c = await start(2)
    await c.driver.sync(a.peerId)
    b.asked.length = 0
    b.request = async (_peerId, bytes) => {
      b.driver.stop()
      return await a.handle(b.peerId, bytes)
    }
    await b.driver.sync(a.peerId)
    expect([b.asked.length, b.states()]).toEqual([1, ['node0 alive']])
  })

  it('a node that stopped asks no more', async () => {
    const [a] = await mesh(3) as [Node]
    a.driver.startAsking()
    a.driver.stop()
    a.asked.length = 0
    expect(await run(a, 20_000)).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

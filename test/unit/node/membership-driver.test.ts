/** The driver between the real machine, the real codecs and signatures, and a mesh in memory. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Membership } from '../../../src/core/membership/membership.ts'
import { parseMembershipOptions } from '../../../src/core/membership/options.ts'
import type { MemberEvent, MemberRecord, Update } from '../../../src/core/membership/types.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { MembershipDriver, type MembershipDriverParts } from '../../../src/node/membership-driver.ts'
import type { Log } from '../../../src/ports/log.ts'
import { encodeAnnouncement } from '../../../src/wire/membership-codec.ts'
import { createRecordVerifier, type RecordSigner } from '../../../src/wire/membership-signatures.ts'
import { claimUpdate, createTestRecord, createTestSigner } from '../../support/member-records.ts'
import { MemoryDatagramNetwork } from '../../support/memory-datagrams.ts'
import { settle, until, VirtualClock } from '../../support/query-plane.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

class Node {
  readonly events: MemberEvent[] = []
  readonly published: Uint8Array[] = []
  readonly wanted: string[][] = []
  readonly driver: MembershipDriver
  readonly membership: Membership
  readonly record: MemberRecord
  port: 'open' | 'refused' | 'silent' | null = 'open'
  handleSyncRequest: (from: string, bytes: Uint8Array) => Uint8Array | Promise<Uint8Array> = () => new Uint8Array()
  handleConnection: Parameters<MembershipDriverParts['mesh']['onConnection']>[0] = () => undefined

  constructor(world: World, signer: RecordSigner, name: string) {
    const datagrams = world.datagrams.open({ peerId: signer.peerId })
    const { host, port, publicKey, epoch } = datagrams.local
    this.record = createTestRecord(signer.peerId, { name, udpHost: host, udpPort: port, datagramPublicKey: publicKey, datagramEpoch: epoch, incarnation: 100 })
    this.membership = new Membership({
      record: this.record, options: parseMembershipOptions(), random: createRandom(port), packetBudgetBytes: datagrams.payloadBytesMax,
      signRecord: (record) => signer.signRecord(record), signLeave: (_peerId, incarnation) => signer.signLeave(incarnation),
    })
    this.driver = new MembershipDriver({
      membership: this.membership, datagrams, clock: world.clock, random: createRandom(port), log, verifier: createRecordVerifier(),
      mesh: {
        setMembers: (members) => { this.wanted.push(members.map(({ peerId }) => peerId)) },
        publish: (_topic, bytes) => { this.published.push(bytes); return Promise.resolve() },
        request: async (peerId, _protocol, bytes) => {
          const peer = world.nodes.find(({ record }) => record.peerId === peerId)
          if (peer === undefined) throw new Error('unreachable')
          return await peer.handleSyncRequest(this.record.peerId, bytes)
        },
        onRequest: (_protocol, _bytesMax, handler) => { this.handleSyncRequest = handler; return Promise.resolve() },
        onConnection: (handler) => { this.handleConnection = handler },
        connectedPeers: () => [],
        ping: () => Promise.reject(new Error('no connection')),
      },
      isAllowed: () => true,
      probePort: () => Promise.resolve(this.port),
      onEvent: (event) => { this.events.push(event) }, onForgotten: () => undefined, onRtt: () => undefined, onLost: () => undefined, onLoad: () => undefined,
    })
  }

  states(): string[] {
    return this.membership.members().map(({ signed, state }) => `${signed.record.name} ${state}`).sort()
  }
}

interface World {
  readonly clock: VirtualClock
  readonly datagrams: MemoryDatagramNetwork
  readonly nodes: Node[]
}

let world: World
let signers: RecordSigner[]
beforeEach(async () => {
  signers = await Promise.all([1, 2, 3].map((seed) => createTestSigner(seed)))
  world = { clock: new VirtualClock(), datagrams: new MemoryDatagramNetwork(), nodes: [] }
  // Wall time zero would make every announcement as old as the epoch.
  world.clock.advance(1_000_000)
})

async function startNode(index: number, name: string): Promise<Node> {
  const node = new Node(world, signers[index] as RecordSigner, name)
  world.nodes.push(node)
  await node.driver.start()
  return node
}

async function pair(): Promise<[Node, Node]> {
  const a = await startNode(0, 'a')
  const b = await startNode(1, 'b')
  expect(await b.driver.sync(a.record.peerId)).toBe(true)
  a.driver.becomeAlive()
  b.driver.becomeAlive()
  return [a, b]
}

/** Virtual seconds, with the microtasks of each. */
async function run(seconds: number): Promise<void> {
  for (let i = 0; i < seconds * 20; i++) {
    world.clock.advance(50)
    await settle(1)
  }
}

describe('joining', () => {
  it('by push-pull: both sides know each other, can seal for each other, and keep connected', async () => {
    const [a, b] = await pair()
    expect([a.states(), b.states()]).toEqual([['b alive'], ['a alive']])
    expect(a.wanted.at(-1)).toEqual([b.record.peerId])
    await run(5)
    expect([a.states(), b.states()]).toEqual([['b alive'], ['a alive']])
    expect(a.membership.counters.acksReceived).toBeGreaterThan(0)
  })

  it('shares a sync that is under way', async () => {
    const a = await startNode(0, 'a')
    const b = await startNode(1, 'b')
    expect(await Promise.all([b.driver.sync(a.record.peerId), b.driver.sync(a.record.peerId)])).toEqual([true, true])
    expect(b.driver.counters.syncs).toBe(1)
  })

  it('through a peer that does not answer is a counted failure, not an error', async () => {
    const a = await startNode(0, 'a')
    expect(await a.driver.sync('nobody')).toBe(false)
    expect(a.driver.counters.syncFailures).toBe(1)
  })
})

describe('a member that vanishes', () => {
  it('is probed at once when its connection closes without a goodbye, then suspected and failed', async () => {
    const [a, b] = await pair()
    await run(3)
    b.driver.stop()
    world.nodes.splice(world.nodes.indexOf(b), 1)
    world.datagrams.remove(b.record.udpPort)
    a.handleConnection({ peerId: b.record.peerId, kind: 'closed', clean: false })
    await run(15)
    expect(a.events.map(({ type }) => type)).toEqual(['member-joined', 'member-suspected', 'member-failed'])
    expect(a.events[1]?.reason).toContain('closed without a goodbye')
  })

  it.each(['closed', 'refused'] as const)('whose port refuses connections is failed at once, when its connection or a dial was %s', async (kind) => {
    const [a, b] = await pair()
    await run(3)
    b.driver.stop()
    world.nodes.splice(world.nodes.indexOf(b), 1)
    world.datagrams.remove(b.record.udpPort)
    a.port = 'refused'
    a.handleConnection({ peerId: b.record.peerId, kind, clean: false })
    await run(1)
    expect(a.events.map(({ type, evidence }) => [type, evidence])).toEqual([['member-joined', null], ['member-suspected', 'refused'], ['member-failed', 'refused']])
  })

  it('after saying farewell has left, and is not suspected', async () => {
    const [a, b] = await pair()
    await run(2)
    b.driver.leave()
    await until('the leave to arrive', () => { world.clock.advance(50); return a.states().includes('b left') })
    expect(a.events.map(({ type }) => type)).toEqual(['member-joined', 'member-left'])
    expect(a.wanted.at(-1)).toEqual([])
  })
})

describe('an announcement', () => {
  const record = (index: number, fields: Partial<MemberRecord> = {}): Update => {
    const signer = signers[index] as RecordSigner
    return { kind: 'record', signed: signer.signRecord(createTestRecord(signer.peerId, { name: 'c', ...fields })) }
  }
  const announce = (updates: readonly Update[], atWallMs = world.clock.wallMs()): Uint8Array => encodeAnnouncement({ updates, atWallMs })
  const peerIdOf = (index: number): string => (signers[index] as RecordSigner).peerId

  it('of a newcomer, signed by itself, is believed and passed on', async () => {
    const [a] = await pair()
    expect(a.driver.handleAnnouncement(peerIdOf(2), announce([record(2)]))).toBe('accept')
    expect(a.states()).toContain('c alive')
  })

  it('of a stranger about others is ignored', async () => {
    const [a, b] = await pair()
    const lie = announce([claimUpdate('failed', b.record.peerId, b.record.incarnation, peerIdOf(2))])
    expect(a.driver.handleAnnouncement(peerIdOf(2), lie)).toBe('ignore')
    expect(a.states()).toEqual(['b alive'])
    expect(a.driver.counters.announcementsFromStrangers).toBe(1)
  })

  it('that is old or far ahead is ignored', async () => {
    const [a, b] = await pair()
    for (const atWallMs of [world.clock.wallMs() - 121_000, world.clock.wallMs() + 121_000]) {
      expect(a.driver.handleAnnouncement(b.record.peerId, announce([record(2)], atWallMs))).toBe('ignore')
    }
    expect(a.driver.counters.announcementsStale).toBe(2)
    expect(a.states()).toEqual(['b alive'])
  })

  it('that does not decode is rejected', async () => {
    const [a, b] = await pair()
    expect(a.driver.handleAnnouncement(b.record.peerId, new Uint8Array([1, 2, 3, 255]))).toBe('reject')
    expect(a.driver.counters.announcementsMalformed).toBe(1)
  })

  it('with a record whose signature is broken changes nothing and goes no further', async () => {
    const [a, b] = await pair()
    const forged = record(2) as Extract<Update, { kind: 'record' }>
    const envelope = Uint8Array.from(forged.signed.envelope)
    envelope[envelope.length - 1] = (envelope.at(-1) ?? 0) ^ 1
    expect(a.driver.handleAnnouncement(b.record.peerId, announce([{ kind: 'record', signed: { ...forged.signed, envelope } }]))).toBe('ignore')
    expect(a.states()).toEqual(['b alive'])
    expect(a.driver.counters.updatesUnverified).toBe(1)
  })

  it('cannot raise another member’s incarnation', async () => {
    const [a, b] = await pair()
    const c = record(2)
    a.driver.handleAnnouncement(peerIdOf(2), announce([c]))
    a.driver.handleAnnouncement(peerIdOf(2), announce([claimUpdate('failed', b.record.peerId, b.record.incarnation + 50, peerIdOf(2))]))
    expect(a.states()).toContain('b alive')
    expect(a.membership.member(b.record.peerId)?.signed.record.incarnation).toBe(b.record.incarnation)
  })
})

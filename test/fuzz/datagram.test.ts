/**
 * Whatever bytes arrive, the opener and the decoders answer; they never throw and never believe. `FUZZ_RUNS` makes it longer,
 * `FUZZ_SEED` replays a seed that a failure has printed.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { createLocalKeys, type LocalKeys } from '../../src/adapters/udp/key-agreement.ts'
import { Sealing } from '../../src/adapters/udp/sealing.ts'
import type { SyncEntry, Update } from '../../src/core/membership/types.ts'
import { createRandom, type Random, randomInteger } from '../../src/core/time/random.ts'
import { decodeAnnouncement, decodePacket, decodeSync, encodeAnnouncement, encodePacket, encodeSync, syncBytesMax } from '../../src/wire/membership-codec.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../../src/wire/membership-load.ts'
import { decodeLeave, decodeRecord, encodeRecord } from '../../src/wire/membership-record.ts'
import { createRecordVerifier } from '../../src/wire/membership-signatures.ts'
import { createTestRecord, createTestSigner } from '../support/member-records.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 3000)
const firstSeed = Number(process.env.FUZZ_SEED ?? 1)

const verifier = createRecordVerifier()
const opener: { sealing: Sealing; genuine: Buffer[] } = { sealing: null as never, genuine: [] }
let originals: Uint8Array[] = []
let updates: Update[] = []

const decoders: Array<[string, (bytes: Uint8Array) => { readonly ok: boolean }]> = [
  ['decodePacket', (bytes) => decodePacket(bytes, verifier)],
  ['decodeAnnouncement', (bytes) => decodeAnnouncement(bytes, verifier)],
  ['decodeSync', (bytes) => decodeSync(bytes, verifier)],
  ['decodeLoadSnapshot', decodeLoadSnapshot],
  ['decodeRecord', decodeRecord],
  ['decodeLeave', decodeLeave],
]

beforeAll(async () => {
  const [one, two] = await Promise.all([createTestSigner(1), createTestSigner(2)])
  const signed = one.signRecord(createTestRecord(one.peerId))
  const leave = two.signLeave(4711)
  updates = [{ kind: 'record', signed }, { kind: 'suspect', peerId: two.peerId, incarnation: 9, from: one.peerId }, { kind: 'left', leave }]
  const entries: SyncEntry[] = [{ signed, state: 'alive', leave: null }, { signed: two.signRecord(createTestRecord(two.peerId)), state: 'left', leave }]
  const load = { cpuPercent: 50, memoryPercent: 10, inFlight: 3, overloaded: false, drill: false, sequence: 8 }
  originals = [
    encodePacket({ probe: { kind: 'ping-request', sequence: 300, target: two.peerId }, updates, load }),
    encodePacket({ probe: { kind: 'ping', sequence: 1 }, updates: [], load: null }),
    encodeAnnouncement({ updates, atWallMs: 1_800_000_000_000 }),
    encodeSync(entries),
    encodeLoadSnapshot({
      ...load, peerId: one.peerId, atWallMs: 1_800_000_000_000, memoryBytes: 1e9, processCpuPercent: 1, eventLoopDelayMs: 0.5, readyDatabases: ['a', 'b'],
    }),
    encodeRecord(createTestRecord(one.peerId)),
    leave.envelope,
  ]
  const [here, there] = [createLocalKeys({ peerId: one.peerId, epoch: 1 }), createLocalKeys({ peerId: two.peerId, epoch: 2 })]
  const clusterKeys = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)]
  const sender = new Sealing(here, { clusterKeys })
  opener.sealing = new Sealing(there, { clusterKeys })
  sender.setPeer(describeStart(there))
  opener.sealing.setPeer(describeStart(here))
  opener.genuine = [0, 1, 200, 1351].map((length) => sender.seal(two.peerId, Buffer.alloc(length)) ?? Buffer.alloc(0))
})

function describeStart({ peerId, publicKey, epoch }: LocalKeys): { peerId: string; publicKey: Uint8Array; epoch: number; host: string; port: number } {
  return { peerId, publicKey, epoch, host: '127.0.0.1', port: 7400 }
}

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => randomInteger(random, 256))
}

/** Noise, or something genuine that was flipped, cut, stretched, overwritten or joined with another. */
function mutate(random: Random, genuine: readonly Uint8Array[]): Uint8Array {
  const pick = (): Uint8Array => genuine[randomInteger(random, genuine.length)] as Uint8Array
  const bytes = new Uint8Array(pick())
  const at = randomInteger(random, bytes.length + 1)
  switch (randomInteger(random, 6)) {
    case 0:
      return randomBytes(random, randomInteger(random, 1500))
    case 1: {
      for (let flips = 1 + randomInteger(random, 8); flips > 0; flips--) {
        const index = randomInteger(random, bytes.length)
        bytes[index] = (bytes[index] as number) ^ (1 << randomInteger(random, 8))
      }
      return bytes
    }
    case 2:
      return bytes.slice(0, at)
    case 3:
      return new Uint8Array([...bytes, ...randomBytes(random, 1 + randomInteger(random, 40))])
    case 4: {
      bytes.set(randomBytes(random, Math.min(bytes.length - at, randomInteger(random, 12))), at)
      return bytes
    }
    default: {
      const other = pick()
      return new Uint8Array([...bytes.slice(0, at), ...other.slice(randomInteger(random, other.length + 1))])
    }
  }
}

/** Runs the check once a seed, and says which seed failed with which bytes. */
function fuzz(makeBytes: (random: Random) => Uint8Array, check: (bytes: Uint8Array) => void): void {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const bytes = makeBytes(createRandom(seed))
    try {
      check(bytes)
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_RUNS=1 fails with ${Buffer.from(bytes).toString('hex')}`, { cause: error })
    }
  }
}

describe('the opener of datagrams', () => {
  it('opens nothing but what was sealed', () => {
    const known = (): Set<string> => new Set(opener.genuine.map((datagram) => datagram.toString('hex')))
    fuzz((random) => mutate(random, opener.genuine), (bytes) => {
      const datagram = Buffer.from(bytes)
      // The mutation may have changed nothing at all.
      if (known().has(datagram.toString('hex'))) return
      expect(opener.sealing.open(datagram).ok).toBe(false)
    })
    for (const datagram of opener.genuine) expect(opener.sealing.open(datagram).ok).toBe(true)
  })
})

describe('the decoders', () => {
  it('answer each with a value or a reason', () => {
    const accepted = new Map<string, number>()
    fuzz((random) => mutate(random, originals), (bytes) => {
      for (const [name, decode] of decoders) {
        const decoded = decode(bytes)
        if (decoded.ok) accepted.set(name, (accepted.get(name) ?? 0) + 1)
        else expect(decoded).toMatchObject({ reason: expect.any(String) as string })
      }
    })
    // Were everything refused, the test would show nothing of what lies behind the first check.
    if (runs >= 1000) expect([...accepted.keys()]).toEqual(expect.arrayContaining(['decodePacket', 'decodeAnnouncement', 'decodeSync']))
  })

  it('believe no record and no farewell that was not signed', () => {
    const signed = new Set(updates.flatMap((update) => (
      update.kind === 'record' ? [hexOf(update.signed.envelope)] : update.kind === 'left' ? [hexOf(update.leave.envelope)] : []
    )))
    fuzz((random) => mutate(random, originals.slice(0, 3)), (bytes) => {
      const decoded = decodePacket(bytes, verifier)
      if (!decoded.ok) return
      for (const update of decoded.value.updates) {
        if (update.kind === 'record') expect(signed).toContain(hexOf(update.signed.envelope))
        if (update.kind === 'left') expect(signed).toContain(hexOf(update.leave.envelope))
      }
    })
  })

  it.each<[string, () => Uint8Array]>([
    ['groups within groups', () => new Uint8Array(syncBytesMax).fill(0x0b)],
    ['groups that never end', () => new Uint8Array(syncBytesMax).fill(0x7b)],
    ['endless varints', () => new Uint8Array(syncBytesMax).fill(0xff)],
    ['empty entries', () => Uint8Array.from({ length: syncBytesMax }, (_, index) => (index % 2 === 0 ? 0x0a : 0))],
    ['a length beyond the end', () => Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3])],
    ['a field of number 0', () => new Uint8Array(100)],
  ])('come to an end with %s', (_what, make) => {
    const bytes = make()
    for (const length of [1400, 16 << 10, 64 << 10, syncBytesMax]) {
      for (const [, decode] of decoders) expect(() => decode(bytes.subarray(0, length))).not.toThrow()
    }
  })
})

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

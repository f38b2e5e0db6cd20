import { beforeAll, describe, expect, it } from 'vitest'
import type { MemberRecord } from '../../../src/core/membership/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import { decodeRecord, encodeRecord, toWire } from '../../../src/wire/membership-record.ts'
import { createRecordVerifier, type RecordSigner } from '../../../src/wire/membership-signatures.ts'
import { createTestRecord, createTestSigner } from '../../support/member-records.ts'

let one: RecordSigner
let other: RecordSigner

beforeAll(async () => {
  one = await createTestSigner(1)
  other = await createTestSigner(2)
})

describe('records', () => {
  it('come back as they were, at their bounds too', () => {
    const records = [
      createTestRecord(one.peerId),
      createTestRecord(one.peerId, {
        name: `${'n'.repeat(59)}.-_9`, incarnation: Number.MAX_SAFE_INTEGER, datagramEpoch: 2 ** 48 - 1, capacity: 0.25, udpHost: '2001:db8::1', udpPort: 65_535,
        tcpMultiaddrs: Array.from({ length: 8 }, () => `/dns4/${'a'.repeat(240)}/tcp/1`), datacenter: '', rack: '', databases: [],
      }),
      createTestRecord(one.peerId, {
        incarnation: 0, tcpMultiaddrs: [], softwareVersion: '1.2.3-rc.1+5_x', datacenter: 'EU-west.1', rack: '7_b',
        databases: Array.from({ length: 64 }, (_, index) => ({ name: `_db-${index}_X`, role: index % 2 === 0 ? 'primary' : 'replica', engine: 'own-engine2' })),
      }),
    ]
    for (const record of records) expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, value: record })
  })

  const faults: Array<[string, Partial<MemberRecord>]> = [
    ['an empty name', { name: '' }],
    ['a name of 64 characters', { name: 'x'.repeat(64) }],
    ...[...' !"#$%&\'()*+,/:;<=>?@[\\]^`{|}~é日'].map((character): [string, Partial<MemberRecord>] => [`${character} in the name`, { name: `a${character}b` }]),
    ...[...'-._=+@'].map((character): [string, Partial<MemberRecord>] => [`${character} before the name`, { name: `${character}a` }]),
    ['a command in the datacenter', { datacenter: '$(id)' }],
    ['a command in the rack', { rack: '`id`' }],
    ['a tag in the software version', { softwareVersion: '1.0<b>' }],
    ['no software version', { softwareVersion: '' }],
    ['a formula for a database', { databases: [{ name: '=cmd', role: 'replica', engine: 'duckdb' }] }],
    ['a dot in a database', { databases: [{ name: 'a.b', role: 'replica', engine: 'duckdb' }] }],
    ['a database of 64 characters', { databases: [{ name: 'x'.repeat(64), role: 'replica', engine: 'duckdb' }] }],
    ['capitals in an engine', { databases: [{ name: 'a', role: 'replica', engine: 'DuckDB' }] }],
    ['a command for an engine', { databases: [{ name: 'a', role: 'replica', engine: 'x;id' }] }],
    ['an escape sequence in the name', { name: 'a\u001b[31m' }],
    ['a direction override in the name', { name: 'a\u202eb' }],
    ['a line separator in the name', { name: 'a\u2028b' }],
    ['half a surrogate pair in the name', { name: 'a\ud800' }],
    ['a space at the end of the name', { name: 'a ' }],
    ['nine multiaddrs', { tcpMultiaddrs: Array.from({ length: 9 }, () => '/ip4/127.0.0.1/tcp/1') }],
    ['a multiaddr that is none', { tcpMultiaddrs: ['127.0.0.1:7400'] }],
    ['a multiaddr with an empty part', { tcpMultiaddrs: ['/ip4//tcp/1'] }],
    ['a multiaddr of 257 characters', { tcpMultiaddrs: [`/${'a'.repeat(256)}`] }],
    ['a host name for UDP', { udpHost: 'localhost' }],
    ['every address for UDP', { udpHost: '0.0.0.0' }],
    ['UDP port 0', { udpPort: 0 }],
    ['UDP port 65536', { udpPort: 65_536 }],
    ['a datagram key of 31 bytes', { datagramPublicKey: new Uint8Array(31) }],
    ['an epoch of 49 bits', { datagramEpoch: 2 ** 48 }],
    ['capacity 0', { capacity: 0 }],
    ['capacity without end', { capacity: Infinity }],
    ['65 databases', { databases: Array.from({ length: 65 }, (_, index) => ({ name: `db${index}`, role: 'replica' as const, engine: 'duckdb' })) }],
    ['a database twice', { databases: [{ name: 'a', role: 'replica', engine: 'duckdb' }, { name: 'a', role: 'primary', engine: 'duckdb' }] }],
    ['a database without a name', { databases: [{ name: '', role: 'replica', engine: 'duckdb' }] }],
    ['a database without an engine', { databases: [{ name: 'a', role: 'replica', engine: '' }] }],
    ['a line break in the datacenter', { datacenter: 'a\nb' }],
    ['a wire version of 17 bits', { wireVersion: 65_536 }],
    ['a name older than time', { nameSinceMs: -1 }],
    ['a name since 49 bits of milliseconds', { nameSinceMs: 2 ** 48 }],
  ]

  it.each(faults)('are neither signed nor believed with %s', (_what, fields) => {
    expect(() => one.signRecord(createTestRecord(one.peerId, fields))).toThrow(RangeError)
    // As a node that keeps no bounds would send it.
    const { databases, ...rest } = createTestRecord(one.peerId, fields)
    const genuine = wire.MemberRecord.decode(encodeRecord(createTestRecord(one.peerId)))
    const bytes = wire.MemberRecord.encode({
      ...rest, publicKey: genuine.publicKey, tcpMultiaddrs: [...rest.tcpMultiaddrs], datagramPublicKey: toWire(rest.datagramPublicKey),
      databases: databases.map(({ name, role, engine }) => ({ name, primary: role === 'primary', engine })),
    })
    expect(decodeRecord(bytes).ok).toBe(false)
  })

  it('are refused when a number is beyond 2^53 - 1', () => {
    const bytes = Buffer.from(encodeRecord(createTestRecord(one.peerId, { incarnation: Number.MAX_SAFE_INTEGER })))
    const at = bytes.indexOf(Buffer.from('18ffffffffffffff0f', 'hex'))
    expect(at).toBeGreaterThan(0)
    expect(decodeRecord(bytes).ok).toBe(true)
    bytes[at + 8] = 0x1f
    expect(decodeRecord(bytes).ok).toBe(false)
  })

  it('pass over fields that a later version adds', () => {
    const record = createTestRecord(one.peerId)
    // Field 100, two bytes.
    const extended = new Uint8Array([...encodeRecord(record), 0xa2, 0x06, 2, 1, 2])
    expect(decodeRecord(extended)).toEqual({ ok: true, value: record })
  })
})

describe('signatures', () => {
  it('make a record believed, with a copy of the bytes that were signed', () => {
    const signed = one.signRecord(createTestRecord(one.peerId))
    const received = Buffer.from(signed.envelope)
    const verified = createRecordVerifier().verifyRecord(received)
    received.fill(0)
    expect(verified).toEqual(signed)
  })

  it('make a farewell believed', () => {
    const leave = one.signLeave(4711)
    expect(leave).toMatchObject({ peerId: one.peerId, incarnation: 4711 })
    expect(createRecordVerifier().verifyLeave(leave.envelope)).toEqual(leave)
  })

  it('are refused with any bit changed', () => {
    const verifier = createRecordVerifier()
    const { envelope } = one.signLeave(1_800_000_000_000)
    for (let bit = 0; bit < envelope.length * 8; bit++) {
      const changed = Buffer.from(envelope)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      if (verifier.verifyLeave(changed) !== null) expect.fail(`bit ${bit} does not matter`)
    }
  })

  it('do not make one node speak for another', () => {
    expect(() => one.signRecord(createTestRecord(other.peerId))).toThrow(RangeError)
    const { signature } = wire.SignedEnvelope.decode(one.signRecord(createTestRecord(one.peerId)).envelope)
    const payload = toWire(encodeRecord(createTestRecord(other.peerId)))
    expect(createRecordVerifier().verifyRecord(wire.SignedEnvelope.encode({ payload, signature }))).toBeNull()
  })

  it('of a record do not pass for those of a farewell, nor the other way about', () => {
    const verifier = createRecordVerifier()
    expect(verifier.verifyLeave(one.signRecord(createTestRecord(one.peerId)).envelope)).toBeNull()
    expect(verifier.verifyRecord(one.signLeave(1).envelope)).toBeNull()
    // A farewell's bytes under a record's signature: the label differs.
    const record = wire.SignedEnvelope.decode(one.signRecord(createTestRecord(one.peerId)).envelope)
    expect(verifier.verifyLeave(wire.SignedEnvelope.encode(record))).toBeNull()
  })
})

describe('an envelope', () => {
  it('has one encoding only', () => {
    const verifier = createRecordVerifier()
    const { envelope } = one.signRecord(createTestRecord(one.peerId))
    const { payload, signature } = wire.SignedEnvelope.decode(envelope)
    const swapped = Buffer.concat([wire.SignedEnvelope.encode({ signature }), wire.SignedEnvelope.encode({ payload })])
    expect(wire.SignedEnvelope.decode(swapped).payload).toHaveLength(payload.length)
    expect(verifier.verifyRecord(swapped)).toBeNull()
    expect(verifier.verifyRecord(Buffer.concat([envelope, Buffer.from('1801', 'hex')]))).toBeNull()
    expect(verifier.verifyRecord(envelope)).not.toBeNull()
  })
})

describe('the verifier', () => {
  it('checks a signature once and recognises the bytes after that, as the same object', () => {
    const verifier = createRecordVerifier()
    const { envelope } = one.signRecord(createTestRecord(one.peerId))
    const first = verifier.verifyRecord(envelope)
    expect(verifier.verifyRecord(Buffer.from(envelope))).toBe(first)
    expect(verifier.checked).toBe(1)
  })

  it('does not remember forgeries, so that they push nothing genuine out', () => {
    const verifier = createRecordVerifier({ entriesMax: 1 })
    const { envelope } = one.signRecord(createTestRecord(one.peerId))
    verifier.verifyRecord(envelope)
    const forged = Buffer.from(envelope)
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    expect(verifier.verifyRecord(forged)).toBeNull()
    verifier.verifyRecord(envelope)
    expect(verifier.checked).toBe(2)
  })

  it.each([
    ['entries', { entriesMax: 2 }],
    ['bytes', { bytesMax: 600 }],
  ])('forgets the least recently used beyond its bound of %s', (_what, bounds) => {
    const verifier = createRecordVerifier(bounds)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => one.signRecord(createTestRecord(one.peerId, { name })).envelope) as [Uint8Array, Uint8Array, Uint8Array]
    for (const envelope of [a, b, a, c]) verifier.verifyRecord(envelope)
    expect(verifier.checked).toBe(3)
    verifier.verifyRecord(a)
    expect(verifier.checked).toBe(3)
    verifier.verifyRecord(b)
    expect(verifier.checked).toBe(4)
  })
})

/** Identities and records that a real signer and verifier accept, the same at each run. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { MemberRecord, Update } from '../../src/core/membership/types.ts'
import { createRecordSigner, type RecordSigner } from '../../src/wire/membership-signatures.ts'

export async function createTestSigner(seed: number): Promise<RecordSigner> {
  return createRecordSigner(await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)))
}

export function createTestRecord(peerId: string, fields: Partial<MemberRecord> = {}): MemberRecord {
  return {
    peerId,
    name: 'local1',
    incarnation: 1_800_000_000_000,
    tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'],
    udpHost: '127.0.0.1',
    udpPort: 7400,
    datagramPublicKey: new Uint8Array(32).fill(9),
    datagramEpoch: 1_800_000_000_000,
    datacenter: 'fra1',
    rack: 'r7',
    capacity: 1,
    databases: [{ name: 'users_prod', role: 'replica', engine: 'duckdb' }],
    softwareVersion: '0.1.0',
    wireVersion: 1,
    nameSinceMs: 1_700_000_000_000,
    ...fields,
  }
}

export function claimUpdate(kind: 'suspect' | 'failed' | 'removed', peerId: string, incarnation: number, from: string): Update {
  switch (kind) {
    case 'suspect': return { kind, peerId, incarnation, from, evidence: 'probe' }
    case 'failed': return { kind, peerId, incarnation, from, evidence: 'closed', suspectedBy: from, confirmedBy: [peerId], probeMs: 104, suspicionMs: 12 }
    case 'removed': return { kind, peerId, incarnation, from }
  }
}

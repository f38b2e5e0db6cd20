/** The machine packs datagrams by bounds of its own, without knowing the codec: the codec must never need more. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COORDINATE_BYTES, LOAD_BYTES, PACKET_OVERHEAD_BYTES, PING_REQUEST_BYTES, REPORT_BYTES, updateBytes as boundOf } from '../../src/core/membership/dissemination.ts'
import type { Update } from '../../src/core/membership/types.ts'
import { packetOverheadBytesMax, reportBytes, updateBytes } from '../../src/wire/membership-codec.ts'
import { createTestRecord, createTestSigner } from '../support/member-records.ts'

const signer = await createTestSigner(5)
const incarnations = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

describe('what the membership machine reserves', () => {
  it('suffices for every accusation, verdict and report', () => {
    const { peerId } = signer
    fc.assert(fc.property(incarnations, fc.integer({ min: 0, max: 4 }), fc.nat(), fc.nat(), (incarnation, confirmers, probeMs, suspicionMs) => {
      const claim = { peerId, incarnation, from: peerId, evidence: 'operator' as const }
      const updates: Update[] = [
        { ...claim, kind: 'suspect' }, { ...claim, kind: 'removed' },
        { ...claim, kind: 'failed', suspectedBy: peerId, confirmedBy: new Array<string>(confirmers).fill(peerId), probeMs, suspicionMs },
      ]
      for (const update of updates) expect(updateBytes(update)).toBeLessThanOrEqual(boundOf(update))
      expect(reportBytes({ peerId, incarnation, verdict: 'well', evidence: 'operator' })).toBeLessThanOrEqual(REPORT_BYTES)
    }))
  })

  it('suffices for every record and farewell', () => {
    fc.assert(fc.property(incarnations, fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/), fc.integer({ min: 0, max: 20 }), (incarnation, rack, databases) => {
      const record = createTestRecord(signer.peerId, {
        incarnation, rack,
        databases: Array.from({ length: databases }, (_, index) => ({ name: `db${index}`, role: 'primary' as const, engine: 'duckdb' })),
      })
      const updates: Update[] = [{ kind: 'record', signed: signer.signRecord(record) }, { kind: 'left', leave: signer.signLeave(incarnation) }]
      for (const update of updates) expect(updateBytes(update)).toBeLessThanOrEqual(boundOf(update))
    }), { numRuns: 60 })
  })

  it('suffices for probe, load and coordinate together', () => {
    expect(packetOverheadBytesMax).toBeLessThanOrEqual(PACKET_OVERHEAD_BYTES + PING_REQUEST_BYTES + LOAD_BYTES + COORDINATE_BYTES)
  })
})

/** What strangers and members may send on streams: it is answered, refused or counted; nothing throws, and nothing is believed in part. */
import { describe, expect, it } from 'vitest'
import { FrameReader, frameMessage } from '../../src/adapters/libp2p/request.ts'
import { parseKnock } from '../../src/adapters/libp2p/stranger.ts'
import { parseControlRequest } from '../../src/adapters/local/control-request.ts'
import { createRandom, randomInteger } from '../../src/core/time/random.ts'
import { MeshError } from '../../src/errors.ts'
import { keyFingerprint } from '../../src/wire/cluster-key.ts'
import { decodeKeysAnswer, decodeKeysQuestion, encodeKeysAnswer, encodeKeysQuestion, KEYS_MESSAGE_BYTES_MAX } from '../../src/wire/keys-codec.ts'
import { firstSeed, fuzz, fuzzRuns, mutate } from './mutate.ts'

const keys = [1, 2].map((fill) => ({ key: new Uint8Array(32).fill(fill), fingerprint: keyFingerprint(new Uint8Array(32).fill(fill)) }))
const fingerprints = keys.map(({ fingerprint }) => fingerprint)
const question = { ring: { fingerprints, removed: fingerprints.slice(1), useVersion: 3 }, keys, wanted: fingerprints.slice(0, 1) }
const answer = { ring: question.ring, keys, refused: null }
const genuine = [encodeKeysQuestion(question), encodeKeysQuestion({ ring: null, keys: [], wanted: [] }), encodeKeysAnswer(answer), encodeKeysAnswer({ ...answer, refused: 'full' })]

describe('questions and answers about keys', () => {
  it('survive the way there and back', () => {
    expect(decodeKeysQuestion(encodeKeysQuestion(question))).toEqual({ ok: true, value: question })
    expect(decodeKeysAnswer(encodeKeysAnswer(answer))).toEqual({ ok: true, value: answer })
    expect(decodeKeysQuestion(new Uint8Array(KEYS_MESSAGE_BYTES_MAX + 1))).toEqual({ ok: false, reason: 'too long' })
  })

  it('are read whole or refused with a reason, and a key always has its own fingerprint', () => {
    let accepted = 0
    fuzz((random) => mutate(random, genuine), (bytes) => {
      for (const decode of [decodeKeysQuestion, decodeKeysAnswer]) {
        const decoded = decode(bytes)
        if (!decoded.ok) {
          expect(decoded.reason).toEqual(expect.any(String))
          continue
        }
        accepted++
        const { value } = decoded
        for (const { key, fingerprint } of value.keys) expect([key.length, fingerprint]).toEqual([32, keyFingerprint(key)])
        for (const list of [value.ring?.fingerprints ?? [], value.ring?.removed ?? []]) for (const item of list) expect(item).toMatch(/^[0-9a-f]{16}$/)
      }
    })
    if (fuzzRuns >= 1000) expect(accepted).toBeGreaterThan(10)
  })
})

describe('frames', () => {
  it('come out as they went in, however they are cut, and a frame that lies about its length is refused', () => {
    for (let seed = firstSeed; seed < firstSeed + Math.min(fuzzRuns, 3000); seed++) {
      const random = createRandom(seed)
      const message = mutate(random, genuine)
      const isLying = random() < 0.3
      const frame = isLying ? mutate(random, [frameMessage(message)]) : frameMessage(message)
      const reader = new FrameReader(2_048)
      let outcome: ReturnType<FrameReader['push']> = { kind: 'more' }
      for (let at = 0; at < frame.length && outcome.kind === 'more';) {
        const end = Math.min(frame.length, at + 1 + randomInteger(random, 300))
        outcome = reader.push(frame.subarray(at, end))
        at = end
      }
      if (isLying) expect(['more', 'message', 'refused']).toContain(outcome.kind)
      else expect(outcome.kind === 'message' ? Buffer.from(outcome.bytes).toString('hex') : outcome, `FUZZ_SEED=${seed}`).toEqual(Buffer.from(message).toString('hex'))
    }
  })
})

describe('texts', () => {
  it('of strangers are understood or are none', () => {
    const knocks = ['1 reedbase 01234567', '2 staging-eu.1 01234567,89abcdef', '1 reedbase '].map((text) => new Uint8Array(Buffer.from(text)))
    fuzz((random) => mutate(random, knocks), (bytes) => {
      const knock = parseKnock(Buffer.from(bytes).toString('latin1'))
      if (knock !== null) expect(`${knock.version} ${knock.label} ${knock.fingerprints.join(',')}`).toMatch(/^\d{1,6} [A-Za-z0-9][A-Za-z0-9._-]{0,62} ([0-9a-f]{8}(,[0-9a-f]{8})*)?$/)
    })
  })

  it('of local callers are requests or are refused by a code', () => {
    const requests = [
      { method: 'status' }, { method: 'keys-use', fingerprint: '01234567' }, { method: 'keys-remove', fingerprint: '0123', force: true },
      { method: 'peers-change', list: 'deny', peerIds: ['12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'], remove: false, force: false },
      { method: 'drill-start', cpuPercent: 95, memoryPercent: null, forMs: 1000 }, { method: 'nodes', database: 'users' },
    ].map((request) => new Uint8Array(Buffer.from(JSON.stringify(request))))
    fuzz((random) => mutate(random, requests), (bytes) => {
      try {
        expect(parseControlRequest(Buffer.from(bytes).toString('utf8'))).toHaveProperty('method')
      } catch (error) {
        expect(error).toBeInstanceOf(MeshError)
      }
    })
  })
})

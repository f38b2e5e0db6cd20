import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader, frameMessage, type FrameStep } from '../../../../src/adapters/libp2p/request.ts'
import { fastMessageId } from '../../../../src/adapters/libp2p/gossip.ts'
import { explainDialError } from '../../../../src/adapters/libp2p/dial-error.ts'

describe('a framed message', () => {
  it('is read back however it was cut', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (message, cuts) => {
      const frame = frameMessage(message)
      const reader = new FrameReader(200)
      let at = 0
      for (let i = 0; at < frame.length; i++) {
        const end = Math.min(frame.length, at + (cuts[i % cuts.length] ?? 1))
        const step = reader.push(frame.subarray(at, end))
        at = end
        if (at < frame.length) expect(step.kind).toBe('more')
        else expect(step.kind === 'message' && Buffer.compare(step.bytes, message)).toBe(0)
      }
    }), { seed: 1 })
  })

  it('is refused by its length alone, whatever else comes', () => {
    expect(new FrameReader(100).push(Uint8Array.of(0, 0, 0, 101))).toMatchObject({ kind: 'refused' })
    expect(new FrameReader(100).push(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toMatchObject({ kind: 'refused' })
    expect(new FrameReader(100).push(Uint8Array.of(0, 0, 0, 100))).toEqual({ kind: 'more' })
  })

  it('keeps none of the chunks that it came in, since each could weigh a hundred times its bytes', () => {
    const message = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251)
    const reader = new FrameReader(20_000)
    const frame = frameMessage(message)
    let last: FrameStep = { kind: 'more' }
    for (const byte of frame) {
      const chunk = Uint8Array.of(byte)
      last = reader.push(chunk)
      chunk[0] = 255
    }
    expect(last.kind === 'message' && Buffer.compare(last.bytes, message)).toBe(0)
  })

  it('is refused when bytes follow it', () => {
    expect(new FrameReader(100).push(Uint8Array.of(0, 0, 0, 1, 1, 2))).toMatchObject({ kind: 'refused' })
    expect(new FrameReader(0).push(Uint8Array.of(0, 0, 0, 0))).toMatchObject({ kind: 'message' })
  })
})

describe('the cheap name of a gossip message', () => {
  it('differs when sender, sequence number or signature does', () => {
    const message = { from: Uint8Array.of(1), seqno: Uint8Array.of(2), signature: Uint8Array.of(3) }
    const names = [message, { ...message, from: Uint8Array.of(9) }, { ...message, seqno: Uint8Array.of(9) }, { ...message, signature: Uint8Array.of(9) }, {}].map(fastMessageId)
    expect(new Set(names).size).toBe(5)
    expect(fastMessageId({ ...message })).toBe(names[0])
  })
})

describe('a dial error', () => {
  const context = { target: 'db1:7400', fingerprint: '0011223344556677' }
  const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })

  it('about the key says whether this node has one', () => {
    const reason = new Error('refused as a stranger: key')
    expect(explainDialError(reason, context).message).toBe('db1:7400 holds no cluster key of this node (the one in use here is 0011223344556677): the keys may have been rotated while this node was down.')
    expect(explainDialError(reason, { ...context, fingerprint: null }).message).toBe('db1:7400 asks for a cluster key, and this node has none.')
  })

  it('about the key outweighs addresses that were not reached', () => {
    const reason = new AggregateError([named('Error', 'connect ECONNREFUSED 10.0.0.5:7400'), named('EncryptionFailedError', 'Protocol selection failed - could not negotiate /noise')])
    expect(explainDialError(reason, context)).toMatchObject({ code: 'ERR_CLUSTER_KEY', message: expect.stringContaining('0011223344556677') as string })
  })

  it('names each reason once', () => {
    const reason = new AggregateError([named('Error', 'connect ECONNREFUSED 10.0.0.5:7400'), named('Error', 'connect ECONNREFUSED 10.0.0.6:7400'), named('TimeoutError', 'x')])
    expect(explainDialError(reason, context).message).toBe('db1:7400 cannot be reached: nothing listens there; no answer in time.')
  })
})

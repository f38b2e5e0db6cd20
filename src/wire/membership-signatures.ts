/**
 * Who may say what of whom: a record and a farewell are signed by their subject's identity key, over a domain label and the
 * exact bytes. Signing and verifying are synchronous (45 and 110 µs), so that a datagram is judged in the turn that received it;
 * what was verified once is recognised by its bytes, because gossip repeats itself.
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import type { MemberRecord, SignedLeave, SignedRecord } from '../core/membership/types.ts'
import { SignedEnvelope } from './generated/membership.ts'
import { BoundedCache } from './membership-cache.ts'
import { contain, type Decoded } from './membership-decoding.ts'
import { publicKeyOfPeerId } from './membership-peer-id.ts'
import { decodeLeave, decodeRecord, encodeLeave, encodeRecord, recordBounds, toWire } from './membership-record.ts'

const recordLabel = Buffer.from('reedbase-member-record-v1')
const leaveLabel = Buffer.from('reedbase-member-leave-v1')
const signatureBytes = 64
/** A record, its signature, and two tags with lengths. */
export const envelopeBytesMax = recordBounds.recordBytesMax + signatureBytes + 8

/** RFC 8410: what precedes the raw key in PKCS #8 and in SubjectPublicKeyInfo. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

export interface RecordSigner {
  readonly peerId: string
  /** @throws RangeError when the record is another node's or does not keep the bounds */
  signRecord(record: MemberRecord): SignedRecord
  /** @throws RangeError when the incarnation is out of range */
  signLeave(incarnation: number): SignedLeave
}

export function createRecordSigner(privateKey: Ed25519PrivateKey): RecordSigner {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, privateKey.raw.subarray(0, 32)]), format: 'der', type: 'pkcs8' })
  const peerId = privateKey.publicKey.toString()
  const seal = (label: Uint8Array, payload: Uint8Array): Uint8Array => SignedEnvelope.encode({
    payload: toWire(payload),
    signature: sign(null, Buffer.concat([label, payload]), key),
  })
  return {
    peerId,
    signRecord: (record) => {
      if (record.peerId !== peerId) throw new RangeError('only its own key signs a record')
      return { record, envelope: seal(recordLabel, encodeRecord(record)) }
    },
    signLeave: (incarnation) => ({ peerId, incarnation, envelope: seal(leaveLabel, encodeLeave({ peerId, incarnation })) }),
  }
}

export interface RecordVerifier {
  /** Null when it is not a record signed by its subject. Equal bytes give the same object while it is remembered. */
  verifyRecord(envelope: Uint8Array): SignedRecord | null
  verifyLeave(envelope: Uint8Array): SignedLeave | null
  /** Signatures checked so far; the rest was recognised. */
  readonly checked: number
}

export interface RecordVerifierOptions {
  /** Envelopes remembered. More: fewer signature checks in a large mesh; each costs its bytes twice. Default 8,192. */
  readonly entriesMax?: number
  /** Bytes of envelopes remembered. Default 16 MiB. */
  readonly bytesMax?: number
}

export function createRecordVerifier(options: RecordVerifierOptions = {}): RecordVerifier {
  return new CachingVerifier(options)
}

class CachingVerifier implements RecordVerifier {
  readonly #records: BoundedCache<SignedRecord>
  readonly #leaves: BoundedCache<SignedLeave>
  checked = 0

  constructor({ entriesMax = 8192, bytesMax = 16 << 20 }: RecordVerifierOptions) {
    this.#records = new BoundedCache({ entriesMax, weightMax: bytesMax })
    this.#leaves = new BoundedCache({ entriesMax, weightMax: bytesMax })
  }

  verifyRecord(envelope: Uint8Array): SignedRecord | null {
    return this.#verify(this.#records, envelope, recordLabel, decodeRecord, (record, bytes) => ({ record, envelope: bytes }))
  }

  verifyLeave(envelope: Uint8Array): SignedLeave | null {
    return this.#verify(this.#leaves, envelope, leaveLabel, decodeLeave, (leave, bytes) => ({ ...leave, envelope: bytes }))
  }

  /** Only what verified is remembered: whoever sends forgeries must not push out what is genuine. */
  #verify<Content extends { readonly peerId: string }, Signed>(
    cache: BoundedCache<Signed>,
    envelope: Uint8Array,
    label: Uint8Array,
    decode: (payload: Uint8Array) => Decoded<Content>,
    join: (content: Content, envelope: Uint8Array) => Signed,
  ): Signed | null {
    if (envelope.length > envelopeBytesMax) return null
    const name = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.length).toString('latin1')
    const known = cache.get(name)
    if (known !== undefined) return known
    // A copy, so that remembering a record does not hold on to the datagram or the whole sync that brought it.
    const bytes = new Uint8Array(envelope)
    const parts = contain(() => SignedEnvelope.decode(bytes))
    if (!parts.ok || parts.value.signature.length !== signatureBytes) return null
    const { payload, signature } = parts.value
    // One content, one encoding: otherwise whoever relays a record could vary its bytes without end, and fill this memory with it.
    if (Buffer.compare(SignedEnvelope.encode(parts.value), bytes) !== 0) return null
    const content = decode(payload)
    if (!content.ok) return null
    this.checked++
    const genuine = contain(() => {
      const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKeyOfPeerId(content.value.peerId)]), format: 'der', type: 'spki' })
      return verify(null, Buffer.concat([label, payload]), key, signature)
    })
    if (!genuine.ok || !genuine.value) return null
    const signed = join(content.value, bytes)
    cache.set(name, signed, bytes.length)
    return signed
  }
}

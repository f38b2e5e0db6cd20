/**
 * What precedes the sealed payload, in the clear but authenticated with it:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 8 | sender: the first 8 bytes of SHA-256 of its PeerId |
 * | 9 | 6 | the sender's epoch, unix ms, big-endian |
 * | 15 | 6 | the receiver's epoch as the sender knows it |
 * | 21 | 8 | counter, from 1; also the nonce |
 *
 * After it come the sealed payload, the seal of 16 bytes, and the guard of 4 (datagram-guard.ts).
 */
import { createHash } from 'node:crypto'

export const datagramVersion = 1
export const datagramBytesMax = 1400
export const headerBytes = 29
export const sealBytes = 16
export const guardBytes = 4
export const payloadBytesMax = datagramBytesMax - headerBytes - sealBytes - guardBytes
export const epochMax = 2 ** 48 - 1

const tagStart = 1
const tagBytes = 8
const senderEpochStart = 9
const receiverEpochStart = 15
const counterStart = 21

export interface HeaderFields {
  readonly senderTag: string
  readonly senderEpoch: number
  readonly receiverEpoch: number
  readonly counter: number
}

/** A sender's tag as a string of 8 characters of one byte, as it can be a key of a map. */
export function senderTagOf(peerId: string): string {
  return createHash('sha256').update(peerId).digest().toString('latin1', 0, tagBytes)
}

export function writeHeader(datagram: Buffer, fields: HeaderFields): void {
  datagram[0] = datagramVersion
  datagram.write(fields.senderTag, tagStart, tagBytes, 'latin1')
  datagram.writeUIntBE(fields.senderEpoch, senderEpochStart, 6)
  datagram.writeUIntBE(fields.receiverEpoch, receiverEpochStart, 6)
  datagram.writeUInt32BE(Math.floor(fields.counter / 2 ** 32), counterStart)
  datagram.writeUInt32BE(fields.counter % 2 ** 32, counterStart + 4)
}

export function readSenderTag(datagram: Buffer): string {
  return datagram.toString('latin1', tagStart, tagStart + tagBytes)
}

export function readSenderEpoch(datagram: Buffer): number {
  return datagram.readUIntBE(senderEpochStart, 6)
}

export function readReceiverEpoch(datagram: Buffer): number {
  return datagram.readUIntBE(receiverEpochStart, 6)
}

/** May be above 2^53, where digits are lost; no sender ever gets there. */
export function readCounter(datagram: Buffer): number {
  return datagram.readUInt32BE(counterStart) * 2 ** 32 + datagram.readUInt32BE(counterStart + 4)
}

/** 12 bytes of which the counter fills the last 8. It never repeats under one key, because keys belong to a direction and to two epochs. */
export function nonceOf(datagram: Buffer): Buffer {
  const nonce = Buffer.alloc(12)
  datagram.copy(nonce, 4, counterStart, counterStart + 8)
  return nonce
}

/**
 * The messages of membership as bytes: the payload of a datagram, an announcement on gossipsub. Those of syncs are in sync-codec.ts.
 * Decoders answer a refusal with its reason and never throw, whatever the bytes are; updates and records that their subject did
 * not sign are left out and counted, until they are so many that the whole message is refused with the reason `signatures`.
 */
import { CONFIRMERS_TOLD_MAX, type Evidence, type LoadDigest, type Packet, type Probe, type Report, type Update } from '../core/membership/types.ts'
import * as wire from './generated/membership.ts'
import { COORDINATE_BYTES, coordinateFromWire, coordinateToWire } from './membership-coordinate.ts'
import { contain, type DecodedFromOthers, isCount, refuse } from './membership-decoding.ts'
import { MessageVerifier } from './membership-message-verifier.ts'
import { peerIdOfPublicKey, publicKeyOfPeerId } from './membership-peer-id.ts'
import { toWire } from './membership-record.ts'
import type { RecordVerifier } from './membership-signatures.ts'
import { serviceTimeCode, serviceTimeMs } from './service-time-code.ts'

/** Above what any datagram can carry; the datagram layer has its own, tighter bound. */
const packetBytesMax = 1400
export const announcementBytesMax = 64 << 10
const updatesMax = 64
const forged = 'signatures'

const reportsMax = 16

const updateKinds = { record: 1, suspect: 2, failed: 3, left: 4, removed: 5 } as const
const evidences: readonly (Evidence | null)[] = [null, 'probe', 'closed', 'refused', 'silent', 'lossy', 'table', 'operator']
const verdicts: readonly (Report['verdict'] | null)[] = [null, 'dead', 'lossy', 'well']
const probeKinds = { ping: 1, ack: 2, 'ping-request': 3, nack: 4 } as const

export interface Announcement {
  readonly updates: readonly Update[]
  /** Unix milliseconds at the announcer: what is too old or too far ahead is a replay or a broken clock. */
  readonly atWallMs: number
}

/** @throws RangeError when a number is out of the wire's range, which only a fault of this program makes it */
export function encodePacket(packet: Packet): Uint8Array {
  const message: Partial<wire.Packet> = {}
  if (packet.probe !== null) message.probe = probeToWire(packet.probe)
  if (packet.updates.length > 0) message.updates = packet.updates.map(updateToWire)
  if (packet.load !== null) message.load = loadToWire(packet.load)
  if (packet.reports.length > 0) message.reports = packet.reports.map(reportToWire)
  if (packet.coordinate !== null) message.coordinate = coordinateToWire(packet.coordinate)
  return wire.Packet.encode(message)
}

export function decodePacket(bytes: Uint8Array, verifier: RecordVerifier): DecodedFromOthers<Packet> {
  if (bytes.length > packetBytesMax) return refuse('the packet is longer than a datagram')
  const message = contain(() => wire.Packet.decode(bytes, { limits: { updates: updatesMax, reports: reportsMax } }))
  if (!message.ok) return message
  const { probe, load, coordinate } = message.value
  const updates = updatesFromWire(message.value.updates, verifier)
  if (!updates.ok) return updates
  const readProbe = probe === undefined ? null : probeFromWire(probe)
  if (readProbe === false) return refuse('the probe is malformed')
  const readLoad = load === undefined ? null : loadFromWire(load)
  if (readLoad === false) return refuse('the load digest is out of range')
  const reports = reportsFromWire(message.value.reports)
  if (reports === null) return refuse('a report is malformed')
  const readCoordinate = coordinate === undefined ? null : coordinateFromWire(coordinate)
  if (coordinate !== undefined && readCoordinate === null) return refuse('the coordinate is out of range')
  return { ...updates, value: { probe: readProbe, updates: updates.value, load: readLoad, reports, coordinate: readCoordinate } }
}

/** @throws RangeError when it holds more than 64 updates or 64 KiB */
export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  if (announcement.updates.length > updatesMax) throw new RangeError(`an announcement of more than ${updatesMax} updates`)
  const bytes = wire.Announcement.encode({ updates: announcement.updates.map(updateToWire), sentWallMs: count(Math.round(announcement.atWallMs)) })
  if (bytes.length > announcementBytesMax) throw new RangeError('an announcement of more than 64 KiB')
  return bytes
}

export function decodeAnnouncement(bytes: Uint8Array, verifier: RecordVerifier): DecodedFromOthers<Announcement> {
  if (bytes.length > announcementBytesMax) return refuse('the announcement is longer than 64 KiB')
  const message = contain(() => wire.Announcement.decode(bytes, { limits: { updates: updatesMax } }))
  if (!message.ok) return message
  const updates = updatesFromWire(message.value.updates, verifier)
  if (!updates.ok) return updates
  if (!isCount(message.value.sentWallMs)) return refuse('the time of sending is out of range')
  return { ...updates, value: { updates: updates.value, atWallMs: message.value.sentWallMs } }
}

/** The bytes that an update adds to a packet or an announcement. Exact. */
export function updateBytes(update: Update): number {
  switch (update.kind) {
    case 'record':
      return fieldBytes(2 + fieldBytes(update.signed.envelope.length))
    case 'left':
      return fieldBytes(2 + fieldBytes(update.leave.envelope.length))
    case 'removed':
      return fieldBytes(2 + 2 * fieldBytes(32) + numberBytes(update.incarnation))
    case 'suspect':
      return fieldBytes(4 + 2 * fieldBytes(32) + numberBytes(update.incarnation))
    case 'failed':
      return fieldBytes(4 + (3 + Math.min(CONFIRMERS_TOLD_MAX, update.confirmedBy.length)) * fieldBytes(32) + numberBytes(update.incarnation)
        + numberBytes(millis(update.probeMs)) + numberBytes(millis(update.suspicionMs)))
  }
}

/** A number in a field of its own; proto3 leaves out a zero. */
function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value)
}

export function reportBytes(report: Report): number {
  return fieldBytes(fieldBytes(32) + numberBytes(report.incarnation) + 4)
}

/**
 * The most that a packet takes beside its updates, so that `packetOverheadBytesMax` plus the sum of `updateBytes` never
 * exceeds a budget that it was held to: a ping-request with the largest sequence, the largest load digest, and a coordinate. Reports are
 * counted by `reportBytes`.
 */
export const packetOverheadBytesMax = fieldBytes(2 + 9 + fieldBytes(32)) + fieldBytes(3 + 3 + 6 + 2 + 2 + 9) + COORDINATE_BYTES

/** Tag, length and content of a length-delimited field; all of ours have one-byte tags. */
function fieldBytes(contentBytes: number): number {
  return 1 + varintBytes(contentBytes) + contentBytes
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function count(value: number): number {
  if (!isCount(value)) throw new RangeError(`${value} is not a whole number from 0 to 2^53 - 1`)
  return value
}

const noBytes = new Uint8Array(0)

function probeToWire(probe: Probe): wire.Probe {
  return {
    kind: probeKinds[probe.kind],
    sequence: count(probe.sequence),
    target: probe.kind === 'ping-request' ? toWire(publicKeyOfPeerId(probe.target)) : noBytes,
  }
}

/** Null for a kind that a later version brings, false for a malformed one. */
function probeFromWire({ kind, sequence, target }: wire.Probe): Probe | null | false {
  if (!isCount(sequence)) return false
  switch (kind) {
    case probeKinds.ping:
      return { kind: 'ping', sequence }
    case probeKinds.ack:
      return { kind: 'ack', sequence }
    case probeKinds.nack:
      return { kind: 'nack', sequence }
    case probeKinds['ping-request']: {
      const peerId = peerIdOfPublicKey(target)
      return peerId === null ? false : { kind: 'ping-request', sequence, target: peerId }
    }
    default:
      return kind === 0 ? false : null
  }
}

const noUpdate: wire.Update = {
  kind: 0, envelope: noBytes, subject: noBytes, incarnation: 0, from: noBytes, evidence: 0, suspectedBy: noBytes, confirmedBy: [], probeMs: 0, suspicionMs: 0,
}

function updateToWire(update: Update): wire.Update {
  const kind = updateKinds[update.kind]
  if (update.kind === 'record') return { ...noUpdate, kind, envelope: toWire(update.signed.envelope) }
  if (update.kind === 'left') return { ...noUpdate, kind, envelope: toWire(update.leave.envelope) }
  const claim = { ...noUpdate, kind, subject: key(update.peerId), incarnation: count(update.incarnation), from: key(update.from) }
  if (update.kind === 'removed') return claim
  const accusation = { ...claim, evidence: evidences.indexOf(update.evidence) }
  if (update.kind === 'suspect') return accusation
  return {
    ...accusation,
    suspectedBy: key(update.suspectedBy),
    confirmedBy: update.confirmedBy.slice(0, CONFIRMERS_TOLD_MAX).map(key),
    probeMs: millis(update.probeMs),
    suspicionMs: millis(update.suspicionMs),
  }
}

function key(peerId: string): Uint8Array<ArrayBuffer> {
  return toWire(publicKeyOfPeerId(peerId))
}

function millis(value: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.round(value)))
}

/** Null when it is malformed. */
function claimFromWire(message: wire.Update): Update | null {
  const { kind, incarnation, probeMs, suspicionMs } = message
  const peerId = peerIdOfPublicKey(message.subject)
  const from = peerIdOfPublicKey(message.from)
  if (peerId === null || from === null || !isCount(incarnation)) return null
  if (kind === updateKinds.removed) return { kind: 'removed', peerId, incarnation, from }
  // What a later version rests an accusation on is no reason to disbelieve it.
  const evidence = evidences[message.evidence] ?? 'probe'
  if (kind === updateKinds.suspect) return { kind: 'suspect', peerId, incarnation, from, evidence }
  const suspectedBy = peerIdOfPublicKey(message.suspectedBy)
  const confirmedBy = message.confirmedBy.map(peerIdOfPublicKey)
  if (suspectedBy === null || confirmedBy.length > CONFIRMERS_TOLD_MAX || !confirmedBy.every((confirmer) => confirmer !== null)) return null
  return { kind: 'failed', peerId, incarnation, from, evidence, suspectedBy, confirmedBy, probeMs, suspicionMs }
}

function reportToWire(report: Report): wire.Report {
  return { subject: key(report.peerId), incarnation: count(report.incarnation), verdict: verdicts.indexOf(report.verdict), evidence: evidences.indexOf(report.evidence) }
}

/** Null when one is malformed; a verdict of a later version is passed over. */
function reportsFromWire(messages: readonly wire.Report[]): Report[] | null {
  const reports: Report[] = []
  for (const { subject, incarnation, verdict, evidence } of messages) {
    const peerId = peerIdOfPublicKey(subject)
    if (peerId === null || !isCount(incarnation)) return null
    const known = verdicts[verdict]
    if (known !== undefined && known !== null) reports.push({ peerId, incarnation, verdict: known, evidence: evidences[evidence] ?? 'probe' })
  }
  return reports
}

/** Shape faults refuse the whole message, because its sender made them; what others signed is judged one by one. */
function updatesFromWire(messages: readonly wire.Update[], verifier: RecordVerifier): DecodedFromOthers<Update[]> {
  const updates: Update[] = []
  const messageVerifier = new MessageVerifier(verifier)
  let unverified = 0
  let unknown = 0
  for (const message of messages) {
    const { kind, envelope } = message
    if (kind === updateKinds.record) {
      const signed = messageVerifier.verifyRecord(envelope)
      if (signed === null) unverified++
      else updates.push({ kind: 'record', signed })
    } else if (kind === updateKinds.left) {
      const leave = messageVerifier.verifyLeave(envelope)
      if (leave === null) unverified++
      else updates.push({ kind: 'left', leave })
    } else if (kind === updateKinds.suspect || kind === updateKinds.failed || kind === updateKinds.removed) {
      const claim = claimFromWire(message)
      if (claim === null) return refuse('an accusation is malformed')
      updates.push(claim)
    } else if (kind === 0) {
      return refuse('an update without a kind')
    } else {
      unknown++
    }
    if (messageVerifier.isForged) return refuse(forged)
  }
  return { ok: true, value: updates, unverified, unknown }
}

/** A tenth of a percent is finer than any threshold, and two bytes instead of eight. */
function loadToWire(load: LoadDigest): wire.LoadDigest {
  return {
    cpuPermille: permille(load.cpuPercent),
    memoryPermille: permille(load.memoryPercent),
    inFlight: Math.min(count(load.inFlight), 0xffff_ffff),
    overloaded: load.overloaded,
    drill: load.drill,
    sequence: count(load.sequence),
    serviceCode: serviceTimeCode(load.serviceMs),
  }
}

function permille(percent: number): number {
  return count(Math.round(Math.min(100, Math.max(0, percent)) * 10))
}

function loadFromWire(load: wire.LoadDigest): LoadDigest | false {
  const serviceMs = serviceTimeMs(load.serviceCode)
  if (load.cpuPermille > 1000 || load.memoryPermille > 1000 || !isCount(load.sequence)) return false
  return {
    cpuPercent: load.cpuPermille / 10,
    memoryPercent: load.memoryPermille / 10,
    inFlight: load.inFlight,
    overloaded: load.overloaded,
    drill: load.drill,
    sequence: load.sequence,
    ...(serviceMs === null ? {} : { serviceMs }),
  }
}

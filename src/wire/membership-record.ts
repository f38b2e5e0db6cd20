/** Member records and farewells as bytes, and the bounds that hold for them on both sides. */
import { BlockList, isIP } from 'node:net'
import type { DatabaseOffer, MemberRecord } from '../core/membership/types.ts'
import * as wire from './generated/membership.ts'
import { contain, type Decoded, isCount, refuse } from './membership-decoding.ts'
import { peerIdOfPublicKey, publicKeyBytes, publicKeyOfPeerId } from './membership-peer-id.ts'
import { databaseNameForm, engineForm, labelForm, softwareVersionForm } from './name-forms.ts'

/**
 * Bounds of a record. One with many databases and addresses may outgrow a datagram; it then travels by gossipsub and sync only.
 */
export const recordBounds = {
  recordBytesMax: 8192,
  multiaddrsMax: 8,
  multiaddrCharactersMax: 256,
  databasesMax: 64,
  capacityMax: 1_000_000,
  /** 48 bits of milliseconds, the width that a datagram's header gives it. */
  epochMax: 2 ** 48 - 1,
} as const

/** Segments of visible ASCII; whether they make a known address is for the dialler to say. */
const multiaddrForm = /^(?:\/[\x21-\x2e\x30-\x7e]+)+$/

/** Unspecified, broadcast and multicast: a ping there reaches oneself or many. In bytes, since each has many spellings. */
const noHosts = new BlockList()
for (const [network, prefix] of [['0.0.0.0', 8], ['224.0.0.0', 4], ['255.255.255.255', 32]] as const) noHosts.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [['::', 128], ['ff00::', 8], ['::ffff:0.0.0.0', 104], ['::ffff:224.0.0.0', 100], ['::ffff:255.255.255.255', 128]] as const) noHosts.addSubnet(network, prefix, 'ipv6')

function isReachableHost(host: string): boolean {
  const family = isIP(host)
  // A zone names an interface of whoever reads it.
  if (family === 0 || host.length > 64 || host.includes('%')) return false
  return !noHosts.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** What is wrong with a record, or null. */
export function findFault(record: MemberRecord): string | null {
  if (!labelForm.test(record.name)) return 'the name is not up to 63 letters, digits, dots, hyphens and underscores'
  if (!isCount(record.incarnation)) return 'the incarnation is out of range'
  if (record.tcpMultiaddrs.length > recordBounds.multiaddrsMax) return 'more than 8 multiaddrs'
  for (const address of record.tcpMultiaddrs) {
    if (address.length > recordBounds.multiaddrCharactersMax || !multiaddrForm.test(address)) return 'a multiaddr is malformed'
  }
  if (!isReachableHost(record.udpHost)) return 'the UDP host is not the IP address of one host'
  if (!Number.isInteger(record.udpPort) || record.udpPort < 1 || record.udpPort > 65_535) return 'the UDP port is out of range'
  if (record.datagramPublicKey.length !== 32) return 'the datagram key is not 32 bytes'
  if (!isCount(record.datagramEpoch) || record.datagramEpoch > recordBounds.epochMax) return 'the datagram epoch is out of range'
  if (!isCount(record.nameSinceMs) || record.nameSinceMs > recordBounds.epochMax) return 'the age of the name is out of range'
  if (record.datacenter !== '' && !labelForm.test(record.datacenter)) return 'the datacenter is not up to 63 letters, digits, dots, hyphens and underscores'
  if (record.rack !== '' && !labelForm.test(record.rack)) return 'the rack is not up to 63 letters, digits, dots, hyphens and underscores'
  if (!(record.capacity > 0 && record.capacity <= recordBounds.capacityMax)) return 'the capacity is out of range'
  if (!softwareVersionForm.test(record.softwareVersion)) return 'the software version is malformed'
  if (!Number.isInteger(record.wireVersion) || record.wireVersion < 0 || record.wireVersion > 65_535) return 'the wire version is out of range'
  return findDatabaseFault(record.databases)
}

function findDatabaseFault(databases: readonly DatabaseOffer[]): string | null {
  if (databases.length > recordBounds.databasesMax) return 'more than 64 databases'
  const names = new Set<string>()
  for (const { name, engine } of databases) {
    if (!isDatabaseName(name)) return 'a database name is not up to 63 letters, digits, underscores and hyphens'
    if (!engineForm.test(engine)) return 'a database engine is malformed'
    names.add(name)
  }
  return names.size === databases.length ? null : 'a database is offered twice'
}

export function isDatabaseName(name: string): boolean {
  return databaseNameForm.test(name)
}

/** @throws RangeError when the record does not keep the bounds: what a node says of itself is made from checked options */
export function encodeRecord(record: MemberRecord): Uint8Array {
  const fault = findFault(record)
  if (fault !== null) throw new RangeError(`a record that no member would accept: ${fault}`)
  const bytes = wire.MemberRecord.encode({
    publicKey: toWire(publicKeyOfPeerId(record.peerId)),
    name: record.name,
    incarnation: record.incarnation,
    tcpMultiaddrs: [...record.tcpMultiaddrs],
    udpHost: record.udpHost,
    udpPort: record.udpPort,
    datagramPublicKey: toWire(record.datagramPublicKey),
    datagramEpoch: record.datagramEpoch,
    datacenter: record.datacenter,
    rack: record.rack,
    capacity: record.capacity,
    databases: record.databases.map(({ name, role, engine }) => ({ name, primary: role === 'primary', engine })),
    softwareVersion: record.softwareVersion,
    wireVersion: record.wireVersion,
    nameSinceMs: record.nameSinceMs,
  })
  if (bytes.length > recordBounds.recordBytesMax) throw new RangeError('a record that no member would accept: it is longer than 8,192 bytes')
  return bytes
}

export function decodeRecord(bytes: Uint8Array): Decoded<MemberRecord> {
  if (bytes.length > recordBounds.recordBytesMax) return refuse('the record is longer than 8,192 bytes')
  const message = contain(() => wire.MemberRecord.decode(bytes, {
    limits: { tcpMultiaddrs: recordBounds.multiaddrsMax, databases: recordBounds.databasesMax },
  }))
  if (!message.ok) return message
  const { publicKey, databases, ...fields } = message.value
  const peerId = peerIdOfPublicKey(publicKey)
  if (peerId === null) return refuse('the public key is not 32 bytes')
  const record: MemberRecord = {
    peerId,
    ...fields,
    databases: databases.map(({ name, primary, engine }) => ({ name, role: primary ? 'primary' : 'replica', engine })),
  }
  const fault = findFault(record)
  return fault === null ? { ok: true, value: record } : refuse(fault)
}

export interface Leave {
  readonly peerId: string
  readonly incarnation: number
}

/** @throws RangeError when the incarnation is out of range */
export function encodeLeave(leave: Leave): Uint8Array {
  if (!isCount(leave.incarnation)) throw new RangeError('the incarnation is out of range')
  return wire.MemberLeave.encode({ publicKey: toWire(publicKeyOfPeerId(leave.peerId)), incarnation: leave.incarnation })
}

export function decodeLeave(bytes: Uint8Array): Decoded<Leave> {
  if (bytes.length > 2 * publicKeyBytes) return refuse('the farewell is too long')
  const message = contain(() => wire.MemberLeave.decode(bytes))
  if (!message.ok) return message
  const peerId = peerIdOfPublicKey(message.value.publicKey)
  if (peerId === null) return refuse('the public key is not 32 bytes')
  if (!isCount(message.value.incarnation)) return refuse('the incarnation is out of range')
  return { ok: true, value: { peerId, incarnation: message.value.incarnation } }
}

/** The generated types ask for bytes over a plain ArrayBuffer, as all of ours are; only shared memory is not. */
export function toWire(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes)
}

/** A load snapshot as one gossipsub message. Its age follows from the reporter's clock (core/load/peer-loads.ts). */
import type { PathLatency } from '../core/latency/two-hop.ts'
import type { LoadSnapshot } from '../core/load/types.ts'
import * as wire from './generated/membership.ts'
import { contain, type Decoded, isCount, refuse } from './membership-decoding.ts'
import { decodePaths, encodePaths } from './membership-paths.ts'
import { peerIdOfPublicKey, publicKeyOfPeerId } from './membership-peer-id.ts'
import { isDatabaseName, recordBounds, toWire } from './membership-record.ts'
import { serviceTimeCode, serviceTimeMs } from './service-time-code.ts'

/** 64 database names of 64 characters of 4 bytes, 100 paths, and the figures. */
export const loadSnapshotBytesMax = 20 << 10

const LAG_UNKNOWN = -1

/** A snapshot, and the paths of whoever made it: believed about those only. */
export interface LoadReport extends LoadSnapshot {
  readonly paths: readonly PathLatency[]
}

/** @throws RangeError when a figure is out of range, which only a fault of this program makes it */
export function encodeLoadSnapshot(snapshot: LoadSnapshot, paths: readonly PathLatency[] = []): Uint8Array {
  const rounded = { ...snapshot, atWallMs: Math.round(snapshot.atWallMs), memoryBytes: Math.round(snapshot.memoryBytes) }
  const fault = findFault(rounded)
  if (fault !== null) throw new RangeError(`a load snapshot that no member would accept: ${fault}`)
  const { peerId, readyDatabases, lagsMs, serviceTimesMs = {}, ...figures } = rounded
  const lags = Object.keys(lagsMs).length === 0 ? [] : readyDatabases.map((name) => lagsMs[name] ?? LAG_UNKNOWN)
  const serviceCodes = Object.keys(serviceTimesMs).length === 0 ? new Uint8Array(0) : Uint8Array.from(readyDatabases, (name) => serviceTimeCode(serviceTimesMs[name]))
  return wire.LoadSnapshot.encode({ ...figures, serviceCodes, publicKey: toWire(publicKeyOfPeerId(peerId)), readyDatabases: [...readyDatabases], lagsMs: lags, paths: encodePaths(paths) })
}

export function decodeLoadSnapshot(bytes: Uint8Array): Decoded<LoadReport> {
  if (bytes.length > loadSnapshotBytesMax) return refuse('the snapshot is longer than 20 KiB')
  const message = contain(() => wire.LoadSnapshot.decode(bytes, { limits: { readyDatabases: recordBounds.databasesMax, lagsMs: recordBounds.databasesMax } }))
  if (!message.ok) return message
  const { publicKey, paths: vector, lagsMs: lags, serviceCodes, ...figures } = message.value
  const peerId = peerIdOfPublicKey(publicKey)
  if (peerId === null) return refuse('the public key is not 32 bytes')
  if (lags.length !== 0 && lags.length !== figures.readyDatabases.length) return refuse('the lags are not one for each database')
  if (!lags.every(Number.isFinite)) return refuse('a lag is no number')
  const lagsMs = Object.fromEntries(figures.readyDatabases.map((name, index) => [name, lags[index] ?? LAG_UNKNOWN] as const).filter(([, lagMs]) => lagMs >= 0))
  if (serviceCodes.length !== 0 && serviceCodes.length !== figures.readyDatabases.length) return refuse('the service times are not one for each database')
  const serviceTimesMs = Object.fromEntries(figures.readyDatabases.flatMap((name, index) => {
    const serviceMs = serviceTimeMs(serviceCodes[index] ?? 0)
    return serviceMs === null ? [] : [[name, serviceMs] as const]
  }))
  const snapshot: LoadSnapshot = { peerId, ...figures, lagsMs, ...(serviceCodes.length === 0 ? {} : { serviceTimesMs }) }
  const fault = findFault(snapshot)
  if (fault !== null) return refuse(fault)
  const paths = decodePaths(vector, peerId)
  return paths.ok ? { ok: true, value: { ...snapshot, paths: paths.value } } : paths
}

function findFault(snapshot: LoadSnapshot): string | null {
  if (!isCount(snapshot.atWallMs)) return 'the time is out of range'
  if (!isCount(snapshot.sequence)) return 'the sequence is out of range'
  if (!isPercent(snapshot.cpuPercent)) return 'the CPU percentage is out of range'
  if (!isPercent(snapshot.memoryPercent)) return 'the memory percentage is out of range'
  if (!isCount(snapshot.memoryBytes)) return 'the memory in bytes is out of range'
  // 100 a core, so that no host of today comes near the bound.
  if (!(snapshot.processCpuPercent >= 0 && snapshot.processCpuPercent <= 1_000_000)) return "the process's CPU percentage is out of range"
  if (!(snapshot.eventLoopDelayMs >= 0 && snapshot.eventLoopDelayMs <= 1e9)) return 'the event-loop delay is out of range'
  if (!isCount(snapshot.inFlight) || snapshot.inFlight > 0xffff_ffff) return 'the queries in flight are out of range'
  if (snapshot.readyDatabases.length > recordBounds.databasesMax) return 'more than 64 databases'
  if (!snapshot.readyDatabases.every(isDatabaseName)) return 'a database name is not up to 63 letters, digits, underscores and hyphens'
  return null
}

function isPercent(value: number): boolean {
  return value >= 0 && value <= 100
}

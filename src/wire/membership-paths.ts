/**
 * A latency vector on the wire: 36 bytes a path, the 32 of the peer's public key, its round trip in hundredths of a millisecond (24 bits, big-endian) and
 * its loss in 255ths. Whose paths they are is told by the snapshot that they come with.
 */
import { type PathLatency, VECTOR_PATHS_MAX } from '../core/latency/two-hop.ts'
import { type Decoded, refuse } from './membership-decoding.ts'
import { peerIdOfPublicKey, publicKeyBytes, publicKeyOfPeerId } from './membership-peer-id.ts'

const pathBytes = publicKeyBytes + 4
const unitsPerMs = 100
const unitsMax = 0xff_ffff
const lossUnits = 255
export const PATHS_BYTES_MAX = pathBytes * VECTOR_PATHS_MAX

/** The first `VECTOR_PATHS_MAX`; a round trip beyond 167 s is told as that. */
export function encodePaths(paths: readonly PathLatency[]): Uint8Array<ArrayBuffer> {
  const told = paths.slice(0, VECTOR_PATHS_MAX)
  const bytes = new Uint8Array(pathBytes * told.length)
  const view = new DataView(bytes.buffer)
  told.forEach(({ peerId, rttMs, lossRatio }, index) => {
    const at = pathBytes * index
    bytes.set(publicKeyOfPeerId(peerId), at)
    view.setUint32(at + publicKeyBytes, (Math.min(unitsMax, Math.round(rttMs * unitsPerMs)) << 8 | Math.round(Math.min(1, lossRatio) * lossUnits)) >>> 0)
  })
  return bytes
}

/** Refused: another length than whole paths, more than `VECTOR_PATHS_MAX` of them, a peer twice, or the teller itself. */
export function decodePaths(bytes: Uint8Array, teller: string): Decoded<readonly PathLatency[]> {
  if (bytes.length % pathBytes !== 0) return refuse('the latency vector does not consist of whole paths')
  if (bytes.length > PATHS_BYTES_MAX) return refuse(`more than ${VECTOR_PATHS_MAX} paths`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const paths: PathLatency[] = []
  const told = new Set([teller])
  for (let at = 0; at < bytes.length; at += pathBytes) {
    const peerId = peerIdOfPublicKey(bytes.subarray(at, at + publicKeyBytes))
    if (peerId === null || told.has(peerId)) return refuse('the latency vector names a peer twice, or its teller')
    told.add(peerId)
    const figures = view.getUint32(at + publicKeyBytes)
    paths.push({ peerId, rttMs: (figures >>> 8) / unitsPerMs, lossRatio: (figures & 0xff) / lossUnits })
  }
  return { ok: true, value: paths }
}

/**
 * PeerIds on the wire: the 32 raw bytes of the Ed25519 public key, which is all that a PeerId's text spells out. Both
 * directions are cached, because base58 costs some 8 µs and the same few thousand members are named all the time.
 */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromString } from '@libp2p/peer-id'
import { BoundedCache } from './membership-cache.ts'

export const publicKeyBytes = 32

const bounds = { entriesMax: 8192, weightMax: 8192 }
const keys = new BoundedCache<Uint8Array>(bounds)
const peerIds = new BoundedCache<string>(bounds)

/**
 * The public key that a PeerId names.
 * @throws RangeError when it does not name an Ed25519 key; PeerIds of this program always do
 */
export function publicKeyOfPeerId(peerId: string): Uint8Array {
  const known = keys.get(peerId)
  if (known !== undefined) return known
  const parsed = peerIdFromString(peerId)
  if (parsed.type !== 'Ed25519') throw new RangeError(`${peerId} does not name an Ed25519 key`)
  const key = new Uint8Array(parsed.publicKey.raw)
  keys.set(peerId, key, 1)
  return key
}

/** The PeerId of a raw Ed25519 public key; null when it is not 32 bytes. Whether it is a point of the curve shows when it verifies. */
export function peerIdOfPublicKey(key: Uint8Array): string | null {
  if (key.length !== publicKeyBytes) return null
  const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
  const known = peerIds.get(name)
  if (known !== undefined) return known
  const peerId = publicKeyFromRaw(key).toString()
  peerIds.set(name, peerId, 1)
  return peerId
}

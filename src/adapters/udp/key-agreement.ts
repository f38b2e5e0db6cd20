/**
 * The keys between two members' starts: X25519 of the keys that each made at its start, extracted with the cluster key as salt
 * and expanded once for each direction (HKDF-SHA256, RFC 5869). Forward secrecy a run: the private halves are never written down.
 * Who does not hold the cluster key derives other keys, even with a signed record, and so does who is of another cluster or wire version.
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto'
import type { DatagramPeer } from '../../ports/datagrams.ts'
import { clusterContext } from '../../wire/cluster.ts'

const domain = 'reedbase-datagram-v2'
/** RFC 8410: what precedes the raw key in SubjectPublicKeyInfo. */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')
const publicKeyBytes = 32
/** In the place of a cluster key where there is none. */
export const noClusterKey = new Uint8Array(0)

export interface LocalKeys {
  readonly peerId: string
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
  readonly epoch: number
}

export interface DatagramKeys {
  /** Of ChaCha20-Poly1305. */
  readonly seal: Buffer
  readonly guard: Buffer
}

/** For one cluster key. */
export interface DirectionKeys {
  readonly clusterKey: Uint8Array
  readonly send: DatagramKeys
  readonly receive: DatagramKeys
}

export function createLocalKeys(options: { readonly peerId: string; readonly epoch: number }): LocalKeys {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
  return { ...options, publicKey: new Uint8Array(raw), privateKey }
}

/** For one cluster key of the cluster with this label. */
export function deriveKeys(ends: { readonly local: LocalKeys; readonly peer: DatagramPeer }, secret: Uint8Array, clusterKey: Uint8Array, label: string): DirectionKeys {
  const { local, peer } = ends
  return {
    clusterKey,
    send: derive(secret, clusterKey, describe(label, local, peer)),
    receive: derive(secret, clusterKey, describe(label, peer, local)),
  }
}

function derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): DatagramKeys {
  const bytes = Buffer.from(hkdfSync('sha256', secret, salt, info, 64))
  return { seal: bytes.subarray(0, 32), guard: bytes.subarray(32) }
}

/** Null for what is no key. OpenSSL refuses the points of low order, with which anybody could compute the secret. About 1.7 ms. */
export function agree(privateKey: KeyObject, publicKey: Uint8Array): Buffer | null {
  if (publicKey.length !== publicKeyBytes) return null
  try {
    const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' })
    return diffieHellman({ privateKey, publicKey: key })
  } catch {
    // The peer chose these bytes: that they make no key is an answer, and the caller counts it.
    return null
  }
}

type Party = Pick<DatagramPeer, 'peerId' | 'publicKey' | 'epoch'>

/** Everything that tells this direction of this pair of starts from any other; label and PeerIds are of varying length, hence the NULs. */
function describe(label: string, from: Party, to: Party): Buffer {
  const epochs = Buffer.alloc(12)
  epochs.writeUIntBE(from.epoch, 0, 6)
  epochs.writeUIntBE(to.epoch, 6, 6)
  return Buffer.concat([Buffer.from(`${domain}\0${clusterContext(label)}${from.peerId}\0${to.peerId}\0`), epochs, from.publicKey, to.publicKey])
}

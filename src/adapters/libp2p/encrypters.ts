/**
 * The keyring as connection encrypters: stock Noise XX, with the cluster key mixed into the prologue and the key's fingerprint in the
 * protocol name. Who lacks the key fails the handshake before anything else is spoken, and two keys overlap while they are rotated,
 * because multistream-select settles on a name that both sides have.
 *
 * The prologue can be guessed offline by who watches a handshake, so a key must be 32 random bytes, never a password.
 */
import { createHash } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter } from '@libp2p/interface'
import { MeshError } from '../../errors.ts'
import { clusterKeyBytes, keyFingerprint } from '../../wire/cluster-key.ts'

export type EncrypterFactory = (components: NoiseComponents) => ConnectionEncrypter

/** The encrypter's protocol name for a cluster key: Noise with the first 8 digits of its fingerprint. */
export function encrypterProtocol(key: Uint8Array): string {
  return `/noise/reedbase-${keyFingerprint(key).slice(0, 8)}`
}

/**
 * One encrypter a key, in the order given: a dial offers them in that order, a listener takes any.
 * @throws MeshError ERR_KEYRING_DAMAGED for a key that is not 32 bytes or is there twice
 */
export function createEncrypters(keys: readonly Uint8Array[]): EncrypterFactory[] {
  if (keys.length === 0) return [noise()]
  const names = new Set<string>()
  return keys.map((key) => {
    if (key.length !== clusterKeyBytes) {
      throw new MeshError('ERR_KEYRING_DAMAGED', `A cluster key has ${key.length} bytes; ${clusterKeyBytes} are needed.`)
    }
    const protocol = encrypterProtocol(key)
    if (names.has(protocol)) throw new MeshError('ERR_KEYRING_DAMAGED', `The keyring holds the key ${keyFingerprint(key)} twice.`)
    names.add(protocol)
    const create = noise({ prologueBytes: digest('reedbase noise prologue v1', key) })
    return (components) => Object.assign(create(components), { protocol })
  })
}

function digest(label: string, key: Uint8Array): Buffer {
  return createHash('sha256').update(label).update('\0').update(key).digest()
}

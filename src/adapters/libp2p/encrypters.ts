/**
 * The keyring as connection encrypters: stock Noise XX, with cluster key, cluster label and wire version mixed into the prologue, and a
 * digest of the three in the protocol name. Who lacks one of them fails the handshake before anything else is spoken, and two keys overlap
 * while they are rotated, because multistream-select settles on a name that both sides have.
 *
 * The prologue can be guessed offline by who watches a handshake, so a key must be 32 random bytes, never a password.
 */
import { createHash } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter } from '@libp2p/interface'
import { MeshError } from '../../errors.ts'
import { clusterContext, defaultClusterLabel } from '../../wire/cluster.ts'
import { clusterKeyBytes, keyFingerprint } from '../../wire/cluster-key.ts'
import { createStrangerEncrypter, type Knock, type StrangerReason } from './stranger.ts'

export type EncrypterFactory = (components: NoiseComponents) => ConnectionEncrypter

export interface EncryptersInit {
  /** The one in use first. */
  readonly keys: readonly Uint8Array[]
  readonly label: string
  readonly onKnock: (reason: StrangerReason, knock: Knock) => void
}

/** The encrypter's protocol name for a cluster key: Noise with 8 digits that stand for key, label and wire version. */
export function encrypterProtocol(key: Uint8Array, label: string = defaultClusterLabel): string {
  return `/noise/reedbase-${digest('reedbase noise name v1', label, key).toString('hex').slice(0, 8)}`
}

/** One encrypter a key, in the keyring's order: a dial offers them in that order, a listener takes any. */
export class Encrypters {
  readonly #label: string
  readonly #onKnock: EncryptersInit['onKnock']
  #keys: readonly Uint8Array[]
  #components: NoiseComponents | null = null

  /** @throws MeshError ERR_KEYRING_DAMAGED for a key that is not 32 bytes or is there twice */
  constructor({ keys, label, onKnock }: EncryptersInit) {
    checkKeys(keys)
    this.#keys = keys
    this.#label = label
    this.#onKnock = onKnock
  }

  /** For libp2p, which calls each once; later changes go to the map that it made of them. */
  factories(): EncrypterFactory[] {
    return [...this.#keys.map((key) => this.#createNoise(key)), ...(this.#keys.length === 0 ? [this.#createOpenNoise()] : []), () => this.#createStranger()]
      .map((create) => (components) => {
        this.#components = components
        return create(components)
      })
  }

  /** Protocol names of the keys now in the ring. */
  get protocols(): readonly string[] {
    return this.#keys.map((key) => encrypterProtocol(key, this.#label))
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys
  }

  /**
   * From now on handshakes offer and take these. Connections stay as they are; a handshake that is just choosing a removed key fails,
   * and is dialled again as any other.
   * @throws MeshError ERR_KEYRING_DAMAGED
   */
  setKeys(keys: readonly Uint8Array[]): void {
    checkKeys(keys)
    this.#keys = keys
    if (this.#components === null) return
    const components = this.#components
    const live = components.upgrader.getConnectionEncrypters()
    const before = new Map(live)
    live.clear()
    for (const key of keys) {
      const protocol = encrypterProtocol(key, this.#label)
      live.set(protocol, before.get(protocol) ?? this.#createNoise(key)(components))
    }
    if (keys.length === 0) {
      const open = this.#createOpenNoise()(components)
      live.set(open.protocol, open)
    }
    live.set(this.#createStranger().protocol, this.#createStranger())
  }

  #createNoise(key: Uint8Array): EncrypterFactory {
    const create = noise({ prologueBytes: digest('reedbase noise prologue v2', this.#label, key) })
    return (components) => Object.assign(create(components), { protocol: encrypterProtocol(key, this.#label) })
  }

  /** Without a key anyone may enter, stock libp2p too, unless a label keeps clusters apart. */
  #createOpenNoise(): EncrypterFactory {
    if (this.#label === defaultClusterLabel) return noise()
    const none = new Uint8Array(0)
    const create = noise({ prologueBytes: digest('reedbase noise prologue v2', this.#label, none) })
    return (components) => Object.assign(create(components), { protocol: encrypterProtocol(none, this.#label) })
  }

  #createStranger(): ConnectionEncrypter {
    return createStrangerEncrypter(() => ({ label: this.#label, fingerprints: this.#keys.map((key) => keyFingerprint(key).slice(0, 8)) }), this.#onKnock)
  }
}

function checkKeys(keys: readonly Uint8Array[]): void {
  const fingerprints = new Set<string>()
  for (const key of keys) {
    if (key.length !== clusterKeyBytes) {
      throw new MeshError('ERR_KEYRING_DAMAGED', `A cluster key has ${key.length} bytes; ${clusterKeyBytes} are needed.`)
    }
    const fingerprint = keyFingerprint(key)
    if (fingerprints.has(fingerprint)) throw new MeshError('ERR_KEYRING_DAMAGED', `The keyring holds the key ${fingerprint} twice.`)
    fingerprints.add(fingerprint)
  }
}

/** The context ends with NUL and the key is of fixed length, so no two triples give one input. */
function digest(domain: string, label: string, key: Uint8Array): Buffer {
  return createHash('sha256').update(domain).update('\0').update(clusterContext(label)).update(key).digest()
}

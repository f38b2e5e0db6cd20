/**
 * Seals and opens datagrams (ChaCha20-Poly1305, RFC 8439) without any socket. Whatever arrives is judged by the cheapest check
 * first, so that junk costs about a microsecond and only someone who knows a member's tag and both epochs makes us compute.
 *
 * Two things must never happen: a counter used twice under one key, and a datagram accepted twice. A member may be forgotten
 * and learned again within one epoch, with the same keys; so its session is set aside rather than thrown away, and should even that
 * have been forgotten, a new session counts on from the highest counter ever used.
 *
 * Extension: which cluster keys a peer holds is learned from what it sends. A key that opened a datagram of this start of it is one
 * that both hold, so it seals all that goes there. Until then the own first key may be one that the peer lacks, and the peer, as much at a
 * loss, may never be heard either; so each payload goes out once for each key, of which a keyring has few. Taking turns with the
 * keys would cost the first probes, and bring suspicions.
 * The keyring may change meanwhile. A key that is put in use is proposed to each peer: payloads go out under it and, as a copy, under the key
 * that is known to work, until the peer answers under the new one or has answered often enough under another to show that it lacks it. A key
 * that is removed is forgotten at once, and with it the knowledge that it worked.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { DatagramDrop, DatagramPeer } from '../../ports/datagrams.ts'
import { defaultClusterLabel } from '../../wire/cluster.ts'
import {
  datagramBytesMax, datagramVersion, epochMax, guardBytes, headerBytes, type HeaderFields, nonceOf, payloadBytesMax, readCounter, readReceiverEpoch,
  readSenderEpoch, readSenderTag, sealBytes, senderTagOf, writeHeader,
} from './datagram-header.ts'
import { hasGuard, writeGuard } from './datagram-guard.ts'
import { agree, type DatagramKeys, deriveKeys, type DirectionKeys, type LocalKeys, noClusterKey } from './key-agreement.ts'
import { ReplayWindow } from './replay-window.ts'

const algorithm = 'chacha20-poly1305'
/** Datagrams opened under another key after which a proposed key counts as one that the peer lacks. */
const proposalAnswersMax = 16

export interface SealingOptions {
  /** The one in use first; empty for none. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Label of the cluster. Default `reedbase`. */
  readonly label?: string
  /** Members kept at most; more are ignored. About 0.6 KB each. Default 16,384. */
  readonly peersMax?: number
  /** Sessions set aside at most. Default 1,024. */
  readonly retiredMax?: number
}

export type Opened =
  | { readonly ok: true; readonly from: string; readonly payload: Buffer }
  | { readonly ok: false; readonly drop: DatagramDrop }

interface Session {
  peer: DatagramPeer
  readonly tag: string
  /** Undefined until first needed; null when no key can be agreed. */
  secret: Buffer | null | undefined
  /** One a cluster key of `ring`, in its order. */
  keys: readonly DirectionKeys[]
  /** The keyring that `keys` were derived for. */
  ring: Ring | null
  /** What opened the last datagram: the peer holds it, and most likely seals the next one with it. Null before the first. */
  lastOpenedWith: DirectionKeys | null
  /** Datagrams opened under another key since the first key of the ring was proposed; null when nothing is proposed. */
  proposalAnswers: number | null
  denied: boolean
  counter: number
  readonly window: ReplayWindow
}

interface Ring {
  readonly clusterKeys: readonly Uint8Array[]
}

export class Sealing {
  readonly #local: LocalKeys
  readonly #localTag: string
  readonly #label: string
  #ring: Ring
  #isAllowed: (peerId: string) => boolean = () => true
  readonly #peersMax: number
  readonly #retiredMax: number
  readonly #byPeerId = new Map<string, Session>()
  readonly #byTag = new Map<string, Session>()
  readonly #retired = new Map<string, Session>()
  #highestCounter = 0

  constructor(local: LocalKeys, { clusterKeys, label = defaultClusterLabel, peersMax = 16_384, retiredMax = 1024 }: SealingOptions) {
    this.#local = local
    this.#localTag = senderTagOf(local.peerId)
    this.#label = label
    this.#ring = createRing(clusterKeys)
    this.#peersMax = peersMax
    this.#retiredMax = retiredMax
  }

  get peers(): number {
    return this.#byPeerId.size
  }

  peer(peerId: string): DatagramPeer | undefined {
    return this.#byPeerId.get(peerId)?.peer
  }

  setPeer(peer: DatagramPeer): void {
    const before = this.#byPeerId.get(peer.peerId)
    if (before !== undefined && isSameStart(before.peer, peer)) {
      before.peer = peer
      return
    }
    if (before !== undefined) this.removePeer(peer.peerId)
    if (this.#byPeerId.size >= this.#peersMax || !(peer.epoch >= 0 && peer.epoch <= epochMax)) return
    const session = this.#takeRetired(peer) ?? this.#createSession(peer)
    session.denied = !this.#isAllowed(peer.peerId)
    this.#byPeerId.set(peer.peerId, session)
    this.#byTag.set(session.tag, session)
  }

  removePeer(peerId: string): void {
    const session = this.#byPeerId.get(peerId)
    if (session === undefined) return
    this.#byPeerId.delete(peerId)
    this.#byTag.delete(session.tag)
    this.#retired.set(retiredName(session.peer), session)
    for (const oldest of this.#retired.keys()) {
      if (this.#retired.size <= this.#retiredMax) break
      this.#retired.delete(oldest)
    }
  }

  isDenied(peerId: string): boolean {
    return this.#byPeerId.get(peerId)?.denied ?? false
  }

  /** Asked for each peer now and for those that come. O(peers). */
  setAllowed(isAllowed: (peerId: string) => boolean): void {
    this.#isAllowed = isAllowed
    for (const session of this.#byPeerId.values()) session.denied = !isAllowed(session.peer.peerId)
  }

  /** The one in use first. Takes effect at each peer's next datagram, at the cost of a key derivation (about 0.1 ms) a new key. */
  setClusterKeys(clusterKeys: readonly Uint8Array[]): void {
    this.#ring = createRing(clusterKeys)
  }

  /**
   * The datagram to send. As long as no datagram of the peer has been opened, `copies` gets one more for each further cluster key, and
   * while a key is proposed one more under the key that is known to work, to be sent after it; all bear one counter, so that a receiver which can open several accepts one. Null when the peer is unknown
   * or offers no usable key, or the payload is longer than `payloadBytesMax`.
   */
  seal(peerId: string, payload: Uint8Array, copies?: Buffer[]): Buffer | null {
    const session = this.#byPeerId.get(peerId)
    if (session === undefined || session.denied || payload.length > payloadBytesMax) return null
    const keys = this.#keysOf(session)
    const known = session.lastOpenedWith
    const chosen = session.proposalAnswers === null ? (known ?? keys[0]) : keys[0]
    if (chosen === undefined) return null
    const counter = ++session.counter
    if (counter > this.#highestCounter) this.#highestCounter = counter
    const header = { senderTag: this.#localTag, senderEpoch: this.#local.epoch, receiverEpoch: session.peer.epoch, counter }
    if (copies !== undefined) {
      const others = known === null ? keys.slice(1) : known === chosen ? [] : [known]
      for (const other of others) copies.push(encrypt(other.send, header, payload))
    }
    return encrypt(chosen.send, header, payload)
  }

  open(datagram: Buffer): Opened {
    if (datagram.length < headerBytes + sealBytes + guardBytes) return drops.truncated
    if (datagram.length > datagramBytesMax) return drops.oversized
    if (datagram[0] !== datagramVersion) return drops.version
    const session = this.#byTag.get(readSenderTag(datagram))
    if (session === undefined) return drops['unknown-sender']
    if (session.denied) return drops.denied
    if (readReceiverEpoch(datagram) !== this.#local.epoch || readSenderEpoch(datagram) !== session.peer.epoch) return drops.epoch
    const counter = readCounter(datagram)
    if (counter > Number.MAX_SAFE_INTEGER || !session.window.isFresh(counter)) return drops.replayed
    const payload = this.#decrypt(session, datagram)
    if (payload === null) return drops.forged
    session.window.accept(counter)
    return { ok: true, from: session.peer.peerId, payload }
  }

  /** Tries the guard of the cluster key that worked last, then of the others, of which the keyring allows few. */
  #decrypt(session: Session, datagram: Buffer): Buffer | null {
    const keys = this.#keysOf(session)
    const start = session.lastOpenedWith === null ? 0 : keys.indexOf(session.lastOpenedWith)
    for (let step = 0; step < keys.length; step++) {
      const candidate = keys[(start + step) % keys.length] as DirectionKeys
      const payload = hasGuard(candidate.receive.guard, datagram) ? decrypt(candidate.receive, datagram) : null
      if (payload === null) continue
      session.lastOpenedWith = candidate
      if (session.proposalAnswers !== null && (candidate === keys[0] || ++session.proposalAnswers >= proposalAnswersMax)) session.proposalAnswers = null
      return payload
    }
    return null
  }

  #keysOf(session: Session): readonly DirectionKeys[] {
    if (session.ring === this.#ring) return session.keys
    if (session.secret === undefined) session.secret = agree(this.#local.privateKey, session.peer.publicKey)
    const { secret, peer, keys: before } = session
    session.ring = this.#ring
    if (secret === null) return session.keys
    const first = before[0]?.clusterKey
    session.keys = this.#ring.clusterKeys.map((clusterKey) => (
      before.find((keys) => isSameKey(keys.clusterKey, clusterKey)) ?? deriveKeys({ local: this.#local, peer }, secret, clusterKey, this.#label)
    ))
    if (session.lastOpenedWith !== null && !session.keys.includes(session.lastOpenedWith)) session.lastOpenedWith = null
    const inUse = session.keys[0]
    const isProposed = inUse !== undefined && first !== undefined && !isSameKey(first, inUse.clusterKey) && session.lastOpenedWith !== null && session.lastOpenedWith !== inUse
    if (isProposed) session.proposalAnswers = 0
    else if (session.lastOpenedWith === null || session.lastOpenedWith === inUse) session.proposalAnswers = null
    return session.keys
  }

  #createSession(peer: DatagramPeer): Session {
    return { peer, tag: senderTagOf(peer.peerId), secret: undefined, keys: [], ring: null, lastOpenedWith: null, proposalAnswers: null, denied: false, counter: this.#highestCounter, window: new ReplayWindow() }
  }

  #takeRetired(peer: DatagramPeer): Session | null {
    const name = retiredName(peer)
    const session = this.#retired.get(name)
    if (session === undefined) return null
    this.#retired.delete(name)
    session.peer = peer
    return session
  }
}

/** Made once: a flood of junk must not become a flood of garbage. */
const drops = {
  truncated: { ok: false, drop: 'truncated' },
  oversized: { ok: false, drop: 'oversized' },
  version: { ok: false, drop: 'version' },
  'unknown-sender': { ok: false, drop: 'unknown-sender' },
  denied: { ok: false, drop: 'denied' },
  epoch: { ok: false, drop: 'epoch' },
  replayed: { ok: false, drop: 'replayed' },
  forged: { ok: false, drop: 'forged' },
} as const satisfies Record<Exclude<DatagramDrop, 'malformed'>, Opened>

function encrypt(keys: DatagramKeys, header: HeaderFields, payload: Uint8Array): Buffer {
  const datagram = Buffer.allocUnsafe(headerBytes + payload.length + sealBytes + guardBytes)
  writeHeader(datagram, header)
  const cipher = createCipheriv(algorithm, keys.seal, nonceOf(datagram), { authTagLength: sealBytes })
  cipher.setAAD(datagram.subarray(0, headerBytes), { plaintextLength: payload.length })
  datagram.set(cipher.update(payload), headerBytes)
  cipher.final()
  datagram.set(cipher.getAuthTag(), headerBytes + payload.length)
  writeGuard(keys.guard, datagram)
  return datagram
}

function decrypt(keys: DatagramKeys, datagram: Buffer): Buffer | null {
  const sealStart = datagram.length - guardBytes - sealBytes
  const decipher = createDecipheriv(algorithm, keys.seal, nonceOf(datagram), { authTagLength: sealBytes })
  decipher.setAAD(datagram.subarray(0, headerBytes), { plaintextLength: sealStart - headerBytes })
  decipher.setAuthTag(datagram.subarray(sealStart, sealStart + sealBytes))
  const payload = decipher.update(datagram.subarray(headerBytes, sealStart))
  try {
    decipher.final()
    return payload
  } catch {
    // The only way in which node:crypto says that the seal is not genuine.
    return null
  }
}

function createRing(clusterKeys: readonly Uint8Array[]): Ring {
  return { clusterKeys: clusterKeys.length === 0 ? [noClusterKey] : clusterKeys }
}

function isSameKey(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

function isSameStart(one: DatagramPeer, other: DatagramPeer): boolean {
  return one.epoch === other.epoch && Buffer.compare(one.publicKey, other.publicKey) === 0
}

function retiredName(peer: DatagramPeer): string {
  return `${peer.peerId} ${peer.epoch} ${Buffer.from(peer.publicKey).toString('latin1')}`
}

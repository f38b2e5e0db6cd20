/**
 * Seals and opens datagrams (ChaCha20-Poly1305, RFC 8439) without any socket. Whatever arrives is judged by the cheapest check
 * first, so that junk costs about a microsecond and only someone who knows a member's tag and both epochs makes us compute.
 *
 * Two things must never happen: a counter used twice under one key, and a datagram accepted twice. A member may be forgotten
 * and learned again within one epoch, with the same keys; so its session is set aside rather than thrown away, and should even that
 * have been forgotten, a new session counts on from the highest counter ever used.
 *
 * Extension: which cluster keys a peer holds is learned from what it sends. A key that opened a datagram of this start of it is one
 * that both hold, for as long as both run, since keyrings are read at the start; so it seals all that goes there. Until then the own
 * first key may be one that the peer lacks, and the peer, as much at a loss, may never be heard either; so each payload goes out once
 * for each key, of which a keyring has few. Taking turns with the keys would cost the first probes, and bring suspicions.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { DatagramDrop, DatagramPeer } from '../../ports/datagrams.ts'
import {
  datagramBytesMax, datagramVersion, epochMax, guardBytes, headerBytes, type HeaderFields, nonceOf, payloadBytesMax, readCounter, readReceiverEpoch,
  readSenderEpoch, readSenderTag, sealBytes, senderTagOf, writeHeader,
} from './datagram-header.ts'
import { hasGuard, writeGuard } from './datagram-guard.ts'
import { agreeOnKeys, type DatagramKeys, type DirectionKeys, type LocalKeys } from './key-agreement.ts'
import { ReplayWindow } from './replay-window.ts'

const algorithm = 'chacha20-poly1305'

export interface SealingOptions {
  /** The one in use first; empty for none. */
  readonly clusterKeys: readonly Uint8Array[]
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
  keys: readonly DirectionKeys[] | null | undefined
  /** Which cluster key opened the last datagram: the peer holds it, and most likely seals the next one with it. Null before the first. */
  lastOpenedWith: number | null
  counter: number
  readonly window: ReplayWindow
}

export class Sealing {
  readonly #local: LocalKeys
  readonly #localTag: string
  readonly #clusterKeys: readonly Uint8Array[]
  readonly #peersMax: number
  readonly #retiredMax: number
  readonly #byPeerId = new Map<string, Session>()
  readonly #byTag = new Map<string, Session>()
  readonly #retired = new Map<string, Session>()
  #highestCounter = 0

  constructor(local: LocalKeys, { clusterKeys, peersMax = 16_384, retiredMax = 1024 }: SealingOptions) {
    this.#local = local
    this.#localTag = senderTagOf(local.peerId)
    this.#clusterKeys = clusterKeys
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

  /**
   * The datagram to send. As long as no datagram of the peer has been opened, `copies` gets one more for each further cluster key,
   * to be sent after it; all bear one counter, so that a receiver which can open several accepts one. Null when the peer is unknown
   * or offers no usable key, or the payload is longer than `payloadBytesMax`.
   */
  seal(peerId: string, payload: Uint8Array, copies?: Buffer[]): Buffer | null {
    const session = this.#byPeerId.get(peerId)
    if (session === undefined || payload.length > payloadBytesMax) return null
    const keys = this.#keysOf(session)
    const chosen = keys?.[session.lastOpenedWith ?? 0]
    if (keys === null || chosen === undefined) return null
    const counter = ++session.counter
    if (counter > this.#highestCounter) this.#highestCounter = counter
    const header = { senderTag: this.#localTag, senderEpoch: this.#local.epoch, receiverEpoch: session.peer.epoch, counter }
    if (session.lastOpenedWith === null && copies !== undefined) {
      for (const other of keys.slice(1)) copies.push(encrypt(other.send, header, payload))
    }
    return encrypt(chosen.send, header, payload)
  }

  open(datagram: Buffer): Opened {
    if (datagram.length < headerBytes + sealBytes + guardBytes) return drops.truncated
    if (datagram.length > datagramBytesMax) return drops.oversized
    if (datagram[0] !== datagramVersion) return drops.version
    const session = this.#byTag.get(readSenderTag(datagram))
    if (session === undefined) return drops['unknown-sender']
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
    if (keys === null) return null
    for (let step = 0; step < keys.length; step++) {
      const index = ((session.lastOpenedWith ?? 0) + step) % keys.length
      const { receive } = keys[index] as DirectionKeys
      const payload = hasGuard(receive.guard, datagram) ? decrypt(receive, datagram) : null
      if (payload === null) continue
      session.lastOpenedWith = index
      return payload
    }
    return null
  }

  #keysOf(session: Session): readonly DirectionKeys[] | null {
    if (session.keys === undefined) session.keys = agreeOnKeys(this.#local, session.peer, this.#clusterKeys)
    return session.keys
  }

  #createSession(peer: DatagramPeer): Session {
    return { peer, tag: senderTagOf(peer.peerId), keys: undefined, lastOpenedWith: null, counter: this.#highestCounter, window: new ReplayWindow() }
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

function isSameStart(one: DatagramPeer, other: DatagramPeer): boolean {
  return one.epoch === other.epoch && Buffer.compare(one.publicKey, other.publicKey) === 0
}

function retiredName(peer: DatagramPeer): string {
  return `${peer.peerId} ${peer.epoch} ${Buffer.from(peer.publicKey).toString('latin1')}`
}

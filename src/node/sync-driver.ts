/**
 * Push-pull exchanges over libp2p requests: asks a random member at intervals and whomever others name, and answers. What is asked and answered
 * is decided in core/membership/push-pull.ts; here it is encoded, verified, bounded and counted.
 */
import type { Membership } from '../core/membership/membership.ts'
import { type SyncAnswer, nextSyncMs, syncEntriesIn, type SyncRequest } from '../core/membership/push-pull.ts'
import type { MembershipEffect } from '../core/membership/types.ts'
import { type Random, randomInteger } from '../core/time/random.ts'
import type { Mesh } from '../adapters/libp2p/mesh.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { RecordVerifier } from '../wire/membership-signatures.ts'
import { decodeSyncAnswer, decodeSyncRequest, encodeSyncAnswer, encodeSyncRequest, syncBytesMax } from '../wire/sync-codec.ts'
import { discreetEntries } from './discretion.ts'

export const SYNC_PROTOCOL = '/reedbase/sync/2.0'
/** A whole exchange. */
export const SYNC_TIMEOUT_MS = 5_000
/** Whoever joined elsewhere at the same moment is in nobody's first sync; and what did not fit into one exchange goes on with the next. */
export const SECOND_SYNC_MS = 2_000
/** Compare, delta, push. */
const questionsMax = 3
/** Own exchanges at a time; further ones wait, and beyond that are given up. */
export const SYNCS_AT_ONCE_MAX = 16
export const SYNCS_WAITING_MAX = 64

export interface SyncDriverParts {
  readonly membership: Pick<Membership, 'handleSync' | 'syncRequest' | 'syncAnswer' | 'syncNext' | 'members' | 'countOf'>
  readonly mesh: Pick<Mesh, 'request' | 'onRequest'>
  /** Peers that this node refuses are not accused by it. */
  readonly isAllowed: (peerId: string) => boolean
  readonly verifier: RecordVerifier
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly perform: (effects: readonly MembershipEffect[]) => void
}

export interface SyncCounters {
  /** Exchanges that this node asked for and that came to their end. */
  syncs: number
  /** Of these, the ones where both held the same. */
  syncsEqual: number
  syncFailures: number
  /** Given up because too many waited already. */
  syncsRefused: number
  syncQuestionsAnswered: number
  /** Questions and answers that were no such thing. */
  syncsMalformed: number
  /** Lines whose signature or bounds fail. */
  syncLinesUnverified: number
  syncLinesSent: number
  syncLinesReceived: number
  syncBytesSent: number
  syncBytesReceived: number
}

export class SyncDriver {
  readonly #parts: SyncDriverParts
  /** One exchange with a peer at a time; whoever asks for another meanwhile shares it. */
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #waiting: Array<() => void> = []
  #active = 0
  #timer: Timer | null = null
  #stopped = false
  readonly counters: SyncCounters = {
    syncs: 0, syncsEqual: 0, syncFailures: 0, syncsRefused: 0, syncQuestionsAnswered: 0, syncsMalformed: 0, syncLinesUnverified: 0,
    syncLinesSent: 0, syncLinesReceived: 0, syncBytesSent: 0, syncBytesReceived: 0,
  }

  constructor(parts: SyncDriverParts) {
    this.#parts = parts
  }

  /** From now on this node answers. */
  async start(): Promise<void> {
    await this.#parts.mesh.onRequest(SYNC_PROTOCOL, syncBytesMax, (from, bytes) => this.#answer(from, bytes))
  }

  /** From now on it asks, too. */
  startAsking(): void {
    this.#arm(SECOND_SYNC_MS)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Makes both tables agree. False when the other side did not answer; never throws. */
  sync(peerId: string): Promise<boolean> {
    const running = this.#running.get(peerId) ?? this.#inTurn(() => this.#exchange(peerId)).finally(() => this.#running.delete(peerId))
    this.#running.set(peerId, running)
    return running
  }

  async #inTurn(exchange: () => Promise<boolean>): Promise<boolean> {
    if (this.#active < SYNCS_AT_ONCE_MAX) {
      this.#active++
    } else if (this.#waiting.length < SYNCS_WAITING_MAX) {
      await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    } else {
      this.counters.syncsRefused++
      return false
    }
    try {
      return await exchange()
    } finally {
      // The next one takes over the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#active--
      else next()
    }
  }

  async #exchange(peerId: string): Promise<boolean> {
    const { membership, clock, random, log } = this.#parts
    const untilMs = clock.nowMs() + SYNC_TIMEOUT_MS
    let request: SyncRequest | null = membership.syncRequest(clock.nowMs(), randomInteger(random, 2 ** 32))
    let isPartial = false
    try {
      for (let questions = 1; request !== null && questions <= questionsMax && !this.#stopped; questions++) {
        const answer: SyncAnswer = await this.#ask(peerId, request, untilMs - clock.nowMs())
        if (request.kind === 'compare' && answer.kind === 'nothing') this.counters.syncsEqual++
        if (answer.kind === 'entries' && answer.isPartial) isPartial = true
        this.#take(peerId, answer)
        request = membership.syncNext(clock.nowMs(), request, answer)
      }
    } catch (error) {
      this.counters.syncFailures++
      log.debug({ peerId, err: error }, 'push-pull sync failed')
      return false
    }
    this.counters.syncs++
    if (isPartial && this.#timer !== null) this.#arm(SECOND_SYNC_MS)
    return true
  }

  /** @throws MeshError ERR_PEER_UNREACHABLE, ERR_PROTOCOL */
  async #ask(peerId: string, asked: SyncRequest, timeoutMs: number): Promise<SyncAnswer> {
    const { mesh, verifier } = this.#parts
    const request = this.#discreet(asked)
    const question = encodeSyncRequest(request)
    this.#countSent(request, question)
    const bytes = await mesh.request(peerId, SYNC_PROTOCOL, question, { timeoutMs: Math.max(1, timeoutMs), responseBytesMax: syncBytesMax })
    const decoded = decodeSyncAnswer(bytes, verifier)
    if (!decoded.ok) throw this.#malformed(peerId, decoded.reason)
    this.#countReceived(decoded.value, bytes, decoded.unverified)
    return decoded.value
  }

  /** Made within one turn. @throws MeshError ERR_PROTOCOL, which resets the stream */
  #answer(from: string, bytes: Uint8Array): Uint8Array {
    const { membership, verifier, clock } = this.#parts
    const decoded = decodeSyncRequest(bytes, verifier)
    if (!decoded.ok) throw this.#malformed(from, decoded.reason)
    this.#countReceived(decoded.value, bytes, decoded.unverified)
    this.#take(from, decoded.value)
    const answer = this.#discreet(membership.syncAnswer(clock.nowMs(), from, decoded.value))
    const encoded = encodeSyncAnswer(answer)
    this.counters.syncQuestionsAnswered++
    this.#countSent(answer, encoded)
    return encoded
  }

  /** Also when it brings no entries: the machine hears that this member is there, and tells it at once when it is suspected. */
  #take(from: string, message: SyncRequest | SyncAnswer): void {
    const { membership, clock, perform } = this.#parts
    if (!this.#stopped) perform(membership.handleSync(clock.nowMs(), { from, entries: syncEntriesIn(message) }))
  }

  #discreet<Message extends SyncRequest | SyncAnswer>(message: Message): Message {
    return 'entries' in message ? { ...message, entries: discreetEntries(message.entries, this.#parts.isAllowed) } : message
  }

  #malformed(peerId: string, reason: string): MeshError {
    this.counters.syncsMalformed++
    return new MeshError('ERR_PROTOCOL', `${peerId} sent a sync message that the protocol does not allow: ${reason}.`, { details: { peerId } })
  }

  #countSent(message: SyncRequest | SyncAnswer, bytes: Uint8Array): void {
    this.counters.syncLinesSent += syncEntriesIn(message).length
    this.counters.syncBytesSent += bytes.length
  }

  #countReceived(message: SyncRequest | SyncAnswer, bytes: Uint8Array, unverified: number): void {
    this.counters.syncLinesReceived += syncEntriesIn(message).length
    this.counters.syncLinesUnverified += unverified
    this.counters.syncBytesReceived += bytes.length
  }

  #arm(afterMs: number): void {
    if (this.#stopped) return
    const { membership, clock, random } = this.#parts
    this.#timer?.cancel()
    this.#timer = clock.setTimer(afterMs * (0.75 + 0.5 * random()), () => {
      const alive = membership.members().filter((member) => member.state === 'alive')
      const chosen = alive[randomInteger(random, alive.length)]
      this.#arm(nextSyncMs(afterMs, membership.countOf('alive') + membership.countOf('suspect') + 1))
      if (chosen !== undefined) void this.sync(chosen.signed.record.peerId)
    })
  }
}

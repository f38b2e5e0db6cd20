/**
 * The keyring of a running node, and its rotation over the whole mesh. Every change is written to the data folder before it is used and before
 * anybody is told that it is kept. Members that meet compare their rings (core/keyring/ring.ts), so a step of a rotation that one of them
 * missed reaches it with its next connection, as long as it holds one key that is still in the ring.
 *
 * Who may change keys: any member that has proved a key of the current ring on the connection that it asks on, as in Serf. So a rotation
 * is hygiene; a key that has leaked is replaced by hand, since who has it would be handed the next one too.
 */
import { keysMax, type Keyring, loadKeyring, removedMax, saveKeyring } from '../adapters/files/keyring.ts'
import type { Mesh } from '../adapters/libp2p/mesh.ts'
import { mergeRing, removeKey, type Ring, type RingKey, type RingSummary, summarize, useKey } from '../core/keyring/ring.ts'
import { type Random, randomInteger } from '../core/time/random.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Datagrams } from '../ports/datagrams.ts'
import type { Log } from '../ports/log.ts'
import { keyFingerprint } from '../wire/cluster-key.ts'
import type { KeysMemberView, KeysView } from '../wire/control.ts'
import {
  decodeKeysAnswer, decodeKeysQuestion, encodeKeysAnswer, encodeKeysQuestion, KEYS_MESSAGE_BYTES_MAX, KEYS_PROTOCOL, type KeysAnswer, type KeysQuestion,
} from '../wire/keys-codec.ts'

const bounds = { keysMax, removedMax }
const requestTimeoutMs = 3_000
/** A command waits 10 s for its answer; who has not answered by then is named. */
const roundMsMax = 8_000
const parallelRequestsMax = 32
/** Repairs what the comparison at a connection's start has missed. */
const compareIntervalMs = 30_000
/** Changes that wait for the disk at most; more are refused. */
const waitingMax = 64

interface KeyringMember {
  readonly peerId: string
  readonly name: string
  /** A member that is down cannot confirm, and is not waited for. */
  readonly isUp: boolean
}

interface KeyringServiceParts {
  readonly folderPath: string
  readonly keyring: Keyring
  readonly self: { readonly peerId: string; readonly name: string }
  readonly mesh: Pick<Mesh, 'request' | 'onRequest' | 'onConnection' | 'connectedPeers' | 'setClusterKeys' | 'hasCurrentKey' | 'renew'>
  readonly datagrams: Pick<Datagrams, 'setClusterKeys'>
  /** All but this node and those that have left. */
  readonly members: () => readonly KeyringMember[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

interface KeyringCounters {
  comparisons: number
  comparisonFailures: number
  changes: number
  /** Questions that were no questions. */
  malformed: number
  /** Questions on connections made with a key that is not in the ring any more. */
  strangers: number
}

export class KeyringService {
  readonly counters: KeyringCounters = { comparisons: 0, comparisonFailures: 0, changes: 0, malformed: 0, strangers: 0 }
  readonly #parts: KeyringServiceParts
  /** Null: this node has no cluster key, and nothing to rotate. */
  #ring: Ring | null
  #changing: Promise<void> = Promise.resolve()
  #waiting = 0
  #timer: Timer | null = null
  #stopped = false

  constructor(parts: KeyringServiceParts) {
    this.#parts = parts
    this.#ring = ringOf(parts.keyring)
  }

  async start(): Promise<void> {
    const { mesh, self } = this.#parts
    await mesh.onRequest(KEYS_PROTOCOL, KEYS_MESSAGE_BYTES_MAX, async (from, bytes) => await this.#answer(from, bytes))
    mesh.onConnection(({ peerId, kind }) => {
      // One of the two asks, and tells the other what it lacks.
      if (kind === 'opened' && self.peerId < peerId) void this.#compare(peerId)
    })
    this.#armComparison()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** The own ring, and with `ofMesh` that of every member that answers. */
  async list(ofMesh: boolean): Promise<KeysView> {
    return this.#view(ofMesh ? await this.#askAll({ ring: null, keys: [], wanted: [] }) : [])
  }

  /**
   * Takes the keys that were added to the file, and gives every key of the ring to every member.
   * @throws MeshError ERR_KEYRING_DAMAGED, ERR_KEY_UNKNOWN, ERR_DATA_DIR_UNUSABLE
   */
  async install(): Promise<KeysView> {
    this.#require()
    const added = (await loadKeyring(this.#parts.folderPath)).keys.map(describeKey)
    await this.#change((ring) => {
      const merged = mergeRing(ring, { ...summarize(ring), removed: [] }, added, bounds)
      if (!merged.ok) throw new MeshError('ERR_KEYRING_DAMAGED', `the keyring would hold more than ${keysMax} keys`, { nextStep: 'Take one out first, with rdb keys:remove.' })
      return merged.ring
    })
    return await this.#tellAll()
  }

  /**
   * Makes a key the one that is offered and sealed with, everywhere.
   * @throws MeshError ERR_KEY_UNKNOWN, ERR_DATA_DIR_UNUSABLE
   */
  async use(fingerprint: string): Promise<KeysView> {
    const known = this.#find(fingerprint)
    await this.#change((ring) => useKey(ring, known) ?? ring)
    return await this.#tellAll()
  }

  /**
   * Takes a key out everywhere, when every member that is up uses another.
   * @throws MeshError ERR_KEY_UNKNOWN, ERR_KEY_IN_USE, ERR_KEYS_INCOMPLETE, ERR_DATA_DIR_UNUSABLE
   */
  async remove(fingerprint: string, { force }: { readonly force: boolean }): Promise<KeysView> {
    const known = this.#find(fingerprint)
    const inUseHere = this.#ring?.keys[0]?.fingerprint === known
    const asked = this.#view(await this.#askAll({ ring: null, keys: [], wanted: [] })).members
    const users = asked.filter((member) => member.fingerprints?.[0] === known).map(({ name }) => name)
    if (inUseHere || users.length > 0) {
      throw new MeshError('ERR_KEY_IN_USE', `the key ${known} is in use at ${users.join(', ')}`, { details: { fingerprint: known, members: users.join(', ') } })
    }
    const silent = asked.filter((member) => member.fingerprints === null && member.isUp).map(({ name }) => name)
    if (silent.length > 0 && !force) {
      throw new MeshError('ERR_KEYS_INCOMPLETE', `nothing was removed, since ${silent.join(', ')} did not say which key is in use there`, {
        nextStep: 'Wait until rdb keys:list --mesh shows every member, or pass --force and copy the keyring to those that are refused later.', details: { members: silent.join(', ') },
      })
    }
    await this.#change((ring) => removeKey(ring, known, bounds) ?? ring)
    return await this.#tellAll()
  }

  #find(text: string): string {
    const matching = this.#require().keys.filter(({ fingerprint }) => fingerprint.startsWith(text))
    const [found] = matching
    if (found !== undefined && matching.length === 1 && text.length >= 4) return found.fingerprint
    throw new MeshError('ERR_KEY_UNKNOWN', `${matching.length > 1 ? 'several keys' : 'no key'} of the keyring ${matching.length > 1 ? 'begin' : 'begins'} with ${text}`, { details: { fingerprint: text } })
  }

  #require(): Ring {
    if (this.#ring !== null) return this.#ring
    throw new MeshError('ERR_KEY_UNKNOWN', 'this node runs without a cluster key, and there is nothing to rotate', {
      nextStep: 'Make a key with rdb keys:generate, copy the keyring to every node, and restart them.',
    })
  }

  /** One change at a time: stored, then used. Resolves when both are done. */
  async #change(next: (ring: Ring) => Ring): Promise<void> {
    if (this.#waiting >= waitingMax) throw new MeshError('ERR_OVERLOADED', 'too many changes of the keyring wait for the disk')
    this.#waiting++
    const turn = this.#changing.then(async () => {
      const ring = this.#require()
      const changed = next(ring)
      if (changed === ring || JSON.stringify(summarize(changed)) === JSON.stringify(summarize(ring))) return
      await this.#store(changed)
      this.#ring = changed
      const keys = changed.keys.map(({ key }) => key)
      this.#parts.mesh.setClusterKeys(keys)
      this.#parts.datagrams.setClusterKeys(keys)
      this.counters.changes++
      const { fingerprints, removed } = summarize(changed)
      this.#parts.log.info({ fingerprints, removed }, `the keyring holds ${fingerprints.join(', ')}, the first one in use`)
    }).finally(() => { this.#waiting-- })
    this.#changing = turn.catch(() => undefined)
    await turn
  }

  /** What somebody has added to the file meanwhile stays in it, until it is installed. */
  async #store(ring: Ring): Promise<void> {
    const { folderPath } = this.#parts
    const inFile = (await loadKeyring(folderPath)).keys.map(describeKey)
    const waiting = inFile.filter(({ fingerprint }) => !ring.removed.includes(fingerprint) && !ring.keys.some((key) => key.fingerprint === fingerprint))
    const keys = [...ring.keys, ...waiting].slice(0, keysMax).map(({ key }) => key)
    await saveKeyring(folderPath, { keys, removed: ring.removed, useVersion: ring.useVersion })
  }

  // --- what others ask ----------------------------------------------------------------------------------------------------

  async #answer(from: string, bytes: Uint8Array): Promise<Uint8Array> {
    const decoded = decodeKeysQuestion(bytes)
    const ring = this.#ring
    if (!decoded.ok || ring === null) {
      this.counters.malformed++
      throw new MeshError('ERR_PROTOCOL', decoded.ok ? 'this node has no keyring' : `a question about keys is ${decoded.reason}`)
    }
    const isProven = this.#parts.mesh.hasCurrentKey(from)
    if (!isProven) {
      this.counters.strangers++
      return encodeKeysAnswer({ ring: { fingerprints: [], removed: [], useVersion: 0 }, keys: [], refused: 'stranger' })
    }
    const refused = decoded.value.ring === null ? null : await this.#accept(from, decoded.value.ring, decoded.value.keys)
    const now = this.#ring ?? ring
    return encodeKeysAnswer({ ring: summarize(now), refused, keys: now.keys.filter(({ fingerprint }) => decoded.value.wanted.includes(fingerprint)) })
  }

  async #accept(from: string, theirs: RingSummary, keys: readonly RingKey[]): Promise<KeysAnswer['refused']> {
    let refused: KeysAnswer['refused'] = null
    try {
      await this.#change((ring) => {
        const merged = mergeRing(ring, theirs, keys, bounds)
        if (merged.ok) return merged.ring
        refused = merged.refused
        return ring
      })
    } catch (error) {
      this.#parts.log.error({ peerId: from, err: error }, 'a change of the keyring could not be stored')
      refused = error instanceof MeshError && error.code === 'ERR_OVERLOADED' ? 'busy' : 'failed'
    }
    return refused
  }

  // --- what this node asks ------------------------------------------------------------------------------------------------

  #armComparison(): void {
    const { clock, random, mesh } = this.#parts
    this.#timer = clock.setTimer(compareIntervalMs * (0.75 + 0.5 * random()), () => {
      const peers = mesh.connectedPeers()
      const chosen = peers[randomInteger(random, peers.length)]
      if (chosen !== undefined) void this.#compare(chosen)
      if (!this.#stopped) this.#armComparison()
    })
  }

  /** Brings two rings together; never throws. */
  async #compare(peerId: string): Promise<void> {
    const ring = this.#ring
    if (ring === null || this.#stopped) return
    try {
      await this.#reconcile(peerId, AbortSignal.timeout(roundMsMax))
      this.counters.comparisons++
    } catch (error) {
      this.counters.comparisonFailures++
      this.#parts.log.debug({ peerId, err: error }, 'keyrings were not compared')
    }
  }

  /** Tells a member this ring, gives it the keys that it lacks, takes those that this node lacks; resolves with its ring after that. */
  async #reconcile(peerId: string, signal: AbortSignal): Promise<RingSummary> {
    const first = await this.#ask(peerId, { ring: summarize(this.#require()), keys: [], wanted: [] }, signal)
    await this.#take(peerId, first)
    const ring = this.#require()
    const lackedThere = ring.keys.filter(({ fingerprint }) => !first.ring.fingerprints.includes(fingerprint))
    const lackedHere = first.ring.fingerprints.filter((fingerprint) => !ring.keys.some((key) => key.fingerprint === fingerprint) && !ring.removed.includes(fingerprint))
    if (lackedThere.length === 0 && lackedHere.length === 0) return first.ring
    const second = await this.#ask(peerId, { ring: summarize(ring), keys: lackedThere, wanted: lackedHere }, signal)
    await this.#take(peerId, second)
    return second.ring
  }

  async #take(peerId: string, { ring, keys }: KeysAnswer): Promise<void> {
    if (!this.#parts.mesh.hasCurrentKey(peerId)) return
    await this.#accept(peerId, ring, keys)
  }

  /** Over a connection that proves a key of the ring; right after a removal there may be none yet, here or in the other's eyes. */
  async #ask(peerId: string, question: KeysQuestion, signal: AbortSignal): Promise<KeysAnswer> {
    await this.#parts.mesh.renew(peerId, signal)
    if (question.keys.length > 0 && !this.#parts.mesh.hasCurrentKey(peerId)) {
      throw new MeshError('ERR_PEER_UNREACHABLE', `there is no connection to ${peerId} that was made with a key of the ring`, { details: { peerId } })
    }
    const bytes = await this.#parts.mesh.request(peerId, KEYS_PROTOCOL, encodeKeysQuestion(question), { timeoutMs: requestTimeoutMs, responseBytesMax: KEYS_MESSAGE_BYTES_MAX, signal })
    const answer = decodeKeysAnswer(bytes)
    if (!answer.ok) throw new MeshError('ERR_PROTOCOL', `${peerId} gave an answer about keys that is ${answer.reason}`, { details: { peerId } })
    if (answer.value.refused !== null) throw new MeshError('ERR_PROTOCOL', `${peerId} refused: ${answer.value.refused}`, { details: { peerId, refused: answer.value.refused } })
    return answer.value
  }

  async #tellAll(): Promise<KeysView> {
    return this.#view(await this.#all(async (peerId, signal) => await this.#reconcile(peerId, signal)))
  }

  async #askAll(question: KeysQuestion): Promise<readonly MemberAnswer[]> {
    return await this.#all(async (peerId, signal) => (await this.#ask(peerId, question, signal)).ring)
  }

  async #all(ask: (peerId: string, signal: AbortSignal) => Promise<RingSummary>): Promise<readonly MemberAnswer[]> {
    const waiting = [...this.#parts.members()]
    const answers: MemberAnswer[] = []
    const signal = AbortSignal.timeout(roundMsMax)
    const work = async (): Promise<void> => {
      for (let member = waiting.shift(); member !== undefined; member = waiting.shift()) answers.push({ member, ...await this.#outcome(member, ask, signal) })
    }
    await Promise.all(Array.from({ length: parallelRequestsMax }, work))
    return answers.sort((one, other) => (one.member.name < other.member.name ? -1 : 1))
  }

  async #outcome(member: KeyringMember, ask: (peerId: string, signal: AbortSignal) => Promise<RingSummary>, signal: AbortSignal): Promise<Omit<MemberAnswer, 'member'>> {
    if (!member.isUp) return { ring: null, problem: 'down' }
    try {
      return { ring: await ask(member.peerId, signal), problem: null }
    } catch (error) {
      return { ring: null, problem: problemOf(error) }
    }
  }

  #view(answers: readonly MemberAnswer[]): KeysView {
    const own = this.#ring === null ? { fingerprints: [], removed: [], useVersion: 0 } : summarize(this.#ring)
    return {
      fingerprints: own.fingerprints, removed: own.removed,
      members: answers.map(({ member, ring, problem }): KeysMemberView => (
        { peerId: member.peerId, name: member.name, isUp: member.isUp, fingerprints: ring?.fingerprints ?? null, problem, agrees: ring !== null && isSameOffer(ring, own) })),
    }
  }
}

interface MemberAnswer {
  readonly member: KeyringMember
  readonly ring: RingSummary | null
  readonly problem: string | null
}

/** The word for people first; after a colon, what lies behind it. */
function problemOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof MeshError) || error.code !== 'ERR_PROTOCOL') return `no answer: ${message}`
  const { refused } = error.details
  return typeof refused === 'string' ? `refused (${refused}): ${message}` : `no usable answer: ${message}`
}

function isSameOffer(one: RingSummary, other: RingSummary): boolean {
  return one.fingerprints[0] === other.fingerprints[0] && one.fingerprints.length === other.fingerprints.length && one.fingerprints.every((fingerprint) => other.fingerprints.includes(fingerprint))
}

function describeKey(key: Uint8Array): RingKey {
  return { key, fingerprint: keyFingerprint(key) }
}

function ringOf({ keys, removed, useVersion }: Keyring): Ring | null {
  return keys.length === 0 ? null : { keys: keys.map(describeKey), removed, useVersion }
}

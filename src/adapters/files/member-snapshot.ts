/**
 * `members.json`: where this node has met others, so that it finds them again without any seed, and since when it bears its name. It is a
 * memory and not a truth: whoever is met by it proves its identity in the handshake, and a file that is missing, torn or damaged costs the
 * node nothing but that memory.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { cleanShownName } from '../../wire/name-forms.ts'
import { isMissing, writeFileAtomically } from './atomic-write.ts'

const fileName = 'members.json'
const version = 1
/** 64 members with 8 addresses of 256 characters, in JSON. */
const bytesMax = 256 << 10
export const SNAPSHOT_MEMBERS_MAX = 64
/** Whoever was not seen for so long is not looked for any more. */
export const SNAPSHOT_AGE_MS_MAX = 7 * 24 * 3_600_000
const addressesMax = 8
const charactersMax = 256
/** A disk is not written more often than this, however much changes. */
const writeIntervalMs = 10_000
/** Changes come in bursts, and the first of one is not worth a write of its own. */
const settleMs = 1_000
/** Without any change, so that the times in it do not go stale. */
const refreshIntervalMs = 3_600_000
/** A clock may have been ahead by so much when it was written. */
const futureMsMax = 24 * 3_600_000

export interface SnapshotMember {
  readonly peerId: string
  readonly name: string
  readonly tcpMultiaddrs: readonly string[]
  /** Unix ms, when it was last held for alive. */
  readonly lastSeenWallMs: number
  /** It said farewell; it may still come back, but is not expected. */
  readonly hasLeft: boolean
}

export interface MemberSnapshot {
  /** Of this node. */
  readonly name: string
  /** Unix ms. */
  readonly nameSinceWallMs: number
  readonly members: readonly SnapshotMember[]
}

/**
 * What is remembered, or null. What is older than 7 days is left out; a file that is not understood is ignored with a warning. Never throws.
 */
export async function loadMemberSnapshot(folderPath: string, { wallMs, log }: { readonly wallMs: number; readonly log: Log }): Promise<MemberSnapshot | null> {
  const path = join(folderPath, fileName)
  try {
    if ((await stat(path)).size > bytesMax) throw new Error('it is far too long')
    const snapshot = parse(await readFile(path, 'utf8'))
    return { ...snapshot, members: newest(snapshot.members.filter((member) => isFresh(member, wallMs))) }
  } catch (error) {
    if (!isMissing(error)) log.warn({ path, err: error }, `${path} is ignored, for it cannot be read: ${(error as Error).message}. This node has to find the mesh by its seeds, or be found`)
    return null
  }
}

/** Atomic: whoever reads it after a crash finds the former or the new one whole. @throws MeshError ERR_DATA_DIR_UNUSABLE */
export async function saveMemberSnapshot(folderPath: string, { name, nameSinceWallMs, members }: MemberSnapshot): Promise<void> {
  await writeFileAtomically(join(folderPath, fileName), `${JSON.stringify({ version, name, nameSinceWallMs, members: newest(members) }, null, 1)}\n`, { mode: 'replace' })
}

export interface SnapshotWriterParts {
  /** What is to be remembered now, this node's earlier memories included. */
  readonly collect: () => MemberSnapshot
  readonly save: (snapshot: MemberSnapshot) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

/** Writes when something has changed, at most every 10 s, and when it is closed. */
export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts
  #timer: Timer | null = null
  #timerAtMs = Infinity
  /** When it last compared what is with what was written. */
  #lastLookMs = -Infinity
  #lastWriteMs = -Infinity
  #written = ''
  #writing: Promise<void> | null = null
  #closed = false
  readonly counters = { snapshotsWritten: 0, snapshotFailures: 0 }

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts
  }

  /** Somebody came, changed or went. */
  handleChange(): void {
    this.#arm(Math.max(this.#parts.clock.nowMs() + settleMs, this.#lastLookMs + writeIntervalMs))
  }

  /** Writes what is known now, and nothing after that. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#writing
    await this.#write(this.#parts.collect())
  }

  #arm(atMs: number): void {
    if (this.#closed || this.#timerAtMs <= atMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#parts.clock.setTimer(atMs - this.#parts.clock.nowMs(), () => {
      this.#timer = null
      this.#timerAtMs = Infinity
      this.#look()
    })
  }

  #look(): void {
    const nowMs = this.#parts.clock.nowMs()
    this.#lastLookMs = nowMs
    // A disk that takes so long is not given a second file to write.
    if (this.#writing !== null) return this.#arm(nowMs + writeIntervalMs)
    const snapshot = this.#parts.collect()
    if (identityOf(snapshot) !== this.#written || nowMs - this.#lastWriteMs >= refreshIntervalMs) {
      this.#writing = this.#write(snapshot).finally(() => { this.#writing = null })
    }
    this.#arm(nowMs + refreshIntervalMs)
  }

  /** Never throws: a node whose disk is full goes on. */
  async #write(snapshot: MemberSnapshot): Promise<void> {
    const { save, clock, log } = this.#parts
    this.#lastWriteMs = clock.nowMs()
    try {
      await save(snapshot)
      this.#written = identityOf(snapshot)
      this.counters.snapshotsWritten++
    } catch (error) {
      // Once in a while is enough for a full disk; the next change, or the next hour, tries again.
      if (this.counters.snapshotFailures++ % 60 === 0) log.warn({ err: error }, 'the addresses of the members could not be written; after a restart this node needs a seed')
    }
  }
}

/** Without the times, which change all the while. */
function identityOf({ name, nameSinceWallMs, members }: MemberSnapshot): string {
  return JSON.stringify([name, nameSinceWallMs, members.map(({ peerId, name: memberName, tcpMultiaddrs, hasLeft }) => [peerId, memberName, tcpMultiaddrs, hasLeft]).sort()])
}

/** Those that left make room for those that are expected back. */
function newest(members: readonly SnapshotMember[]): SnapshotMember[] {
  return [...members].sort((a, b) => Number(a.hasLeft) - Number(b.hasLeft) || b.lastSeenWallMs - a.lastSeenWallMs).slice(0, SNAPSHOT_MEMBERS_MAX)
}

function isFresh({ lastSeenWallMs }: SnapshotMember, wallMs: number): boolean {
  const ageMs = wallMs - lastSeenWallMs
  return ageMs <= SNAPSHOT_AGE_MS_MAX && ageMs >= -futureMsMax
}

function parse(text: string): MemberSnapshot {
  const value = JSON.parse(text) as unknown
  if (!isObject(value) || value['version'] !== version) throw new Error('it is not of version 1')
  const { name, nameSinceWallMs, members } = value
  if (!isShortText(name) || !isTime(nameSinceWallMs)) throw new Error('the name of this node is malformed')
  if (!Array.isArray(members) || members.length > SNAPSHOT_MEMBERS_MAX || !members.every(isMember)) throw new Error('a member is malformed')
  return { name, nameSinceWallMs, members: members.map(({ peerId, name: memberName, tcpMultiaddrs, lastSeenWallMs, hasLeft }) => ({ peerId, name: cleanShownName(memberName), tcpMultiaddrs, lastSeenWallMs, hasLeft })) }
}

function isMember(value: unknown): value is SnapshotMember {
  if (!isObject(value)) return false
  const { peerId, name, tcpMultiaddrs, lastSeenWallMs, hasLeft } = value
  return isShortText(peerId) && isShortText(name) && isTime(lastSeenWallMs) && typeof hasLeft === 'boolean'
    && Array.isArray(tcpMultiaddrs) && tcpMultiaddrs.length <= addressesMax && tcpMultiaddrs.every(isShortText)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

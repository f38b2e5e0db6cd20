import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadMemberSnapshot, type MemberSnapshot, saveMemberSnapshot, SNAPSHOT_AGE_MS_MAX, type SnapshotMember, SnapshotWriter } from '../../../../src/adapters/files/member-snapshot.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'
import { turn, VirtualClock } from '../../../support/query-plane.ts'

const nowWallMs = 1_800_000_000_000
const member = (peerId: string, changes: Partial<SnapshotMember> = {}): SnapshotMember => ({
  peerId, name: `name-${peerId}`, tcpMultiaddrs: [`/ip4/127.0.0.1/tcp/7400/p2p/${peerId}`], lastSeenWallMs: nowWallMs, hasLeft: false, ...changes,
})
const snapshotOf = (...members: readonly SnapshotMember[]): MemberSnapshot => ({ name: 'local1', nameSinceWallMs: 1_700_000_000_000, members })

let path: string
beforeEach(async () => { path = await mkdtemp(join(tmpdir(), 'reedbase-members-')) })
afterEach(async () => { await rm(path, { recursive: true, force: true }) })

const load = (log = createRecordingLog()) => loadMemberSnapshot(path, { wallMs: nowWallMs, log })

describe('the file', () => {
  it('is read as it was written, and is for this user only', async () => {
    const snapshot = snapshotOf(member('a'), member('b', { hasLeft: true }))
    await saveMemberSnapshot(path, snapshot)
    expect(await load()).toEqual(snapshot)
    expect(await readdir(path)).toEqual(['members.json'])
    expect((await stat(join(path, 'members.json'))).mode & 0o077).toBe(0)
  })

  it('holds 64 members, the latest seen first, and those that left only where there is room', async () => {
    const members = [...Array.from({ length: 60 }, (_, index) => member(`left${index}`, { hasLeft: true })), ...Array.from({ length: 60 }, (_, index) => member(`here${index}`, { lastSeenWallMs: nowWallMs - index }))]
    await saveMemberSnapshot(path, snapshotOf(...members))
    const kept = (await load())?.members ?? []
    expect([kept.length, kept[0]?.peerId, kept[59]?.peerId, kept.filter(({ hasLeft }) => hasLeft).length]).toEqual([64, 'here0', 'here59', 4])
  })

  it('forgets who was not seen for seven days, and who was seen in a far future', async () => {
    const ages = { fresh: 0, old: SNAPSHOT_AGE_MS_MAX, stale: SNAPSHOT_AGE_MS_MAX + 1, ahead: -2 * 24 * 3_600_000 }
    await saveMemberSnapshot(path, snapshotOf(...Object.entries(ages).map(([peerId, ageMs]) => member(peerId, { lastSeenWallMs: nowWallMs - ageMs }))))
    expect((await load())?.members.map(({ peerId }) => peerId)).toEqual(['fresh', 'old'])
  })

  it('may be missing', async () => {
    const log = createRecordingLog()
    expect([await load(log), log.lines]).toEqual([null, []])
  })

  const whole = JSON.stringify({ version: 1, ...snapshotOf(member('a')) })
  const changed = (changes: object): string => JSON.stringify({ version: 1, ...snapshotOf(), members: [{ ...member('a'), ...changes }] })
  it.each([
    ['empty', ''], ['torn', whole.slice(0, 60)], ['no JSON', '\0\0\0\0'], ['a JSON of another kind', '[]'], ['nothing', 'null'],
    ['of another version', whole.replace('"version":1', '"version":2')],
    ['with an address that is none', changed({ tcpMultiaddrs: [7] })], ['with an endless address', changed({ tcpMultiaddrs: ['/'.repeat(300)] })],
    ['with a member without a name', changed({ name: '' })], ['with a time that is none', changed({ lastSeenWallMs: 'now' })],
    ['with 65 members', JSON.stringify({ version: 1, ...snapshotOf(...Array.from({ length: 65 }, (_, index) => member(`m${index}`))) })],
    ['far too long', `${whole}${' '.repeat(256 << 10)}`],
  ])('that is %s is ignored with a warning', async (_what, text) => {
    await writeFile(join(path, 'members.json'), text)
    const log = createRecordingLog()
    expect(await load(log)).toBeNull()
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*members\.json is ignored/)])
  })

  it('that is a folder is ignored as well', async () => {
    await mkdir(join(path, 'members.json'))
    expect(await load()).toBeNull()
  })
})

describe('the writer', () => {
  let members: SnapshotMember[]
  let saved: MemberSnapshot[]
  let fault: Error | null
  let clock: VirtualClock
  beforeEach(() => {
    members = [member('a')]
    saved = []
    fault = null
    clock = new VirtualClock()
  })
  const save = async (snapshot: MemberSnapshot): Promise<void> => {
    await Promise.resolve()
    if (fault !== null) throw fault
    saved.push(snapshot)
  }
  const writerOf = (log = createRecordingLog()): SnapshotWriter => new SnapshotWriter({ collect: () => snapshotOf(...members), save, clock, log })
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await turn()
  }

  it('writes a burst once, and then at most every ten seconds', async () => {
    const writer = writerOf()
    for (let at = 0; at < 25_000; at += 250) {
      members = [member(`m${at}`)]
      writer.handleChange()
      await pass(250)
    }
    expect(saved.map((snapshot) => snapshot.members[0]?.peerId)).toEqual(['m750', 'm10750', 'm20750'])
  })

  it('writes nothing when only the times have changed, but once an hour', async () => {
    const writer = writerOf()
    for (let at = 0; at < 2 * 3_600_000; at += 60_000) {
      members = [member('a', { lastSeenWallMs: nowWallMs + at })]
      writer.handleChange()
      await pass(60_000)
    }
    expect(saved).toHaveLength(2)
  })

  it('refreshes the times without any change', async () => {
    writerOf().handleChange()
    await pass(1_000)
    await pass(3_600_000)
    expect(saved).toHaveLength(2)
  })

  it('writes at its end, and nothing after that', async () => {
    const writer = writerOf()
    writer.handleChange()
    members = [member('last')]
    await writer.close()
    writer.handleChange()
    await pass(20_000)
    expect([saved.map((snapshot) => snapshot.members[0]?.peerId), clock.pending]).toEqual([['last'], 0])
    const idle = writerOf()
    await idle.close()
    idle.handleChange()
    expect(clock.pending).toBe(0)
  })

  it('does not begin a write while another one is under way', async () => {
    let finish = (): void => undefined
    let begun = 0
    const slow = new SnapshotWriter({
      clock, log: createRecordingLog(), collect: () => snapshotOf(...members),
      save: () => new Promise((resolve) => {
        begun++
        finish = resolve
      }),
    })
    slow.handleChange()
    await pass(1_000)
    members = [member('b')]
    slow.handleChange()
    await pass(30_000)
    expect(begun).toBe(1)
    finish()
    await turn()
    await pass(10_000)
    expect(begun).toBe(2)
  })

  it('says when it cannot write, once, and tries again with the next change', async () => {
    fault = new Error('no space left')
    const log = createRecordingLog()
    const writer = writerOf(log)
    for (let round = 0; round < 3; round++) {
      writer.handleChange()
      await pass(10_000)
    }
    expect([writer.counters, log.lines]).toEqual([{ snapshotsWritten: 0, snapshotFailures: 3 }, [expect.stringContaining('could not be written')]])
    fault = null
    writer.handleChange()
    await pass(10_000)
    expect(saved).toHaveLength(1)
  })
})

import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadPeerLists, type PeerLists } from '../../../src/adapters/files/peer-lists.ts'
import type { MemberRecord, Packet, SyncEntry, Update } from '../../../src/core/membership/types.ts'
import { Admission } from '../../../src/node/admission.ts'
import { discreetEntries, discreetPacket, discreetUpdates } from '../../../src/node/discretion.ts'
import type { Log } from '../../../src/ports/log.ts'
import { claimUpdate, createTestRecord } from '../../support/member-records.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }
const peer = (letter: string): string => `12D3KooW${letter.repeat(44)}`
const [self, a, b, c] = [peer('S'), peer('A'), peer('B'), peer('C')] as const
const none: PeerLists = { allow: [], deny: [] }

let folder = ''
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-peers-')) })
afterEach(() => rm(folder, { recursive: true }))

async function open(options: PeerLists = none, members: readonly string[] = [a, b], failed: readonly string[] = []) {
  const applied: Array<(peerId: string) => boolean> = []
  const denied: string[] = []
  const setAllowed = (isAllowed: (peerId: string) => boolean): void => { applied.push(isAllowed) }
  const admission = await Admission.open({
    folderPath: folder, self, options, mesh: { setAllowed }, datagrams: { setAllowed }, nameOf: (peerId) => peerId.slice(8, 9), members: () => members.map((peerId) => ({ peerId, isUp: !failed.includes(peerId) })),
    onDenied: (peerId) => { denied.push(peerId) }, log,
  })
  return { admission, applied, denied }
}

describe('the lists of peers', () => {
  it('let everybody in while they are empty, and are applied before anything else', async () => {
    const { admission, applied } = await open()
    expect([admission.isAllowed(a), applied.length]).toEqual([true, 2])
    expect(admission.list()).toEqual({ entries: [], isExclusive: false, refused: [] })
  })

  it('are stored, then applied, and told to whoever holds queries there', async () => {
    const { admission, applied, denied } = await open()
    const view = await admission.change({ list: 'deny', peerIds: [a, c], remove: false, force: false })
    expect(view).toMatchObject({ entries: [{ list: 'deny', peerId: a, source: 'command' }, { peerId: c }], refused: [{ peerId: a, name: 'A' }] })
    expect([admission.isAllowed(a), admission.isAllowed(b), applied.length, denied]).toEqual([false, true, 4, [a]])
    expect(await loadPeerLists(folder)).toEqual({ allow: [], deny: [a, c] })
    expect((await stat(join(folder, 'peers.json'))).mode & 0o777).toBe(0o600)
    expect((await open()).admission.isAllowed(a)).toBe(false)
    await admission.change({ list: 'deny', peerIds: [a], remove: true, force: false })
    expect([admission.isAllowed(a), admission.isAllowed(c)]).toEqual([true, false])
  })

  it('do not cut a member off by naming another, unless that is meant', async () => {
    const { admission } = await open()
    await expect(admission.change({ list: 'allow', peerIds: [a], remove: false, force: false })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', details: { members: 'B' } })
    expect(admission.isAllowed(b)).toBe(true)
    expect(await admission.change({ list: 'allow', peerIds: [a], remove: false, force: true })).toMatchObject({ isExclusive: true, refused: [{ name: 'B' }] })
    expect([admission.isAllowed(a), admission.isAllowed(b), admission.isAllowed(c)]).toEqual([true, false, false])
  })

  it('do not hold a failed member for cut off', async () => {
    const { admission } = await open(none, [a, b], [b])
    expect(await admission.change({ list: 'allow', peerIds: [a], remove: false, force: false })).toMatchObject({ isExclusive: true, refused: [{ name: 'B' }] })
  })

  it('take what options say as fixed, and the denied as denied even when allowed', async () => {
    const { admission } = await open({ allow: [a, b], deny: [b] })
    expect([admission.isAllowed(a), admission.isAllowed(b), admission.isAllowed(c)]).toEqual([true, false, false])
    await expect(admission.change({ list: 'deny', peerIds: [b], remove: true, force: false })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', nextStep: expect.stringContaining('--deny-peer') as string })
    await expect(admission.change({ list: 'deny', peerIds: [self], remove: false, force: true })).rejects.toMatchObject({ message: 'a node cannot deny itself' })
  })

  it.each([['no JSON', '{'], ['another form', '[]'], ['no PeerIds', '{"allow":[],"deny":["x"]}']])('are not taken for empty when the file holds %s', async (_what, content) => {
    await writeFile(join(folder, 'peers.json'), content, { mode: 0o600 })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE' })
  })
})

describe('a node that refuses a peer', () => {
  const isAllowed = (peerId: string): boolean => peerId !== a
  const signed = (peerId: string): { record: MemberRecord; envelope: Uint8Array } => ({ record: createTestRecord(peerId), envelope: new Uint8Array(1) })

  it('accuses it of nothing, and passes on what is no accusation', () => {
    const record: Update = { kind: 'record', signed: signed(a) }
    const updates = [claimUpdate('suspect', a, 1, b), claimUpdate('failed', a, 1, b), claimUpdate('removed', a, 1, b), record, claimUpdate('suspect', b, 1, c)]
    expect(discreetUpdates(updates, isAllowed)).toEqual(updates.slice(2))
    const entries: SyncEntry[] = [{ signed: signed(a), state: 'failed', leave: null }, { signed: signed(a), state: 'alive', leave: null }, { signed: signed(b), state: 'failed', leave: null }]
    expect(discreetEntries(entries, isAllowed)).toEqual(entries.slice(1))
  })

  it('reports nothing on it, and leaves other packets as they are', () => {
    const packet: Packet = { probe: null, updates: [claimUpdate('suspect', b, 1, c)], load: null, coordinate: null, reports: [{ peerId: b, incarnation: 1, verdict: 'dead', evidence: 'probe' }] }
    expect(discreetPacket(packet, isAllowed)).toBe(packet)
    const about = { ...packet, reports: [...packet.reports, { peerId: a, incarnation: 1, verdict: 'dead' as const, evidence: 'probe' as const }] }
    expect(discreetPacket(about, isAllowed)).toEqual(packet)
  })
})

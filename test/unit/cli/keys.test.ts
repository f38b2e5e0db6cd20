import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import type { KeysMemberView, KeysView } from '../../../src/wire/control.ts'
import { FakeProcess } from './fake-context.ts'

let folder = ''
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-keys-')) })
afterAll(() => rm(folder, { recursive: true }))

describe('keys', () => {
  it('says that there is none, on stderr', async () => {
    const { code, stdout, stderr } = await new FakeProcess().run('keys:list', '--data-dir', join(folder, 'none'))
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr).toContain('rdb keys:generate makes one')
  })

  it('generates, keeps the secret to itself, lists, and adds a second for rotation', async () => {
    const dataDir = join(folder, 'a')
    const first = await new FakeProcess().run('keys:generate', '--data-dir', dataDir)
    const keyring = await readFile(join(dataDir, 'keyring'), 'utf8')
    const secret = /^[A-Za-z0-9_-]{43}/m.exec(keyring)?.[0] ?? 'no key in the file'
    expect(first.stdout).toMatch(/^Cluster key [0-9a-f]{16} is in .*keyring and in use\.\n$/)
    expect(first.stdout + first.stderr).not.toContain(secret)
    expect(first.stderr).toContain('copy ')
    expect((await stat(join(dataDir, 'keyring'))).mode & 0o777).toBe(0o600)

    const second = await new FakeProcess().run('keys:generate', '--data-dir', dataDir, '--print')
    expect(second.stdout).toMatch(/not in use yet\.\n[A-Za-z0-9_-]{43}\n$/)
    expect((await new FakeProcess().run('keys:list', '--data-dir', dataDir)).stdout).toMatch(/^[0-9a-f]{16} in use\n[0-9a-f]{16}\n$/)

    await stopped().run('keys:generate', '--data-dir', dataDir, '--use')
    const listed = JSON.parse((await new FakeProcess().run('keys:list', '--json', '--data-dir', dataDir)).stdout) as Array<{ inUse: boolean }>
    expect(listed.map(({ inUse }) => inUse)).toEqual([true, false, false])
  })

  it.each([
    ['not in use yet', []],
    ['in use', ['--use']],
  ])('tells the order in which a further key cuts nobody off (%s)', async (_what, flags) => {
    const dataDir = join(folder, `rotation${flags.join('')}`)
    const first = await stopped().run('keys:generate', '--data-dir', dataDir)
    expect(first.stderr).not.toContain('in this order')
    const old = fingerprintIn(first.stdout)
    const { stdout, stderr } = await stopped().run('keys:generate', '--data-dir', dataDir, ...flags)
    const fresh = fingerprintIn(stdout)
    const [introduction, install, use, remove, offline] = stderr.split('\n')
    expect(introduction).toContain('in this order')
    expect(install).toContain('1. rdb keys:install')
    expect(use).toContain(`2. rdb keys:use ${fresh}`)
    expect(remove).toContain(`3. rdb keys:remove ${old}`)
    expect(offline).toContain('where no node runs: copy ')
  })

  it('changes no order in the file under a running node', async () => {
    const dataDir = join(folder, 'running')
    await stopped().run('keys:generate', '--data-dir', dataDir)
    const before = await readFile(join(dataDir, 'keyring'), 'utf8')
    const { code, stderr } = await new FakeProcess({ control: () => ({ fingerprints: [], removed: [], members: [] }) }).run('keys:generate', '--use', '--data-dir', dataDir)
    expect([code, await readFile(join(dataDir, 'keyring'), 'utf8')]).toEqual([2, before])
    expect(stderr).toContain('rdb keys:install and rdb keys:use')
  })
})

const [fresh, old] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'] as const

function member(name: string, part: Partial<KeysMemberView> = {}): KeysMemberView {
  return { peerId: `12D3KooW${name}`, name, isUp: true, fingerprints: [fresh, old], problem: null, agrees: true, ...part }
}

function answering(members: readonly KeysMemberView[], part: Partial<KeysView> = {}): FakeProcess {
  return new FakeProcess({ control: () => ({ fingerprints: [fresh, old], removed: [], members, ...part }) satisfies KeysView })
}

describe('a step of a rotation', () => {
  it('shows who holds what, and says the next step', async () => {
    const process = answering([member('two'), member('three', { isUp: false, fingerprints: null, problem: 'down', agrees: false })])
    const { code, stdout, stderr } = await process.run('keys:use', 'aaaa')
    expect(code).toBe(0)
    expect(process.requests).toEqual([{ method: 'keys-use', fingerprint: 'aaaa' }])
    expect(stdout).toMatch(/two +│ +a{16} +│ +b{16}/)
    expect(stdout).toContain('The key aaaaaaaaaaaaaaaa is in use here and at the other member that is up.')
    expect(stderr).toContain('three is down')
    expect(stderr).toContain(`next: rdb keys:remove ${old}`)
  })

  it('is incomplete when a member that is up did not confirm it', async () => {
    const { code, stdout, stderr } = await answering([member('two'), member('three', { fingerprints: null, problem: 'no answer: No /reedbase/keys/1.0 stream to three: Unexpected EOF.', agrees: false })]).run('keys:install')
    expect(code).toBe(3)
    // What lies behind it is for --json.
    expect(stdout).toMatch(/did not confirm: no answer +│/)
    expect(stderr).toContain('not at three (ERR_KEYS_INCOMPLETE)')
  })

  it('removes with or without force, and lists the mesh', async () => {
    const removing = answering([member('two', { fingerprints: [fresh] })], { fingerprints: [fresh], removed: [old] })
    expect(await removing.run('keys:remove', 'bbbb', '--force')).toMatchObject({ code: 0, stdout: expect.stringContaining(`The key ${old} is removed here`) as string })
    expect(removing.requests).toEqual([{ method: 'keys-remove', fingerprint: 'bbbb', force: true }])
    const listing = await answering([member('two', { fingerprints: [old, fresh], agrees: false })]).run('keys:list', '--mesh')
    expect(listing.stdout).toContain('differs from this node')
    expect(listing.stderr).toContain('the step is not complete at two')
  })
})

function fingerprintIn(text: string): string {
  return /[0-9a-f]{16}/.exec(text)?.[0] ?? 'none'
}

/** Beside which no node runs. */
function stopped(): FakeProcess {
  return new FakeProcess({ control: () => { throw new MeshError('ERR_NO_NODE', 'no node runs here') } })
}

import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

    await new FakeProcess().run('keys:generate', '--data-dir', dataDir, '--use')
    const listed = JSON.parse((await new FakeProcess().run('keys:list', '--json', '--data-dir', dataDir)).stdout) as Array<{ inUse: boolean }>
    expect(listed.map(({ inUse }) => inUse)).toEqual([true, false, false])
  })

  it.each([
    ['not in use yet', []],
    ['in use', ['--use']],
  ])('tells the order in which a further key cuts nobody off: add it everywhere, then use it, then remove the old one (%s)', async (_what, flags) => {
    const dataDir = join(folder, `rotation${flags.join('')}`)
    const first = await new FakeProcess().run('keys:generate', '--data-dir', dataDir)
    expect(first.stderr).not.toContain('in this order')
    const { stdout, stderr } = await new FakeProcess().run('keys:generate', '--data-dir', dataDir, ...flags)
    const fingerprint = /[0-9a-f]{16}/.exec(stdout)?.[0] ?? 'none'
    const [introduction, add, use, remove] = stderr.split('\n')
    expect(introduction).toContain('in this order')
    expect(add).toMatch(new RegExp(`1\\. add the line of ${fingerprint} .*every other node.*restart`))
    expect(use).toMatch(/2\. when every node has both keys: .*top.*restart/)
    expect(remove).toMatch(/3\. when every node uses the new key: delete.*old.*restart/)
  })
})

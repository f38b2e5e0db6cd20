import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigFile, type ConfigTree } from '../../../../src/adapters/files/config-file.ts'
import { MeshError } from '../../../../src/errors.ts'

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-config-'))
  path = join(folder, 'reedbase.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

const file = (check: (text: string) => void = () => undefined): ConfigFile => new ConfigFile({ path, check })
const text = (): Promise<string> => readFile(path, 'utf8')
const change = async (edit: (tree: ConfigTree) => void): Promise<string> => {
  await file().change(edit, () => undefined)
  return await text()
}

describe('what a change leaves as it was', () => {
  it('are comments, order and what stands beside it', async () => {
    await writeFile(path, '# ours\nlogLevel: info   # quiet\n\ndatabases:\n  # users\n  users: ./users # export\n  orders: { path: ./orders }\npingInterval: 30s # was 10s\n')
    expect(await change((tree) => {
      tree.set(['databases', 'users', 'cpuThreshold'], 85)
      tree.set(['pingInterval'], '1m')
    })).toBe('# ours\nlogLevel: info # quiet\n\ndatabases:\n  # users\n  users:\n    path: ./users # export\n    cpuThreshold: 85\n  orders: { path: ./orders }\npingInterval: 1m # was 10s\n')
  })

  it('is every byte, where nothing changes', async () => {
    await writeFile(path, 'logLevel:    info\n')
    const { ino } = await stat(path)
    expect(await change((tree) => { tree.set(['databases', 'users'], null) })).toBe('logLevel:    info\n')
    expect((await stat(path)).ino).toBe(ino)
  })

  it('is its mode, and the link that leads to it', async () => {
    const real = join(folder, 'real.yaml')
    await writeFile(real, 'logLevel: info\n')
    await chmod(real, 0o640)
    await symlink(real, path)
    await change((tree) => { tree.set(['logLevel'], 'warn') })
    expect([(await lstat(path)).isSymbolicLink(), (await stat(real)).mode & 0o777, await readFile(real, 'utf8')]).toEqual([true, 0o640, 'logLevel: warn\n'])
  })
})

describe('a change', () => {
  it('makes the file, for its owner alone', async () => {
    expect(await change((tree) => { tree.set(['databases', 'users'], '/srv/users') })).toBe('databases:\n  users: /srv/users\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['reedbase.yaml'])
  })

  it('fills a key that has nothing behind it, and empties it again', async () => {
    await writeFile(path, 'databases:\n')
    expect(await change((tree) => { tree.set(['databases', 'users'], { path: '/srv/users', role: 'primary' }) })).toBe('databases:\n  users:\n    path: /srv/users\n    role: primary\n')
    expect(await change((tree) => { tree.set(['databases', 'users'], null) })).toBe('databases: {}\n')
  })

  it('is not made when it would keep the node from starting', async () => {
    await writeFile(path, 'logLevel: info\n')
    let applied = 0
    const checking = file((content) => { if (content.includes('loud')) throw new MeshError('ERR_OPTION_INVALID', 'loud is no level') })
    await expect(checking.change((tree) => { tree.set(['logLevel'], 'loud') }, () => { applied++ })).rejects.toThrow('loud is no level')
    expect([await text(), applied]).toEqual(['logLevel: info\n', 0])
  })

  it('is on disk before it is applied, and taken back when that fails', async () => {
    await writeFile(path, 'logLevel:   info\n')
    let seen = ''
    await expect(file().change((tree) => { tree.set(['logLevel'], 'warn') }, async () => {
      seen = await text()
      throw new Error('not applied')
    })).rejects.toThrow('not applied')
    expect([seen, await text()]).toEqual(['logLevel: warn\n', 'logLevel:   info\n'])
  })

  it('takes back a file that it made', async () => {
    await expect(file().change((tree) => { tree.set(['logLevel'], 'warn') }, () => Promise.reject(new Error('not applied')))).rejects.toThrow('not applied')
    expect(await readdir(folder)).toEqual([])
  })

  it('waits for the one before it', async () => {
    const one = file()
    const gate = Promise.withResolvers<void>()
    const first = one.change((tree) => { tree.set(['databases', 'a'], '/a') }, () => gate.promise.then(() => { throw new Error('a does not open') }))
    const second = one.change((tree) => { tree.set(['databases', 'b'], '/b') }, () => undefined)
    gate.resolve()
    await expect(first).rejects.toThrow('a does not open')
    await second
    expect(await text()).toBe('databases:\n  b: /b\n')
  })

  it.each([
    ['a file that is read-only', 'logLevel: info\n', 0o440, /read-only \(mode 0440\)/],
    ['an alias', 'defaults: &d {}\ndatabases: *d\n', 0o600, /databases is no mapping/],
    ['a list', '- a\n', 0o600, /the file is no mapping/],
    ['a value where a mapping is to be', 'databases: all\n', 0o600, /databases is no mapping/],
    ['what is no YAML', 'a: [\n', 0o600, /:2:1: /],
  ])('leaves %s', async (_what, content, mode, message) => {
    await writeFile(path, content)
    await chmod(path, mode)
    let applied = 0
    await expect(file().change((tree) => { tree.set(['databases', 'users'], '/srv/users') }, () => { applied++ })).rejects.toMatchObject({ code: 'ERR_CONFIG_FILE', message: expect.stringMatching(message) as string })
    expect([await text(), applied]).toEqual([content, 0])
  })
})

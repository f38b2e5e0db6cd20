import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isDataFolderLocked, openDataFolder } from '../../../../src/adapters/files/data-folder.ts'
import { identifyProcess, isRunning } from '../../../../src/adapters/files/process-identity.ts'

let base: string

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'reedbase-folder-'))
})

afterEach(async () => {
  await rm(base, { recursive: true, force: true })
})

const claims = async (path: string): Promise<string[]> => (await readdir(path)).filter((name) => name.startsWith('lock.'))

describe('isDataFolderLocked', () => {
  it('tells whether a running process holds the folder', async () => {
    expect(await isDataFolderLocked(join(base, 'nowhere'))).toBe(false)
    expect(await isDataFolderLocked(base)).toBe(false)
    const folder = await openDataFolder(base)
    expect(await isDataFolderLocked(base)).toBe(true)
    await folder.release()
    expect(await isDataFolderLocked(base)).toBe(false)
    // The claim of a process that ended without taking it back.
    await writeFile(join(base, `lock.${identifyProcess(process.pid).boot}.${process.pid}.1.0123456789ab`), '')
    expect(await isDataFolderLocked(base)).toBe(false)
    await writeFile(join(base, 'file'), '')
    await expect(isDataFolderLocked(join(base, 'file'))).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE' })
  })
})

describe('openDataFolder', () => {
  it('creates the folder for this user alone', async () => {
    const folder = await openDataFolder(join(base, 'new', 'deeper'))
    expect((await stat(folder.path)).mode & 0o777).toBe(0o700)
    await folder.release()
  })

  it('refuses a second opening and names the process and the folder, also by another path to it', async () => {
    const folder = await openDataFolder(base)
    const alias = `${base}-alias`
    await symlink(base, alias)
    try {
      for (const path of [base, alias]) {
        await expect(openDataFolder(path)).rejects.toMatchObject({
          code: 'ERR_DATA_DIR_LOCKED', message: `The data folder ${folder.path} is used by the process ${process.pid}.`, details: { pid: process.pid },
        })
      }
    } finally {
      await rm(alias)
    }
    expect(await claims(base)).toHaveLength(1)
    await folder.release()
  })

  it('can be opened again after a release, and released twice', async () => {
    const first = await openDataFolder(base)
    await first.release()
    const second = await openDataFolder(base)
    await first.release()
    await expect(openDataFolder(base)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_LOCKED' })
    await second.release()
    expect(await claims(base)).toEqual([])
  })

  it('lets one of many in that start at the same moment, and never two', async () => {
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(Array.from({ length: 6 }, () => openDataFolder(base)))
      const opened = results.filter((result) => result.status === 'fulfilled')
      expect(opened.length).toBeLessThanOrEqual(1)
      for (const { value } of opened) await value.release()
    }
    // Whatever they did to each other, nothing is left that would keep the next one out.
    await (await openDataFolder(base)).release()
  })

  it('takes over from a process that was killed, even when its id is used again', async () => {
    const self = identifyProcess(process.pid)
    const dead = [
      `lock.${self.boot}.${process.pid}.${self.startTicks - 1}.0123456789ab`,
      `lock.deadbeef.${process.pid}.${self.startTicks}.0123456789ab`,
    ]
    for (const claim of dead) await writeFile(join(base, claim), '')
    const folder = await openDataFolder(base)
    expect(await claims(base)).toHaveLength(1)
    await folder.release()
  })

  it('leaves alone what only looks a little like a claim', async () => {
    await writeFile(join(base, 'lock.txt'), '')
    const folder = await openDataFolder(base)
    await folder.release()
    expect(await readdir(base)).toEqual(['lock.txt'])
  })

  it('says that it cannot be used when it is a file', async () => {
    const path = join(base, 'file')
    await writeFile(path, '')
    await expect(openDataFolder(path)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE', details: { path } })
  })
})

describe('isRunning', () => {
  it('follows another process from its start to its end', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const identity = identifyProcess(child.pid as number)
    expect(isRunning(identity)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await vi.waitFor(() => { expect(isRunning(identity)).toBe(false) })
  })
})

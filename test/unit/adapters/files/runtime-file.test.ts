import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readRuntimeFile, removeRuntimeFile, type RuntimeFile, socketPathFor, writeRuntimeFile } from '../../../../src/adapters/files/runtime-file.ts'

const runtime: RuntimeFile = {
  pid: 4711, peerId: '12D3KooWBa7eQ3uSAtyjbqJtvVwp71r1QXgiXXJTz9v5qt5j9H8w', name: 'local1', startedWallMs: 1_800_000_000_000, version: '0.1.0',
  tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udp: '127.0.0.1:7400', socketPath: '/run/node.sock',
}

let path: string

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'reedbase-runtime-'))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(path, { recursive: true, force: true })
})

describe('the runtime file', () => {
  it('is read as it was written, replaced whole, and removed more than once', async () => {
    await writeRuntimeFile(path, { ...runtime, name: 'before' })
    await writeRuntimeFile(path, runtime)
    expect(await readRuntimeFile(path)).toEqual(runtime)
    expect(await readdir(path)).toEqual(['node.json'])
    await removeRuntimeFile(path)
    await removeRuntimeFile(path)
    await expect(readRuntimeFile(path)).rejects.toMatchObject({ code: 'ERR_NO_NODE', exitCode: 3 })
  })

  it('means that no node is there when the folder is missing', async () => {
    await expect(readRuntimeFile(join(path, 'missing'))).rejects.toMatchObject({ code: 'ERR_NO_NODE' })
  })

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a field missing', JSON.stringify({ ...runtime, socketPath: undefined })],
    ['a field of another type', JSON.stringify({ ...runtime, tcpMultiaddrs: [7400] })],
    ['a process that is no number', JSON.stringify({ ...runtime, pid: '4711' })],
    ['no end', JSON.stringify({ ...runtime, version: 'x'.repeat(70_000) })],
  ])('is refused with %s', async (_what, content) => {
    await writeFile(join(path, 'node.json'), content)
    await expect(readRuntimeFile(path)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE', message: `${join(path, 'node.json')} is damaged.` })
  })
})

describe('socketPathFor', () => {
  it('is in the data folder when the path is short enough', async () => {
    expect(await socketPathFor(path)).toBe(join(path, 'node.sock'))
  })

  it('is in a folder of this user, the same for the same data folder, when the path is too long', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', await mkdtemp('/tmp/rb-'))
    const [one, other] = [join(path, 'a'.repeat(100)), join(path, 'b'.repeat(100))]
    await mkdir(one)
    await mkdir(other)
    const socket = await socketPathFor(one)
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(100)
    expect(await socketPathFor(one)).toBe(socket)
    expect(await socketPathFor(other)).not.toBe(socket)
    expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700)

    await chmod(dirname(socket), 0o755)
    await expect(socketPathFor(one)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_UNUSABLE', details: { path: dirname(socket) } })
    await rm(process.env.XDG_RUNTIME_DIR as string, { recursive: true })
  })
})

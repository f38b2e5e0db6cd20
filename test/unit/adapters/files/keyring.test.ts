import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addKey, generateKey, listKeys, loadKeyring, removedMax, saveKeyring } from '../../../../src/adapters/files/keyring.ts'
import { keyFingerprint } from '../../../../src/wire/cluster-key.ts'

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const text = (fill: number): string => Buffer.from(key(fill)).toString('base64url')

let path: string
let file: string

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'reedbase-keyring-'))
  file = join(path, 'keyring')
})

afterEach(async () => {
  await rm(path, { recursive: true, force: true })
})

describe('the keyring', () => {
  it('is empty when there is no file', async () => {
    expect(await loadKeyring(path)).toEqual({ keys: [], inUse: null, removed: [], useVersion: 0 })
  })

  it('puts the key in use first through a rotation, in a file for this user alone', async () => {
    await addKey(path, key(1), { use: true })
    await addKey(path, key(2), { use: false })
    expect(await loadKeyring(path)).toEqual({ keys: [key(1), key(2)], inUse: key(1), removed: [], useVersion: 0 })
    await addKey(path, key(2), { use: true })
    const rotated = await loadKeyring(path)
    expect(rotated).toEqual({ keys: [key(2), key(1)], inUse: key(2), removed: [], useVersion: 1 })
    expect(listKeys(rotated)).toEqual([{ fingerprint: keyFingerprint(key(2)), inUse: true }, { fingerprint: keyFingerprint(key(1)), inUse: false }])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('makes the folder when it has none, and keeps the order when a key is added again', async () => {
    const deeper = join(path, 'not', 'there')
    await addKey(deeper, key(1), { use: true })
    await addKey(deeper, key(2), { use: false })
    await addKey(deeper, key(1), { use: false })
    expect((await loadKeyring(deeper)).keys).toEqual([key(1), key(2)])
  })

  it('keeps what members tell each other beside the keys, also when a key is added by hand', async () => {
    const removed = Array.from({ length: removedMax + 3 }, (_, index) => keyFingerprint(key(100 + index)))
    await saveKeyring(path, { keys: [key(1)], removed, useVersion: 7 })
    await addKey(path, key(2), { use: false })
    expect(await loadKeyring(path)).toEqual({ keys: [key(1), key(2)], inUse: key(1), removed: removed.slice(-removedMax), useVersion: 7 })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('refuses a fifth key', async () => {
    for (const fill of [1, 2, 3, 4]) await addKey(path, key(fill), { use: false })
    await expect(addKey(path, key(5), { use: true })).rejects.toMatchObject({ code: 'ERR_KEYRING_DAMAGED' })
    await addKey(path, key(4), { use: true })
    expect((await loadKeyring(path)).keys).toEqual([key(4), key(1), key(2), key(3)])
  })

  it('makes keys of 32 bytes, each another', () => {
    const [one, other] = [generateKey(), generateKey()]
    expect(one).toHaveLength(32)
    expect(one).not.toEqual(other)
  })

  it('shows keys by fingerprints that differ and say nothing of the key', () => {
    // Fixed, because people compare it between hosts of different versions.
    expect(keyFingerprint(key(1))).toMatch(/^[0-9a-f]{16}$/)
    expect(keyFingerprint(key(1))).not.toBe(keyFingerprint(key(2)))
    expect(keyFingerprint(key(1))).toBe('ed01f7b69035703a')
  })

  it('reads base64url and hexadecimal digits, comments, empty lines and carriage returns', async () => {
    const hex = Buffer.from(key(2)).toString('hex')
    await writeFile(file, `# ours\r\n\r\n${text(1)} # ${keyFingerprint(key(1))}\r\n  ${hex.toUpperCase()}   # the next one\n`, { mode: 0o600 })
    expect((await loadKeyring(path)).keys).toEqual([key(1), key(2)])
  })

  it.each([
    ['empty', '', 'it holds no key'],
    ['only a comment', '# nothing\n', 'it holds no key'],
    ['a short key', `${text(1)}\nabcd\n`, 'line 2 does not hold a key of 32 bytes'],
    ['words', 'hello world\n', 'line 1 does not hold a key of 32 bytes'],
    ['a key twice', `${text(1)}\n${Buffer.from(key(1)).toString('hex')}\n`, 'the key on line 2 is there twice'],
    ['a key that was altered beside its fingerprint', `${text(1)} # ${keyFingerprint(key(2))}\n`, 'the key on line 1 does not match its fingerprint'],
    ['five keys', [1, 2, 3, 4, 5].map(text).join('\n'), 'it holds 5 keys'],
  ])('refuses a file with %s, and leaves it as it is', async (_what, content, message) => {
    await writeFile(file, content, { mode: 0o600 })
    const refused = await loadKeyring(path).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ERR_KEYRING_DAMAGED', details: { path: file } })
    expect((refused as Error).message).toContain(message)
    await expect(addKey(path, key(9), { use: true })).rejects.toMatchObject({ code: 'ERR_KEYRING_DAMAGED' })
    expect(await readFile(file, 'utf8')).toBe(content)
  })

  it('refuses a file that others can read, and one that is a folder', async () => {
    await addKey(path, key(1), { use: true })
    await chmod(file, 0o604)
    await expect(loadKeyring(path)).rejects.toMatchObject({ code: 'ERR_KEYRING_DAMAGED', message: `The keyring ${file} is open to others (mode 0604).` })
    await rm(file)
    await addKey(file, key(1), { use: true })
    await expect(loadKeyring(path)).rejects.toMatchObject({ code: 'ERR_KEYRING_DAMAGED', message: `The keyring ${file} is not a file.` })
  })
})

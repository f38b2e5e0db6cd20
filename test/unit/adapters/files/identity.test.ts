import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadOrCreateIdentity } from '../../../../src/adapters/files/identity.ts'

let path: string
let file: string

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'reedbase-identity-'))
  file = join(path, 'identity.key')
})

afterEach(async () => {
  await rm(path, { recursive: true, force: true })
})

describe('loadOrCreateIdentity', () => {
  it('makes a key for this user alone at the first start, and finds it again at the next', async () => {
    const first = await loadOrCreateIdentity({ path })
    expect(first.type).toBe('Ed25519')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(path)).toEqual(['identity.key'])
    const second = await loadOrCreateIdentity({ path })
    expect(second.equals(first)).toBe(true)
  })

  it.each([
    ['empty', () => Promise.resolve(new Uint8Array(0)), 'it is empty'],
    ['text', () => Promise.resolve(Buffer.from('not a key at all')), 'it does not hold a private key'],
    ['truncated', async () => privateKeyToProtobuf(await generateKeyPair('Ed25519')).subarray(0, 40), 'it does not hold a private key'],
    ['zeroed at its end', async () => privateKeyToProtobuf(await generateKeyPair('Ed25519')).fill(0, 50), 'do not belong together'],
    ['changed in its secret half', async () => { const bytes = privateKeyToProtobuf(await generateKeyPair('Ed25519')); bytes[10] = (bytes[10] as number) ^ 1; return bytes }, 'do not belong together'],
    ['too long', async () => Buffer.concat([privateKeyToProtobuf(await generateKeyPair('Ed25519')), Buffer.alloc(3)]), 'it'],
    ['of another type', async () => privateKeyToProtobuf(await generateKeyPair('secp256k1')), 'it holds a key of type secp256k1 instead of Ed25519'],
  ])('refuses a file that is %s, names it, and leaves it as it is', async (_what, make, message) => {
    const content = Buffer.from(await make())
    await writeFile(file, content, { mode: 0o600 })
    const refused = await loadOrCreateIdentity({ path }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ERR_KEY_FILE_DAMAGED', details: { path: file } })
    expect((refused as Error).message).toContain(file)
    expect((refused as Error).message).toContain(message)
    expect((await readFile(file)).equals(content)).toBe(true)
  })

  it('refuses a file that others can read', async () => {
    await loadOrCreateIdentity({ path })
    await chmod(file, 0o640)
    await expect(loadOrCreateIdentity({ path })).rejects.toMatchObject({
      code: 'ERR_KEY_FILE_DAMAGED', message: `The identity key file ${file} is open to others (mode 0640).`,
    })
  })
})

/**
 * The keyring: a text file of cluster keys, one a line, the one in use first. Keys overlap during rotation: a new one is added
 * everywhere, then used everywhere, then the old one is removed.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../../errors.ts'
import { clusterKeyBytes, keyFingerprint } from '../../wire/cluster-key.ts'
import { writeFileAtomically } from './atomic-write.ts'
import { readPrivateFile } from './private-file.ts'

const fileName = 'keyring'
/** Each key may have to be tried on a datagram, and each is one more encrypter to negotiate. */
export const keysMax = 4

export interface Keyring {
  /** Each 32 bytes; the one in use first. Empty without a keyring. */
  readonly keys: readonly Uint8Array[]
  readonly inUse: Uint8Array | null
}

export interface KeyDescription {
  readonly fingerprint: string
  readonly inUse: boolean
}

export function generateKey(): Uint8Array {
  return new Uint8Array(randomBytes(clusterKeyBytes))
}

export function listKeys(keyring: Keyring): KeyDescription[] {
  return keyring.keys.map((key, index) => ({ fingerprint: keyFingerprint(key), inUse: index === 0 }))
}

/**
 * Reads the file `keyring`.
 * @throws MeshError ERR_KEYRING_DAMAGED when it is malformed, holds a key twice or more than 4, or is open to others
 */
export async function loadKeyring(folderPath: string): Promise<Keyring> {
  const path = join(folderPath, fileName)
  const bytes = await readPrivateFile(path, { code: 'ERR_KEYRING_DAMAGED', what: 'The keyring' })
  const keys = bytes === null ? [] : parse(path, bytes.toString('utf8'))
  return { keys, inUse: keys[0] ?? null }
}

/**
 * Adds a key, or moves one that is there; `use` puts it first. Makes the folder where there is none. Does not need its lock, because
 * the file is replaced whole; of two that add at the same time the later one wins.
 * @throws MeshError ERR_KEYRING_DAMAGED when the file is damaged or already holds 4 other keys; ERR_DATA_DIR_UNUSABLE
 */
export async function addKey(folderPath: string, key: Uint8Array, options: { readonly use: boolean }): Promise<Keyring> {
  if (key.length !== clusterKeyBytes) throw new RangeError('a cluster key is 32 bytes')
  const path = join(folderPath, fileName)
  const { keys } = await loadKeyring(folderPath)
  const known = keys.some((other) => timingSafeEqual(other, key))
  const others = keys.filter((other) => !timingSafeEqual(other, key))
  const after = options.use ? [key, ...others] : known ? keys : [...keys, key]
  if (after.length > keysMax) {
    throw new MeshError('ERR_KEYRING_DAMAGED', `The keyring ${path} already holds ${keysMax} keys.`, {
      nextStep: 'Delete the line of a key that is no longer used from this file, on each node.', details: { path },
    })
  }
  await makeFolder(folderPath)
  await writeFileAtomically(path, format(after), { mode: 'replace' })
  return { keys: after, inUse: after[0] ?? null }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `The data folder ${path} cannot be created: ${(error as Error).message}.`, { cause: error, details: { path } })
  }
}

function format(keys: readonly Uint8Array[]): string {
  const lines = keys.map((key) => `${Buffer.from(key).toString('base64url')} # ${keyFingerprint(key)}`)
  return ['# ReedBase Mesh cluster keys, the one in use first. Secret: whoever has a key may join.', ...lines, ''].join('\n')
}

function parse(path: string, text: string): Uint8Array[] {
  const keys: Uint8Array[] = []
  const fingerprints = new Set<string>()
  text.split('\n').forEach((line, index) => {
    const [content = '', comment = ''] = line.split('#').map((part) => part.trim())
    if (content === '') return
    const key = parseKey(content)
    if (key === null) throw damaged(path, `line ${index + 1} does not hold a key of 32 bytes in base64url or hexadecimal digits`)
    const fingerprint = keyFingerprint(key)
    // One wrong letter makes another valid key; the fingerprint beside it is what shows that.
    if (/^[0-9a-f]{16}$/.test(comment) && comment !== fingerprint) throw damaged(path, `the key on line ${index + 1} does not match its fingerprint`)
    if (fingerprints.has(fingerprint)) throw damaged(path, `the key on line ${index + 1} is there twice`)
    fingerprints.add(fingerprint)
    keys.push(key)
  })
  if (keys.length === 0) throw damaged(path, 'it holds no key')
  if (keys.length > keysMax) throw damaged(path, `it holds ${keys.length} keys, and at most ${keysMax} are allowed`)
  return keys
}

function parseKey(text: string): Uint8Array | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'))
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return null
  const key = new Uint8Array(Buffer.from(text, 'base64url'))
  return Buffer.from(key).toString('base64url') === text ? key : null
}

function damaged(path: string, why: string): MeshError {
  return new MeshError('ERR_KEYRING_DAMAGED', `The keyring ${path} is damaged: ${why}.`, { details: { path } })
}

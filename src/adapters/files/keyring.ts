/**
 * The keyring: a text file of cluster keys, one a line, the one in use first. Keys overlap during rotation: a new one is added
 * everywhere, then used everywhere, then the old one is removed. Lines that begin with `#!` are what nodes tell each other beside the keys:
 * which keys have been removed, and how often the choice of the key in use has changed.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../../errors.ts'
import { clusterKeyBytes, keyFingerprint } from '../../wire/cluster-key.ts'
import { writeFileAtomically } from './atomic-write.ts'
import { readPrivateFile } from './private-file.ts'

const fileName = 'keyring'
/** Fingerprints remembered of removed keys. A key that nobody has used for so many rotations is not coming back. */
export const removedMax = 64
/** Each key may have to be tried on a datagram, and each is one more encrypter to negotiate. */
export const keysMax = 4

export interface Keyring {
  /** Each 32 bytes; the one in use first. Empty without a keyring. */
  readonly keys: readonly Uint8Array[]
  readonly inUse: Uint8Array | null
  /** Fingerprints of keys that were taken out of the whole mesh and must not come back; the latest last. */
  readonly removed: readonly string[]
  /** Grows with each change of the key in use; of two members' choices the one with more changes behind it holds. */
  readonly useVersion: number
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
  return bytes === null ? { keys: [], inUse: null, removed: [], useVersion: 0 } : parse(path, bytes.toString('utf8'))
}

/**
 * Replaces the file. Atomic: whoever reads it meanwhile, or after a crash, finds the one or the other whole.
 * @throws MeshError ERR_DATA_DIR_UNUSABLE
 */
export async function saveKeyring(folderPath: string, keyring: Omit<Keyring, 'inUse'>): Promise<void> {
  await makeFolder(folderPath)
  await writeFileAtomically(join(folderPath, fileName), format(keyring), { mode: 'replace' })
}

/**
 * Adds a key, or moves one that is there; `use` puts it first. Makes the folder where there is none. Does not need its lock, because
 * the file is replaced whole; of two that add at the same time the later one wins.
 * @throws MeshError ERR_KEYRING_DAMAGED when the file is damaged or already holds 4 other keys; ERR_DATA_DIR_UNUSABLE
 */
export async function addKey(folderPath: string, key: Uint8Array, options: { readonly use: boolean }): Promise<Keyring> {
  if (key.length !== clusterKeyBytes) throw new RangeError('a cluster key is 32 bytes')
  const path = join(folderPath, fileName)
  const { keys, removed, useVersion } = await loadKeyring(folderPath)
  const known = keys.some((other) => timingSafeEqual(other, key))
  const others = keys.filter((other) => !timingSafeEqual(other, key))
  const after = options.use ? [key, ...others] : known ? keys : [...keys, key]
  if (after.length > keysMax) {
    throw new MeshError('ERR_KEYRING_DAMAGED', `The keyring ${path} already holds ${keysMax} keys.`, {
      nextStep: 'Take a key that is no longer used out with rdb keys:remove, or delete its line where no node runs.', details: { path },
    })
  }
  const changed = { keys: after, removed, useVersion: options.use && keys.length > 0 && after[0] !== keys[0] ? useVersion + 1 : useVersion }
  await saveKeyring(folderPath, changed)
  return { ...changed, inUse: after[0] ?? null }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new MeshError('ERR_DATA_DIR_UNUSABLE', `The data folder ${path} cannot be created: ${(error as Error).message}.`, { cause: error, details: { path } })
  }
}

function format({ keys, removed, useVersion }: Omit<Keyring, 'inUse'>): string {
  const lines = keys.map((key) => `${Buffer.from(key).toString('base64url')} # ${keyFingerprint(key)}`)
  return ['# ReedBase Mesh cluster keys, the one in use first. Secret: whoever has a key may join.', ...lines,
    ...(useVersion > 0 ? [`#! changes ${useVersion}`] : []), ...removed.map((fingerprint) => `#! removed ${fingerprint}`), ''].join('\n')
}

function parse(path: string, text: string): Keyring {
  const keys: Uint8Array[] = []
  const removed: string[] = []
  let useVersion = 0
  const fingerprints = new Set<string>()
  text.split('\n').forEach((line, index) => {
    const [content = '', comment = ''] = line.split('#').map((part) => part.trim())
    const [, changes, gone] = /^#! (?:changes (\d{1,15})|removed ([0-9a-f]{16}))$/.exec(line.trim()) ?? []
    if (changes !== undefined) useVersion = Number(changes)
    if (gone !== undefined) removed.push(gone)
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
  return { keys, inUse: keys[0] ?? null, removed: removed.slice(-removedMax), useVersion }
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

/** The node's identity: an Ed25519 key that is made once and then never replaced, because its PeerId names the node for ever. */
import { join } from 'node:path'
import { generateKeyPair, generateKeyPairFromSeed, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { MeshError } from '../../errors.ts'
import { writeFileAtomically } from './atomic-write.ts'
import type { DataFolder } from './data-folder.ts'
import { readPrivateFile } from './private-file.ts'

const fileName = 'identity.key'

/**
 * Reads `identity.key`, or makes it when there is none.
 * @throws MeshError ERR_KEY_FILE_DAMAGED when it is there but empty, damaged, of another type, or open to others; ERR_DATA_DIR_UNUSABLE
 */
export async function loadOrCreateIdentity(folder: Pick<DataFolder, 'path'>): Promise<Ed25519PrivateKey> {
  const path = join(folder.path, fileName)
  const bytes = await readPrivateFile(path, { code: 'ERR_KEY_FILE_DAMAGED', what: 'The identity key file' })
  if (bytes !== null) return await decodeKey(path, bytes)
  const key = await generateKeyPair('Ed25519')
  await writeFileAtomically(path, privateKeyToProtobuf(key), { mode: 'create' })
  return key
}

async function decodeKey(path: string, bytes: Uint8Array): Promise<Ed25519PrivateKey> {
  if (bytes.length === 0) throw damaged(path, 'it is empty')
  let key
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (error) {
    throw damaged(path, 'it does not hold a private key', error)
  }
  if (key.type !== 'Ed25519') throw damaged(path, `it holds a key of type ${key.type} instead of Ed25519`)
  if (!Buffer.from(privateKeyToProtobuf(key)).equals(bytes)) throw damaged(path, 'it holds more than a private key')
  // The file holds the secret seed and the public key that follows from it, so that a damaged half is found out by the other.
  const genuine = await generateKeyPairFromSeed('Ed25519', key.raw.subarray(0, 32))
  if (!genuine.equals(key)) throw damaged(path, 'its private and its public key do not belong together')
  return genuine
}

function damaged(path: string, why: string, cause?: unknown): MeshError {
  return new MeshError('ERR_KEY_FILE_DAMAGED', `The identity key file ${path} is damaged: ${why}.`, { cause, details: { path } })
}

/** What a cluster key is, and the name by which logs, commands and the encrypters of libp2p speak of it. */
import { createHash } from 'node:crypto'

/** High-entropy by rule: a watched handshake lets a weak one be guessed offline. */
export const clusterKeyBytes = 32

/** 16 hexadecimal digits that tell keys apart and give nothing away: the start of SHA-256 over a domain label and the key. */
export function keyFingerprint(key: Uint8Array): string {
  return createHash('sha256').update('reedbase-mesh keyring v1').update(key).digest('hex').slice(0, 16)
}

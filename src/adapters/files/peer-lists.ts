/** The lists of peers that operators have allowed and denied on the running node, in `peers.json` of the data folder. */
import { join } from 'node:path'
import { MeshError } from '../../errors.ts'
import { peerIdPattern } from '../../wire/cluster.ts'
import { writeFileAtomically } from './atomic-write.ts'
import { readPrivateFile } from './private-file.ts'

const fileName = 'peers.json'
/** Of each list. */
export const peersMax = 512

export interface PeerLists {
  /** When it is not empty, nobody else is let in. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** @throws MeshError ERR_DATA_DIR_UNUSABLE when the file is damaged or open to others: it is never taken for an empty one */
export async function loadPeerLists(folderPath: string): Promise<PeerLists> {
  const path = join(folderPath, fileName)
  const bytes = await readPrivateFile(path, { code: 'ERR_DATA_DIR_UNUSABLE', what: 'The lists of peers' })
  if (bytes === null) return { allow: [], deny: [] }
  const lists = parse(bytes.toString('utf8'))
  if (lists !== null) return lists
  throw new MeshError('ERR_DATA_DIR_UNUSABLE', `${path} is damaged.`, { nextStep: 'Restore it, or delete it to start with empty lists.', details: { path } })
}

/** @throws MeshError ERR_DATA_DIR_UNUSABLE */
export async function savePeerLists(folderPath: string, lists: PeerLists): Promise<void> {
  await writeFileAtomically(join(folderPath, fileName), `${JSON.stringify(lists, null, 2)}\n`, { mode: 'replace' })
}

function parse(text: string): PeerLists | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { allow, deny } = value as Record<string, unknown>
  return isList(allow) && isList(deny) ? { allow, deny } : null
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= peersMax && value.every((item) => typeof item === 'string' && peerIdPattern.test(item))
}

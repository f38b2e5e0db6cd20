import { readRuntimeFile, type RuntimeFile } from '../adapters/files/runtime-file.ts'

export const defaultDataDir = '.reedbase'

/**
 * How the node on a data folder is reached; it may have died since it wrote that down.
 * @throws MeshError ERR_NO_NODE, ERR_DATA_DIR_UNUSABLE
 */
export function findLocalNode(dataDir: string = defaultDataDir): Promise<RuntimeFile> {
  return readRuntimeFile(dataDir)
}

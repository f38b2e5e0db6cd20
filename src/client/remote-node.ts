/** A client of any node over libp2p, under an identity made for this one connection. Loaded only when asked for. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { loadKeyring } from '../adapters/files/keyring.ts'
import { createMesh } from '../adapters/libp2p/mesh.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { MeshError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { defaultDataDir } from './local-node.ts'
import type { ConnectOptions } from './types.ts'

const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silentLog }

interface RemoteNode {
  /** Its PeerId. */
  readonly target: string
  readonly open: (target: string, protocol: string, signal: AbortSignal) => Promise<ByteStream>
  readonly close: () => Promise<void>
}

/** @throws MeshError ERR_NO_NODE, ERR_CLUSTER_KEY, ERR_KEYRING_DAMAGED, ERR_OPTION_INVALID */
export async function openRemote(node: string, options: Pick<ConnectOptions, 'dataDir' | 'keyringDir' | 'cluster' | 'signal'>): Promise<RemoteNode> {
  const { keys } = await loadKeyring(options.keyringDir ?? options.dataDir ?? defaultDataDir)
  const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), client: true, host: '127.0.0.1', port: 0, clusterKeys: keys, ...(options.cluster === undefined ? {} : { cluster: options.cluster }), log: silentLog, clock: systemClock })
  try {
    await mesh.start()
    const target = await mesh.dial(node, options.signal)
    return { target, open: (peerId, protocol, signal) => mesh.openDirect(peerId, protocol, signal), close: () => mesh.stop() }
  } catch (error) {
    await mesh.stop()
    if (error instanceof MeshError && error.code === 'ERR_PEER_UNREACHABLE') {
      throw new MeshError('ERR_NO_NODE', `no node answers at ${node}: ${error.message}`, { details: { node }, cause: error })
    }
    throw error
  }
}

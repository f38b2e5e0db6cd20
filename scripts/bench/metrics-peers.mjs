// Started by metrics.mjs: so many meshes in one process, each with an identity and a port of its own, that answer pings and do nothing else.
//   node scripts/bench/metrics-peers.mjs <count>
import { generateKeyPair } from '@libp2p/crypto/keys'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
process.once('disconnect', () => process.exit(0))
const peers = []
for (let index = 0; index < Number(process.argv[2]); index++) {
  const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [], log, clock: systemClock })
  await mesh.start()
  peers.push({ peerId: mesh.peerId, multiaddr: mesh.multiaddrs()[0] })
}
process.send?.({ peers })

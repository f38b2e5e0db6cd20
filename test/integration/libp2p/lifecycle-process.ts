/** A process that must end by itself: two meshes meet, use everything once, and stop. */
import { createRig, until } from './rig.ts'

const rig = createRig()
const left = await rig.mesh({ clusterKeys: [new Uint8Array(32).fill(1)] })
const right = await rig.mesh({ clusterKeys: [new Uint8Array(32).fill(1)] })
await right.onRequest('/test/1', 10, (_from, bytes) => bytes)
left.setMembers([{ peerId: right.peerId, multiaddrs: right.multiaddrs() }])
await until(() => left.connectedPeers().length === 1)
await left.ping(right.peerId)
await left.publish('load', new Uint8Array(1))
await left.request(right.peerId, '/test/1', new Uint8Array(1), { timeoutMs: 1_000, responseBytesMax: 10 })
const stream = await left.open(right.peerId, '/test/1')
stream.onBytes(() => undefined)
await rig.stop()
process.stdout.write('stopped\n')
